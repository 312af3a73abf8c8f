//! What stops a study from being carried out.

use std::path::PathBuf;

use crate::engine::EngineError;
use crate::fs::FileError;
use crate::ids::TrialId;
use crate::search::SpaceError;
use crate::search::state::TrialState;
use crate::store::StoreError;

/// A study that could not be begun, resumed or carried on. What is in the store stays there.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// The space file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The space file has mistakes.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The dataset cannot be used.
    #[error(transparent)]
    Data(#[from] crate::dataset::Error),
    /// The dataset is not the one that the study began with.
    #[error(
        "the dataset {} has changed since study \"{study}\" was launched (fingerprint {found}, was {expected}): \
         put the old files back, or launch a new study", data.display()
    )]
    DataChanged {
        /// The study.
        study: String,
        /// The dataset folder.
        data: PathBuf,
        /// Fingerprint at launch.
        expected: String,
        /// Fingerprint now.
        found: String,
    },
    /// Nothing is left to validate on.
    #[error("the dataset {} has a single training recording, so none can be held out for validation: add another", data.display())]
    NoValidation {
        /// The dataset folder.
        data: PathBuf,
    },
    /// Descriptors that a stage proposes cannot be computed on the dataset, whatever else it proposes with them.
    #[error("stage \"{stage}\" can train no candidate{}: {source}", setting.as_ref().map(|s| format!(" with {s}")).unwrap_or_default())]
    Features {
        /// The stage.
        stage: String,
        /// The key and value that are at fault; none when it is what the space file fixes.
        setting: Option<String>,
        /// What is wrong.
        source: crate::model::detector::Error,
    },
    /// A tagger that a stage proposes cannot be loaded.
    #[error("stage \"{stage}\" can train no candidate with its tagger: {source}")]
    Tagger {
        /// The stage.
        stage: String,
        /// What is wrong.
        source: crate::backbone::Error,
    },
    /// A trial whose weights a stage is to begin with has none.
    #[error(
        "stage \"{stage}\" is to begin with the weights of trial {trial}, which is {state} and has no model any more, or \
         never had: name a complete trial in \"init_from\""
    )]
    NoWeights {
        /// The stage.
        stage: String,
        /// The trial.
        trial: TrialId,
        /// Its state.
        state: TrialState,
    },
    /// Another process carries this study out.
    #[error(
        "study \"{study}\" is being worked on by another launch or resume: stop that one first (`at2seld stop {study}`)"
    )]
    Busy {
        /// The study.
        study: String,
    },
    /// A device that no worker can use, or a mixture of kinds.
    #[error("unusable device \"{device}\": {why}")]
    Device {
        /// As given.
        device: String,
        /// What to write.
        why: &'static str,
    },
    /// The study's store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The worker processes.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The process cannot listen for signals.
    #[error("cannot listen for interrupts: {0}")]
    Signals(#[source] std::io::Error),
}

impl ControllerError {
    /// Whether what the user gave is at fault (exit code 2), not the work (exit code 1).
    pub fn is_input(&self) -> bool {
        match self {
            Self::File(_)
            | Self::Space(_)
            | Self::Data(_)
            | Self::DataChanged { .. }
            | Self::NoValidation { .. }
            | Self::Features { .. }
            | Self::NoWeights { .. }
            | Self::Busy { .. }
            | Self::Device { .. } => true,
            Self::Store(error) => error.is_input(),
            Self::Tagger { source, .. } => source.is_input(),
            Self::Engine(_) | Self::Signals(_) => false,
        }
    }

    /// Whether the same step may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}
