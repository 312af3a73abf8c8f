//! The `--layout` flag of commands that read a dataset.

use std::path::Path;

use crate::cache;
use crate::dataset::{Dataset, Error, Layout, OpenOptions};

/// How a dataset folder is read.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct LayoutArg {
    /// Layout of the folder instead of the one that it looks like: tau2019, tau-nigens2020, tau-nigens2021, starss22,
    /// starss23 or synth
    #[arg(long, value_name = "NAME")]
    pub(crate) layout: Option<Layout>,
}

impl LayoutArg {
    /// Opens a dataset; what is found out is kept in the user's cache folder.
    pub(crate) fn open(self, folder: &Path) -> Result<Dataset, Error> {
        OpenOptions { layout: self.layout, ..OpenOptions::cached(cache::cache_folder()) }.open(folder)
    }
}
