//! What a trial is given, what it reports, how it ends.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dataset::Layout;
use crate::model::arch::Architecture;
use crate::model::cost::Cost;
use crate::model::saved::WarmStart;
pub use crate::seld::metric::ValidationScores;

/// Whose weights a trial hands over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those of the epoch with the best validation score.
    #[default]
    Best,
    /// Those of the last epoch: where what is held out is too little, or too much like what is trained on, to choose by.
    Last,
}

/// Everything that determines a trial, and where it keeps its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialSpec {
    /// The candidate.
    pub architecture: Architecture,
    /// Fixes initial weights, data order, augmentation and dropout.
    pub seed: u64,
    /// Passes over the training data.
    pub epochs: u32,
    /// The dataset folder.
    pub data: PathBuf,
    /// Its layout, where it is not to be detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Share of the training recordings (whole rooms) held out for validation, in (0, 1).
    pub validation: f64,
    /// "cpu" or "cuda:0".
    pub device: String,
    /// Threads libtorch may use; changes the order of sums, so a study fixes it.
    pub threads: usize,
    /// Folder for this attempt's checkpoints; created when missing.
    pub folder: PathBuf,
    /// Checkpoint of an earlier attempt to go on from.
    pub resume_from: Option<PathBuf>,
    /// A model folder or checkpoint whose weights it begins with where their names and shapes are the same; not looked at
    /// when it goes on from a checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_from: Option<PathBuf>,
    /// Which epoch's weights it hands over.
    #[serde(default)]
    pub keep: Keep,
    /// Folder of the caches that trials of all studies share.
    pub cache: PathBuf,
}

/// What a trial reports after every epoch. When it is reported, `checkpoint` is safely on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Finished epochs, from 1.
    pub epoch: u32,
    /// Mean loss over the training chunks.
    pub train_loss: f64,
    /// Mean loss over the validation chunks.
    pub val_loss: f64,
    /// Scores on the validation recordings.
    pub scores: ValidationScores,
    /// Wall-clock seconds of this epoch, validation included.
    pub seconds: f64,
    /// The state to go on from: weights, optimizer, best so far.
    pub checkpoint: PathBuf,
}

/// What the one who supervises a trial answers to a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Instruction {
    /// Train on.
    Continue,
    /// End the trial: it is not promising.
    Prune,
    /// Leave now; the trial goes on later from the checkpoint just reported.
    Stop,
}

/// Receives a trial's reports.
pub trait Progress {
    /// Called once, before training: the cost of the network.
    fn started(&mut self, cost: &Cost);
    /// Called once where the trial begins with the weights of another model.
    fn warm_started(&mut self, _: &WarmStart) {}
    /// Called after every epoch; the answer is obeyed at once.
    fn epoch(&mut self, report: EpochReport) -> Instruction;
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// Trained to the last epoch or stopped early on a plateau.
    Complete {
        /// Scores of the best epoch.
        scores: ValidationScores,
        /// The best epoch.
        best_epoch: u32,
        /// Folder with the best weights, ready for export.
        model: PathBuf,
    },
    /// Ended by [`Instruction::Prune`].
    Pruned,
    /// Ended by [`Instruction::Stop`].
    Stopped,
    /// The loss, the gradients or the weights became NaN or infinite.
    Diverged {
        /// In this epoch.
        epoch: u32,
        /// What was seen, in which step of it.
        cause: String,
    },
}
