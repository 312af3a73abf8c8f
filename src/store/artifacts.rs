//! The folder beside a store, in which workers keep what does not belong in a database.

use std::path::{Path, PathBuf};

use crate::ids::{Attempt, TrialId};

/// `NAME.artifacts/` beside `NAME.db`.
///
/// Paths inside it are stored relative to it, so that a store and its artifacts can be moved together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifacts {
    root: PathBuf,
}

impl Artifacts {
    /// The folder that belongs to this database file.
    pub(super) fn beside(database: &Path) -> std::io::Result<Self> {
        Ok(Self { root: std::path::absolute(database.with_extension("artifacts"))? })
    }

    /// The folder itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Lock files and logs of workers.
    pub fn workers(&self) -> PathBuf {
        self.root.join("workers")
    }

    /// Files of one attempt at a trial: a later attempt never writes over those of an earlier one that may
    /// still be running on a machine that was thought lost.
    pub fn attempt(&self, trial: TrialId, attempt: Attempt) -> PathBuf {
        self.root.join("trials").join(trial.to_string()).join(format!("attempt-{attempt}"))
    }

    pub(super) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    pub(super) fn resolve(&self, stored: &str) -> PathBuf {
        self.root.join(stored)
    }
}
