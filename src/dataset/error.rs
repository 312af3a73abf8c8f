//! What can be wrong with a dataset.

use std::path::{Path, PathBuf};

use crate::fs::FileError;
use crate::seld::csv::CsvError;
use crate::seld::tree::TreeError;

/// A dataset that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A label file.
    #[error(transparent)]
    Labels(#[from] CsvError),
    /// The folder tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// An audio file.
    #[error("{}: {problem}", path.display())]
    Wav {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: WavProblem,
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
    /// Audio without labels.
    #[error("{}: no label file for it, expected {}", audio.display(), labels.display())]
    NoLabels {
        /// The recording.
        audio: PathBuf,
        /// Where its labels should be.
        labels: PathBuf,
    },
    /// A folder that belongs to no split.
    #[error("{}: the folder belongs to no split, name it dev-train-SITE or dev-test-SITE", path.display())]
    NoSplit {
        /// The folder.
        path: PathBuf,
    },
    /// No audio at all.
    #[error(
        "{}: no recordings; expected foa_dev/dev-train-SITE/NAME.wav with metadata_dev/dev-train-SITE/NAME.csv, \
         and the same for dev-test-SITE",
        root.display()
    )]
    Empty {
        /// The dataset's folder.
        root: PathBuf,
    },
}

impl Error {
    /// The file it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(error) | Self::Labels(CsvError::File(error)) => &error.path,
            Self::Tree(TreeError::File(error)) => &error.path,
            Self::Tree(TreeError::Twice { second, .. }) => second,
            Self::Labels(CsvError::Row { path, .. })
            | Self::Wav { path, .. }
            | Self::Classes { path, .. }
            | Self::NoSplit { path } => path,
            Self::NoLabels { audio, .. } => audio,
            Self::Empty { root } => root,
        }
    }

    /// The line it is about, from 1, where it is about one.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Labels(error) => error.line(),
            Self::Classes { line, .. } => Some(*line),
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

/// What is wrong with an audio file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WavProblem {
    /// Not first-order Ambisonics.
    #[error("{got} channels where 4 are expected (first-order Ambisonics: W, Y, Z, X)")]
    Channels {
        /// Channels found.
        got: u16,
    },
    /// The file ends early.
    #[error(
        "truncated: the header announces {announced} bytes of samples, {present} are there; copy the file again"
    )]
    Truncated {
        /// Bytes of the data chunk by its header.
        announced: u64,
        /// Bytes that are there.
        present: u64,
    },
    /// No samples.
    #[error("there are no samples in it")]
    Silent,
    /// A sample that is NaN or infinite.
    #[error("sample {sample} of channel {channel} is {value}; all must be finite")]
    NotFinite {
        /// Position in the recording, from 0.
        sample: u64,
        /// Channel, from 0.
        channel: usize,
        /// What stands there.
        value: f32,
    },
    /// A sample format that is not read.
    #[error("{bits} bit {kind} samples are not read; 16, 24 and 32 bit integers and 32 bit floats are")]
    Format {
        /// Bits of a sample.
        bits: u16,
        /// "integer" or "float".
        kind: &'static str,
    },
    /// The sample rate differs within the dataset.
    #[error(
        "sample rate {got} Hz, but {} has {expected} Hz; all recordings of a dataset must have one",
        first.display()
    )]
    SampleRate {
        /// This file's.
        got: u32,
        /// That of the dataset's first recording.
        expected: u32,
        /// The dataset's first recording.
        first: PathBuf,
    },
    /// Not a wav file, or a damaged one.
    #[error("not a readable wav file: {0}")]
    Damaged(String),
}
