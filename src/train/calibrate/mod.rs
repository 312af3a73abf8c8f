//! How activities become events, chosen on held-out recordings.
//!
//! First the temperature, by likelihood ([`temperature`]). Then everything that decides on events, by the objective and
//! one coordinate after the other ([`search`]): thresholds by class, the median filter, the least duration, the angle
//! within which tracks are merged. The network is not run for it: its output is kept, about 7 MB for an hour of 3 tracks
//! and 13 classes, and a few times that while searching.

mod again;
mod candidates;
mod search;
mod temperature;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::score::Scorer;
use crate::model::decode::{Decoding, Prediction};
use crate::seld::event::FrameEvent;
use crate::seld::metric::{Average, Scores};

pub use again::{Again, again};

/// What is to be best on the held-out recordings; both macro averaged over classes, by dcase2023.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// The SELD score, by which models are compared.
    #[default]
    Seld,
    /// The F-score within 20 degrees.
    F20,
}

/// The text is no objective that is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no objective {0:?}; there are seld and f20")]
pub struct UnknownObjective(String);

impl FromStr for Objective {
    type Err = UnknownObjective;

    fn from_str(name: &str) -> Result<Self, UnknownObjective> {
        match name {
            "seld" => Ok(Self::Seld),
            "f20" => Ok(Self::F20),
            _ => Err(UnknownObjective(name.to_owned())),
        }
    }
}

impl Objective {
    /// Its value, the lower the better.
    fn loss(self, scores: &Scores) -> f64 {
        match self {
            Self::Seld => scores.overall.seld,
            Self::F20 => 1.0 - scores.overall.f,
        }
    }
}

/// A recording whose labels are known, and what the network says about it.
#[derive(Debug, Clone)]
struct HeldOut {
    labels: Vec<FrameEvent>,
    frames: u32,
    prediction: Prediction,
}

/// Collects held-out recordings.
#[derive(Debug, Clone)]
pub struct Calibration {
    classes: usize,
    objective: Objective,
    recordings: Vec<HeldOut>,
}

impl Calibration {
    /// One that has seen nothing, for the SELD score.
    pub fn new(classes: usize) -> Self {
        Self { classes, objective: Objective::default(), recordings: Vec::new() }
    }

    /// The same for another objective.
    pub fn for_objective(self, objective: Objective) -> Self {
        Self { objective, ..self }
    }

    /// Adds what is predicted for a recording of `frames` label frames with these labels.
    pub fn add(&mut self, labels: &[FrameEvent], frames: u32, prediction: &Prediction) {
        self.recordings.push(HeldOut { labels: labels.to_vec(), frames, prediction: prediction.clone() });
    }

    /// The best way to decode them, never worse by the objective than threshold 0.5 with nothing else done. Small
    /// differences are not taken for more than they are: see [`search`].
    pub fn decoding(&self, classes: &[String]) -> Decoding {
        let temperature = temperature::fit(self.classes, &self.recordings);
        search::search(self, classes, temperature)
    }

    /// Macro scores (dcase2023) of the recordings, decoded like this.
    pub fn scores(&self, decoding: &Decoding, classes: &[String]) -> Scores {
        let rules = decoding.rules(classes);
        let mut scorer = Scorer::validation(self.classes);
        for HeldOut { labels, frames, prediction } in &self.recordings {
            scorer.add(labels, *frames, &prediction.decode(&rules));
        }
        scorer.scores(Average::Macro)
    }
}
