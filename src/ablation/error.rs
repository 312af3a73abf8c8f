//! Why a diagnosis cannot be made.

use std::path::PathBuf;

use crate::controller::ControllerError;
use crate::dataset::class_map::ClassMapError;
use crate::dataset::{self, Selection};
use crate::ids::TrialId;
use crate::model::saved;
use crate::search::state::TrialState;
use crate::store::StoreError;
use crate::train::evaluate;

/// A diagnosis could not be made. What was trained stays in the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The study has no winner yet.
    #[error(
        "no stage of study \"{study}\" is finished yet: let `at2seld resume {study}` go on to the end of one"
    )]
    NoWinner {
        /// The study.
        study: String,
    },
    /// The winner's architecture is none that this version knows.
    #[error("the architecture of trial {trial} cannot be read: {problem}")]
    Architecture {
        /// The winner.
        trial: TrialId,
        /// What is wrong.
        problem: String,
    },
    /// A study of this name does something else.
    #[error(
        "study \"{study}\" is in the store already, with another {what}: give the same as then, or another name with --name"
    )]
    OtherStudy {
        /// Its name.
        study: String,
        /// What differs.
        what: &'static str,
    },
    /// A study ended without a result.
    #[error("study \"{study}\" has failed: {reason}; `at2seld leaderboard {study}` shows its trials")]
    Failed {
        /// Its name.
        study: String,
        /// Why.
        reason: String,
    },
    /// There is no model to train on.
    #[error(
        "no run of the winner in study \"{study}\" has a result to fine-tune: `at2seld leaderboard {study}` shows its trials"
    )]
    NothingToFineTune {
        /// The study.
        study: String,
    },
    /// Something is to be known of a study that has not ended.
    #[error("study \"{study}\" is not finished: the same command again goes on with it")]
    Unfinished {
        /// Its name.
        study: String,
    },
    /// A trial that is complete has no model any more.
    #[error(
        "the model of trial {trial}, which is {state}, is not in the folder beside the store any more: it cannot be scored"
    )]
    NoModel {
        /// The trial.
        trial: TrialId,
        /// Its state.
        state: TrialState,
    },
    /// The dataset cannot be used.
    #[error(transparent)]
    Dataset(#[from] dataset::Error),
    /// There is nothing to score on.
    #[error("the dataset {} has no recordings in split {split}: name another with --split", folder.display())]
    NothingToScore {
        /// The dataset folder.
        folder: PathBuf,
        /// The split.
        split: Selection,
    },
    /// The same dataset is named twice.
    #[error("the dataset {} is named twice", .0.display())]
    Twice(PathBuf),
    /// A class map is for a dataset that is not asked for.
    #[error("--class-map names {}, which is no --transfer: give it as `DIR=MAP` with the DIR of a --transfer", .0.display())]
    MapOfNothing(PathBuf),
    /// A class map cannot be used.
    #[error("{}: {source}", folder.display())]
    ClassMap {
        /// The dataset folder.
        folder: PathBuf,
        /// What is wrong.
        source: ClassMapError,
    },
    /// Nothing says which classes are the same.
    #[error(
        "the classes of {} are [{}], those of {} are [{}], and no built-in map is between them: say which are the same with \
         --class-map {}=MAP, where MAP is same-names, a built-in map or a file",
        folder.display(), theirs.join(", "), home.display(), ours.join(", "), folder.display()
    )]
    NoMap {
        /// The folder with other classes.
        folder: PathBuf,
        /// Its classes.
        theirs: Vec<String>,
        /// The folder that is trained on.
        home: PathBuf,
        /// Its classes.
        ours: Vec<String>,
    },
    /// A model cannot be read.
    #[error(transparent)]
    Model(#[from] saved::Error),
    /// A model cannot be scored.
    #[error(transparent)]
    Evaluation(#[from] evaluate::Error),
    /// A study cannot be begun or gone on with.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Whether what the user gave is at fault (exit code 2), not the work (exit code 1).
    pub fn is_input(&self) -> bool {
        match self {
            Self::NoWinner { .. }
            | Self::Architecture { .. }
            | Self::OtherStudy { .. }
            | Self::Dataset(_)
            | Self::NothingToScore { .. }
            | Self::Twice(_)
            | Self::MapOfNothing(_)
            | Self::ClassMap { .. }
            | Self::NoMap { .. } => true,
            Self::Failed { .. }
            | Self::NothingToFineTune { .. }
            | Self::Unfinished { .. }
            | Self::NoModel { .. }
            | Self::Model(_) => false,
            Self::Evaluation(error) => !matches!(error, evaluate::Error::Torch { .. }),
            Self::Controller(error) => error.is_input(),
            Self::Store(error) => error.is_input(),
        }
    }
}
