//! The folder trees that datasets come in. One file a layout.

use std::path::PathBuf;

use super::error::Error;
use super::fold::Split;

pub mod starss;

pub use super::labels::STARSS_CLASSES;

/// The files of one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The files' stem.
    pub name: String,
    /// The wav file.
    pub audio: PathBuf,
    /// Where its labels should be.
    pub labels: PathBuf,
    /// By the folder it lies in.
    pub split: Split,
}

/// What a layout finds in a folder.
#[derive(Debug)]
pub struct Listing {
    /// Recordings by name.
    pub entries: Vec<Entry>,
    /// Class names by index.
    pub classes: Vec<String>,
    /// What makes the tree unusable.
    pub errors: Vec<Error>,
    /// Label files without audio.
    pub orphans: Vec<PathBuf>,
}
