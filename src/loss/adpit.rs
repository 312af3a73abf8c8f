//! Loss of class-wise vectors: auxiliary-duplicating permutation-invariant training (ADPIT: Shimada et al., arXiv
//! 2110.07124), for any number of tracks. Every track of a class that is active has one of its events, and every event a
//! track: a lone event all of them. ACCDOA (arXiv 2010.15306) is the case of one track.

use tch::{Kind, Tensor, no_grad};

use super::assignment::Assignments;
use super::weighting::Weighting;
use super::{Part, Target, distance};
use crate::model::arch::LossConfig;

/// What tracks say of the classes, as in [`Output::Vectors`](crate::model::network::Output::Vectors).
pub(super) struct Said<'a> {
    pub(super) vectors: &'a Tensor,
    pub(super) distance: Option<&'a Tensor>,
}

/// The parts under the assignment of tracks to events that makes their weighted sum least in every label frame and class,
/// each a mean over chunks, label frames, tracks and classes, and over the components of vectors. Where the class is not
/// active the vector is zero, and no distance counts.
///
/// `assignments`: onto 2, 3, .. events.
pub(super) fn parts(
    config: &LossConfig,
    class_weights: Option<&Tensor>,
    weighting: &Weighting,
    assignments: &[Assignments],
    said: &Said,
    target: &Target,
) -> Vec<(Part, Tensor)> {
    let cells = Cells::of(said, target, class_weights);
    let slots = no_grad(|| cells.slots(config, weighting, assignments));
    let direction = cells.direction.gather(1, &slots.unsqueeze(-1).expand_as(&cells.direction), false);
    let square = square_error(&cells.vectors, &direction) * &cells.weight;
    let mut parts = vec![(Part::Vectors, square.mean(None::<Kind>))];
    if let Some((found, truth)) = &cells.distance {
        let error = distance::of(config.distance, found, &truth.gather(1, &slots, false));
        parts.push((Part::Distance, (error * cells.active.amax(1, true)).mean(None::<Kind>)));
    }
    parts
}

/// Label frames and classes of a batch in a row, each by itself: C is B * T * K.
struct Cells {
    /// Of the class, `[C, 1]`.
    weight: Tensor,
    /// `[C, N, 3]`
    vectors: Tensor,
    /// `[C, N]`
    active: Tensor,
    /// `[C, N, 3]`
    direction: Tensor,
    /// Found and true, `[C, N]`.
    distance: Option<(Tensor, Tensor)>,
}

impl Cells {
    fn of(said: &Said, target: &Target, class_weights: Option<&Tensor>) -> Self {
        let shape = target.activity.size();
        let classes = shape[3];
        let alike = || target.activity.new_ones([classes], (said.vectors.kind(), said.vectors.device()));
        let weight = class_weights.map_or_else(alike, Tensor::shallow_clone);
        // [B, T, N, K, ..]
        let cells = |x: &Tensor| x.transpose(2, 3).flatten(0, 2);
        Self {
            weight: weight.expand([shape[0], shape[1], classes], false).reshape([-1, 1]),
            vectors: cells(said.vectors),
            active: cells(&target.activity),
            direction: cells(&target.direction),
            distance: said
                .distance
                .zip(target.distance.as_ref())
                .map(|(found, truth)| (cells(found), cells(truth))),
        }
    }

    /// The target slot of every track, `[C, N]`. Most cells have one event or none, and nothing to choose.
    fn slots(&self, config: &LossConfig, weighting: &Weighting, assignments: &[Assignments]) -> Tensor {
        let counts = self.active.sum_dim_intlist(1, false, None::<Kind>);
        let mut slots = self.active.argmax(1, true).expand_as(&self.active).contiguous();
        for assignment in assignments {
            let rows = counts.eq(assignment.events()).nonzero().squeeze_dim(1);
            let (found, outputs) = (rows.size()[0], self.active.size()[1]);
            if found == 0 {
                continue;
            }
            // The slots that are taken, first.
            let taken = self.active.index_select(0, &rows).argsort_stable(true, 1, true);
            let taken = taken.narrow(1, 0, assignment.events());
            let of_events = taken.unsqueeze(1).expand([found, outputs, assignment.events()], false);
            let cost = self.cost(config, weighting, &rows).gather(2, &of_events, false);
            let chosen = taken.gather(1, &assignment.cheapest(&cost), false);
            let _ = slots.index_copy_(0, &rows, &chosen);
        }
        slots
    }

    /// The weighted cost of every track and slot of some cells, `[rows, N, N]`.
    fn cost(&self, config: &LossConfig, weighting: &Weighting, rows: &Tensor) -> Tensor {
        let pick = |x: &Tensor| x.index_select(0, rows);
        let square = square_error(&pick(&self.vectors).unsqueeze(2), &pick(&self.direction).unsqueeze(1));
        let cost = weighting.weighted(Part::Vectors, &square) * pick(&self.weight).unsqueeze(2);
        match &self.distance {
            Some((found, truth)) => {
                let error =
                    distance::of(config.distance, &pick(found).unsqueeze(2), &pick(truth).unsqueeze(1));
                cost + weighting.weighted(Part::Distance, &error)
            }
            None => cost,
        }
    }
}

/// Mean over components.
fn square_error(found: &Tensor, truth: &Tensor) -> Tensor {
    (found - truth).square().mean_dim(-1, false, None::<Kind>)
}
