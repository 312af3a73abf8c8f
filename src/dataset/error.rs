//! What can be wrong with a dataset.

use std::path::{Path, PathBuf};

use super::layout::tau2019::EventProblem;
use crate::audio::{AudioProblem, StreamError};
use crate::fs::FileError;
use crate::seld::csv::CsvError;
use crate::seld::tree::TreeError;

/// A dataset that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A label file with a row for each frame.
    #[error(transparent)]
    Labels(#[from] CsvError),
    /// A label file with a row for each event.
    #[error("{}:{line}: {problem}", path.display())]
    Event {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong there.
        problem: EventProblem,
    },
    /// The folder tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// An audio file that cannot be read.
    #[error("{}: {problem}", path.display())]
    Audio {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: AudioProblem,
    },
    /// An audio file that is not first-order Ambisonics.
    #[error("{}: {got} channels where 4 are expected (first-order Ambisonics: W, Y, Z, X)", path.display())]
    Channels {
        /// The file.
        path: PathBuf,
        /// Channels found.
        got: u16,
    },
    /// The list of class names.
    #[error("{}:{line}: {problem}", path.display())]
    Classes {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong there.
        problem: String,
    },
    /// The file that says which fold is used for what.
    #[error("{}: {problem}", path.display())]
    Folds {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Audio without labels.
    #[error("{}: no label file for it, expected {}", audio.display(), labels.display())]
    NoLabels {
        /// The recording.
        audio: PathBuf,
        /// Where its labels should be.
        labels: PathBuf,
    },
    /// A folder that belongs to no split.
    #[error("{}: the folder belongs to no split of the layout {layout}, {expected}", path.display())]
    NoSplit {
        /// The folder.
        path: PathBuf,
        /// Name of the layout.
        layout: &'static str,
        /// How folders and files of the layout are named.
        expected: &'static str,
    },
    /// No audio at all.
    #[error(
        "{}: no recordings; expected foa_dev/dev-train-SITE/NAME.wav with metadata_dev/dev-train-SITE/NAME.csv, \
         and the same for dev-test-SITE, or another of the layouts in docs/datasets.md",
        root.display()
    )]
    Empty {
        /// The dataset's folder.
        root: PathBuf,
    },
}

impl From<StreamError> for Error {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::File(error) => Self::File(error),
            StreamError::Content { path, problem } => Self::Audio { path, problem },
        }
    }
}

impl Error {
    /// The file it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(error) | Self::Labels(CsvError::File(error)) => &error.path,
            Self::Tree(TreeError::File(error)) => &error.path,
            Self::Tree(TreeError::Twice { second, .. }) => second,
            Self::Labels(CsvError::Row { path, .. })
            | Self::Event { path, .. }
            | Self::Audio { path, .. }
            | Self::Channels { path, .. }
            | Self::Classes { path, .. }
            | Self::Folds { path, .. }
            | Self::NoSplit { path, .. } => path,
            Self::NoLabels { audio, .. } => audio,
            Self::Empty { root } => root,
        }
    }

    /// The line it is about, from 1, where it is about one.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Labels(error) => error.line(),
            Self::Classes { line, .. } | Self::Event { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// What is wrong, without path and line.
    pub fn problem(&self) -> String {
        let whole = self.to_string();
        let path = self.path().display();
        let place = self.line().map_or_else(|| format!("{path}: "), |line| format!("{path}:{line}: "));
        whole.strip_prefix(&place).map(str::to_owned).unwrap_or(whole)
    }
}
