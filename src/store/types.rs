//! What goes into the store and comes out of it: plain data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dataset::Layout;
use crate::ids::{Attempt, StageId, StudyId, TrialId, WorkerId};
use crate::search::snapshot::{CurvePoint, Scores};
use crate::search::state::{StudyState, TrialState};

/// How the trials of a study are run; together with the space file, everything needed to resume it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The dataset folder, absolute.
    pub data: PathBuf,
    /// The folder's layout, where it was not to be detected; older stores have no such key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Devices that workers are spread over: "cpu", "cuda:0", ...
    pub devices: Vec<String>,
    /// Worker processes.
    pub workers: usize,
    /// Threads per trainer; part of what a candidate scores, so it stays fixed over a study.
    pub threads: usize,
    /// Share of the training recordings held out for validation, in (0, 1).
    pub validation: f64,
}

/// A study to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewStudy {
    /// Unique in the store.
    pub name: String,
    /// The space file as read.
    pub space: Value,
    /// How trials are run.
    pub settings: Settings,
    /// Seed of all decisions.
    pub seed: u64,
    /// Identifies the data's content.
    pub data_fingerprint: String,
    /// Version of the program that created it.
    pub version: String,
    /// Names of the stages, in order.
    pub stages: Vec<String>,
}

/// A study.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// Its id.
    pub id: StudyId,
    /// Its name.
    pub name: String,
    /// The space file as read at launch.
    pub space: Value,
    /// How trials are run.
    pub settings: Settings,
    /// Seed of all decisions.
    pub seed: u64,
    /// Identifies the data's content at launch.
    pub data_fingerprint: String,
    /// Version of the program that created it.
    pub version: String,
    /// Where it stands.
    pub state: StudyState,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub updated_ms: i64,
}

/// A trial that a worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its study.
    pub study: StudyId,
    /// Its stage.
    pub stage: StageId,
    /// The stage's position in the study, from 0.
    pub stage_position: usize,
    /// The trial.
    pub trial: TrialId,
    /// To be named in every write about it.
    pub attempt: Attempt,
    /// Position in its stage.
    pub number: u32,
    /// The candidate.
    pub architecture: Value,
    /// Seed of training.
    pub seed: u64,
    /// Epochs to train.
    pub epochs: u32,
    /// The model whose weights it begins with, where they fit.
    pub init_from: Option<PathBuf>,
    /// Where an earlier attempt got to: its last reported checkpoint, which exists.
    pub resume_from: Option<PathBuf>,
    /// Epochs in that checkpoint; the curve has exactly these.
    pub epochs_done: u32,
}

/// What is known once an epoch is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochReceipt {
    /// The study's state now.
    pub study: StudyState,
}

/// How a trial ends for good.
#[derive(Debug, Clone, PartialEq)]
pub enum Finish {
    /// Trained to its last epoch.
    Complete {
        /// Scores of the best epoch.
        scores: Scores,
        /// The best epoch.
        best_epoch: u32,
        /// Folder with the best weights.
        model: PathBuf,
    },
    /// Not promising.
    Pruned {
        /// The comparison that decided.
        reason: String,
    },
    /// No usable result, and another attempt would not change that.
    Failed {
        /// Why.
        error: String,
    },
}

impl Finish {
    /// The state that the trial ends in.
    pub fn state(&self) -> TrialState {
        match self {
            Self::Complete { .. } => TrialState::Complete,
            Self::Pruned { .. } => TrialState::Pruned,
            Self::Failed { .. } => TrialState::Failed,
        }
    }
}

/// A trial with all that people and `export` want to know.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialDetails {
    /// Its id.
    pub id: TrialId,
    /// What determines its score: see [`Store::add_trials`](super::Store::add_trials).
    pub key: String,
    /// Its study.
    pub study: StudyId,
    /// Name of its stage.
    pub stage: String,
    /// Position in its stage.
    pub number: u32,
    /// The candidate.
    pub architecture: Value,
    /// Seed of training.
    pub seed: u64,
    /// Epochs to train.
    pub epochs_budget: u32,
    /// See [`crate::search::snapshot::TrialView::repeat`].
    pub repeat: u32,
    /// Where it stands.
    pub state: TrialState,
    /// The latest attempt; 0 when it was never claimed.
    pub attempt: Attempt,
    /// Scores of the best epoch so far.
    pub scores: Scores,
    /// The best epoch so far.
    pub best_epoch: Option<u32>,
    /// Trainable parameters.
    pub params: Option<u64>,
    /// Multiply-accumulates per second of audio.
    pub macs: Option<u64>,
    /// Seconds spent in the epochs of its curve.
    pub seconds: f64,
    /// Its learning curve.
    pub curve: Vec<CurvePoint>,
    /// Folder with the best weights, for complete trials.
    pub model: Option<PathBuf>,
    /// Why it was pruned or failed, or how its last attempt crashed.
    pub error: Option<String>,
    /// Attempts in a row that crashed without getting an epoch further.
    pub crashes: u32,
    /// The trial whose result this is.
    pub reused_from: Option<TrialId>,
}

/// A worker process that begins to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorker {
    /// The study it serves.
    pub study: StudyId,
    /// Name of its machine.
    pub host: String,
    /// Process id on that machine.
    pub pid: u32,
    /// "cpu" or "cuda:0".
    pub device: String,
    /// A file that it keeps locked as long as it lives.
    pub lock_file: PathBuf,
}

/// A worker process that has not ended as far as the store knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerRow {
    /// Its id.
    pub id: WorkerId,
    /// Name of its machine.
    pub host: String,
    /// Process id on that machine.
    pub pid: u32,
    /// "cpu" or "cuda:0".
    pub device: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// Milliseconds since 1970.
    pub last_seen_ms: i64,
    /// The trial it holds.
    pub trial: Option<TrialId>,
    /// Whether it lives: on this machine by its lock, elsewhere by its last sign of life.
    pub alive: bool,
}

/// A decision or an incident, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its id; grows with time.
    pub id: i64,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// The trial it is about.
    pub trial: Option<TrialId>,
    /// One word: "stage", "trial", "prune", "crash", "worker", "study".
    pub kind: String,
    /// What happened.
    pub text: String,
}
