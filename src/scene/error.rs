//! What can go wrong while a dataset is made.

use std::path::PathBuf;

use crate::audio::{AudioError, AudioWriteError};
use crate::fs::FileError;

/// Why no dataset was written. [`SceneError::is_input`] tells the user's fault from the machine's.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// A setting outside its range.
    #[error("{key}: expected {expected}, got {got}")]
    Setting {
        /// Name of the setting.
        key: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// The output folder already holds something.
    #[error("{}: already exists and is not an empty folder; name a new folder or remove this one", path.display())]
    OutputInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder of recordings cannot serve as a bank of events.
    #[error("{}: expected {expected}, got {got}", path.display())]
    Bank {
        /// The folder or file.
        path: PathBuf,
        /// What a bank needs.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// The bank has no class of that name.
    #[error("classes: no class {name:?}; did you mean {nearest:?}? (there are {known})")]
    UnknownClass {
        /// What was asked for.
        name: String,
        /// The class with the most similar name.
        nearest: String,
        /// Names of all classes.
        known: String,
    },
    /// A class was asked for twice.
    #[error("classes: {name:?} is there twice")]
    ClassTwice {
        /// Its name.
        name: String,
    },
    /// The table that describes recordings or impulse responses is not one of the right columns and values.
    #[error("{}: line {line}: {reason}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An impulse response cannot be used.
    #[error("{}: {reason}", path.display())]
    Response {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A recording of the bank cannot be used.
    #[error(transparent)]
    Clip(#[from] AudioError),
    /// A file of the dataset could not be written.
    #[error(transparent)]
    Write(#[from] AudioWriteError),
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

impl SceneError {
    /// Whether the cause is what the user gave, rather than the machine.
    pub fn is_input(&self) -> bool {
        !matches!(self, Self::Write(_) | Self::File(_) | Self::Interrupted)
    }
}
