//! What is wrong with a table.

use std::path::PathBuf;

use crate::fs::FileError;

/// A table of recorded results that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A stage has nothing to replay.
    #[error("stage \"{0}\" has no trial that was trained to its end")]
    Empty(String),
    /// It is not what it should be.
    #[error("{}: line {line}: {message}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong, and what was expected.
        message: String,
    },
}
