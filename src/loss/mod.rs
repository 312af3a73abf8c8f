//! What training minimises: the losses of what the network says, under the best assignment of its tracks to events. See
//! docs/losses.md.

mod activity;
mod adpit;
mod assignment;
mod balance;
mod bce;
mod distance;
mod doa;
mod focal;
mod pit;
#[cfg(test)]
mod tests;
mod weighting;

use tch::Tensor;
use tch::nn::VarStore;

use assignment::Assignments;
use weighting::Weighting;

use crate::model::arch::{Architecture, LossConfig, OutputFormat};
use crate::model::network::Output;

/// Where the loss has its variables in a store: they are trained and not part of a model.
pub const VARIABLES: &str = "loss";

/// Whether a variable of this name is one of the loss.
pub fn is_variable(name: &str) -> bool {
    name.strip_prefix(VARIABLES).is_some_and(|rest| rest.starts_with('.'))
}

/// What was really there, at label-frame rate. Events sit in any slots, one for each of the N tracks; an event keeps its slot.
#[derive(Debug)]
pub struct Target {
    /// Class activity `[B, T, N, K]`, 0 or 1. Of class-wise formats, which have slots of their own for every class, 1 where
    /// the slot is taken.
    pub activity: Tensor,
    /// Unit direction vectors, zero where the slot is free: `[B, T, N, 3]`, of class-wise formats `[B, T, N, K, 3]`.
    pub direction: Tensor,
    /// Metres, 0 where the slot is free: `[B, T, N]`, of class-wise formats `[B, T, N, K]`. Where the network says distances.
    pub distance: Option<Tensor>,
}

/// A part of the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Of the activities of tracks.
    Activity,
    /// Of the directions of tracks.
    Direction,
    /// Of class-wise vectors.
    Vectors,
    /// Of distances.
    Distance,
}

impl Part {
    /// Its name in messages and variables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Direction => "direction",
            Self::Vectors => "vectors",
            Self::Distance => "distance",
        }
    }
}

/// The loss of a batch.
#[derive(Debug)]
pub struct Lost {
    /// What is minimised, a scalar.
    pub total: Tensor,
    /// Its parts before they are weighted, scalars.
    pub parts: Vec<(Part, Tensor)>,
}

/// The loss of one architecture on one dataset.
#[derive(Debug)]
pub struct Loss {
    config: LossConfig,
    /// `[K]`
    class_weights: Option<Tensor>,
    weighting: Weighting,
    /// Of tracks, the permutations; of class-wise vectors, assignments onto 2 and more events.
    assignments: Vec<Assignments>,
}

impl Loss {
    /// Makes its variables, if it has any, under [`VARIABLES`] in `vs`, on its device.
    ///
    /// `class_frames`: label frames of the training data with each class.
    pub fn new(vs: &VarStore, arch: &Architecture, class_frames: &[u64]) -> Self {
        let config = arch.loss.clone();
        let is_class_wise = arch.output.format != OutputFormat::Tracks;
        let mut parts =
            if is_class_wise { vec![Part::Vectors] } else { vec![Part::Activity, Part::Direction] };
        if arch.output.distance {
            parts.push(Part::Distance);
        }
        let tracks = arch.tracks.count as usize;
        let onto = |events| Assignments::onto(tracks, events, vs.device());
        let weights = balance::class_weights(config.class_balance, config.effective_beta, class_frames);
        Self {
            weighting: Weighting::new(&(vs.root() / VARIABLES), &config, &parts),
            class_weights: weights.map(|weights| Tensor::from_slice(&weights).to(vs.device())),
            assignments: if is_class_wise { (2..=tracks).map(onto).collect() } else { vec![onto(tracks)] },
            config,
        }
    }

    /// Of what the network says of a batch. Both are of the architecture that this was made for; float32 or float64.
    pub fn of(&self, output: &Output, target: &Target) -> Lost {
        let weights = |like: &Tensor| self.class_weights.as_ref().map(|weights| weights.to_kind(like.kind()));
        let parts = match output {
            Output::Tracks { activity, direction, distance } => pit::parts(
                &self.config,
                weights(activity).as_ref(),
                &self.weighting,
                &self.assignments[0],
                &pit::Said { activity, direction, distance: distance.as_ref() },
                target,
            ),
            Output::Vectors { vectors, distance } => adpit::parts(
                &self.config,
                weights(vectors).as_ref(),
                &self.weighting,
                &self.assignments,
                &adpit::Said { vectors, distance: distance.as_ref() },
                target,
            ),
        };
        Lost { total: self.weighting.total(&parts), parts }
    }
}
