//! The picture of a dataset.

use std::path::{Path, PathBuf};

use crate::dataset::stats::Stats;
use crate::fs::FileError;

/// Why a picture was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The name says nothing about the format, or another one.
    #[error("{}: pictures are written as .svg or .png", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// check
pub fn check_extension(_path: &Path) -> Result<(), PlotError> {
    Ok(())
}
/// write
pub fn write(_path: &Path, _stats: &Stats) -> Result<(), PlotError> {
    Ok(())
}
