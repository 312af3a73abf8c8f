//! Loss of tracks: permutation-invariant training, for a chunk (PIT: Yu et al., arXiv 1607.00325) or for each label frame
//! (tPIT for SELD: Cao et al., arXiv 2010.13092).

use tch::{Kind, Tensor, no_grad};

use super::assignment::Assignments;
use super::weighting::Weighting;
use super::{Part, Target, activity, distance, doa};
use crate::model::arch::{DoaTargets, LossConfig, Permutation};

/// What tracks say, as in [`Output::Tracks`](crate::model::network::Output::Tracks).
pub(super) struct Said<'a> {
    pub(super) activity: &'a Tensor,
    pub(super) direction: &'a Tensor,
    pub(super) distance: Option<&'a Tensor>,
}

/// The parts under the assignment of tracks to slots that makes their weighted sum least, each a mean over chunks, label
/// frames and tracks.
pub(super) fn parts(
    config: &LossConfig,
    class_weights: Option<&Tensor>,
    weighting: &Weighting,
    permutations: &Assignments,
    said: &Said,
    target: &Target,
) -> Vec<(Part, Tensor)> {
    let pairs = pairs(config, class_weights, said, target);
    let chosen = no_grad(|| {
        let weighted = pairs.iter().map(|(part, cost)| weighting.weighted(*part, cost));
        let Some(cost) = weighted.reduce(|sum, cost| sum + cost) else { return Tensor::new() };
        let cost = match config.permutation {
            Permutation::Chunk => cost.mean_dim(1, true, None::<Kind>),
            Permutation::Frame => cost,
        };
        permutations.cheapest(&cost).unsqueeze(-1)
    });
    let under = |(part, cost): (Part, Tensor)| {
        let shape = cost.size();
        let chosen = chosen.expand([shape[0], shape[1], shape[2], 1], false);
        (part, cost.gather(3, &chosen, false).mean(None::<Kind>))
    };
    pairs.into_iter().map(under).collect()
}

/// The cost of explaining every target slot by every output track, part by part: `[B, T, N outputs, N targets]`.
fn pairs(
    config: &LossConfig,
    class_weights: Option<&Tensor>,
    said: &Said,
    target: &Target,
) -> Vec<(Part, Tensor)> {
    let active = target.activity.amax(-1, false).unsqueeze(2);
    let direction = doa::pairs(config.doa, said.direction, &target.direction);
    let direction = match config.doa_on {
        DoaTargets::Active => direction * &active,
        DoaTargets::All => direction,
    };
    let mut pairs = vec![
        (Part::Activity, activity::pairs(config, class_weights, said.activity, &target.activity)),
        (Part::Direction, direction),
    ];
    if let (Some(found), Some(truth)) = (said.distance, &target.distance) {
        let cost = distance::of(config.distance, &found.unsqueeze(3), &truth.unsqueeze(2));
        pairs.push((Part::Distance, cost * active));
    }
    pairs
}
