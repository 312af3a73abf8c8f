//! The state of a trial between two epochs: everything that the rest of the trial depends on.
//!
//! Random draws are not part of it: every epoch starts streams of its own from the trial's seed.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::trial::ValidationScores;
use crate::model::saved::WarmStart;
use crate::model::weights::{self, Weights};

/// The part of the state that is not tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progressed {
    /// Finished epochs.
    pub(super) epoch: u32,
    /// Optimizer steps done.
    pub(super) steps: i64,
    /// The epoch with the best scores so far.
    pub(super) best_epoch: u32,
    /// Its scores.
    pub(super) best: ValidationScores,
    /// What it began with.
    #[serde(default)]
    pub(super) warm_start: Option<WarmStart>,
}

/// A checkpoint read back.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) progressed: Progressed,
    weights: Weights,
}

const KEY: &str = "progress";
const MODEL: &str = "model.";
const OPTIMIZER: &str = "optimizer.";
const AVERAGE: &str = "average.";
const BEST: &str = "best.";

/// The tensors of a checkpoint, by name.
pub(super) struct Parts<'a> {
    /// The network's variables.
    pub(super) model: &'a [(String, Tensor)],
    /// The optimizer's state.
    pub(super) optimizer: &'a [(String, Tensor)],
    /// The moving average of the variables; empty where none is kept.
    pub(super) average: &'a [(String, Tensor)],
    /// What was validated in the best epoch.
    pub(super) best: &'a [(String, Tensor)],
}

/// Writes a checkpoint atomically.
pub(super) fn write(path: &Path, progressed: &Progressed, parts: Parts) -> Result<(), weights::Error> {
    let parts =
        [(MODEL, parts.model), (OPTIMIZER, parts.optimizer), (AVERAGE, parts.average), (BEST, parts.best)];
    let tensors: Vec<(String, Tensor)> = parts
        .iter()
        .flat_map(|(prefix, part)| part.iter().map(move |(n, t)| (format!("{prefix}{n}"), t.shallow_clone())))
        .collect();
    let text = serde_json::to_string(progressed)
        .map_err(|e| weights::Error::Content { path: path.to_owned(), problem: e.to_string() })?;
    weights::write(path, &tensors, HashMap::from([(KEY.to_owned(), text)]))
}

/// Reads a checkpoint.
pub(super) fn read(path: &Path) -> Result<Checkpoint, weights::Error> {
    let weights = weights::read(path)?;
    let broken = || weights::Error::Content { path: path.to_owned(), problem: "it is no checkpoint".into() };
    let text = weights.metadata.get(KEY).ok_or_else(broken)?;
    let progressed = serde_json::from_str(text).map_err(|_| broken())?;
    Ok(Checkpoint { progressed, weights })
}

impl Checkpoint {
    /// The network's variables after the last finished epoch.
    pub(super) fn model(&self) -> Vec<(String, Tensor)> {
        self.weights.with_prefix(MODEL)
    }

    /// The moving average of the variables.
    pub(super) fn average(&self) -> Vec<(String, Tensor)> {
        self.weights.with_prefix(AVERAGE)
    }

    /// What was validated in the best epoch.
    pub(super) fn best(&self) -> Vec<(String, Tensor)> {
        self.weights.with_prefix(BEST)
    }

    /// A tensor of the optimizer's state.
    pub(super) fn optimizer(&self, name: &str) -> Option<Tensor> {
        let name = format!("{OPTIMIZER}{name}");
        self.weights.tensors.iter().find(|(n, _)| *n == name).map(|(_, t)| t.shallow_clone())
    }
}
