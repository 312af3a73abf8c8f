//! What training minimises: activity and direction losses under the best assignment of output tracks to events.

mod permutation;

use tch::{Kind, Tensor};

use crate::model::arch::{DoaDistance, LossConfig, Permutation};
use crate::model::network::Output;

/// What was really there, at label-frame rate. Events sit in any track slots; an event keeps its slot.
#[derive(Debug)]
pub struct Target {
    /// Class activity `[B, T, N, K]`, 0 or 1.
    pub activity: Tensor,
    /// Unit direction vectors `[B, T, N, 3]`; zero where the slot is free.
    pub direction: Tensor,
}

/// The loss of a batch, a scalar: activity loss plus `doa_weight` times direction loss, under the assignment of
/// tracks that makes it least (PIT: Yu et al., arXiv 1607.00325; tPIT for SELD: Cao et al., arXiv 2010.13092).
///
/// Both parts are sums over a track's outputs, averaged over frames and tracks. Directions count on active targets
/// only: else the many inactive ones, which have no direction, would dominate.
pub fn loss(config: &LossConfig, output: &Output, target: &Target) -> Tensor {
    let cost = pairwise_cost(config, output, target);
    let cost = match config.permutation {
        Permutation::Chunk => cost.mean_dim(1, true, Kind::Float),
        Permutation::Frame => cost,
    };
    permutation::least_assignment_cost(&cost).mean(Kind::Float)
}

/// Cost of explaining every target slot by every output track: `[B, T, N outputs, N targets]`.
fn pairwise_cost(config: &LossConfig, output: &Output, target: &Target) -> Tensor {
    let Output::Tracks { activity, direction, .. } = output else {
        unreachable!("class-wise formats have no loss yet")
    };
    let logits = activity.unsqueeze(3);
    let truth = target.activity.unsqueeze(2);
    // Binary cross-entropy from logits, in the form that does not overflow.
    let activity = (logits.clamp_min(0.0) - &logits * &truth + (-logits.abs()).exp().log1p())
        .sum_dim_intlist(-1, false, Kind::Float);
    let active = target.activity.amax(-1, false).unsqueeze(2);
    let (guess, truth) = (direction.unsqueeze(3), target.direction.unsqueeze(2));
    let distance = match config.doa {
        DoaDistance::Mse => (guess - truth).square().sum_dim_intlist(-1, false, Kind::Float),
        DoaDistance::Cosine => {
            let length = guess.square().sum_dim_intlist(-1, false, Kind::Float).clamp_min(1e-12).sqrt();
            1.0 - (guess * truth).sum_dim_intlist(-1, false, Kind::Float) / length
        }
        DoaDistance::L1 | DoaDistance::Angular => unreachable!("no loss yet"),
    };
    activity + distance * active * config.doa_weight
}
