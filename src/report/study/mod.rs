//! A study as one page that needs nothing beside itself: what each stage found, why, and what it decided on.

mod figures;
mod page;

use std::path::Path;

use crate::fs::{self, FileError};
use crate::search::{SearchSpace, Snapshot};
use crate::store::{LeaderboardRow, Study, StudyStatus};

/// The last rank in a table of the best trials.
pub const LISTED: u32 = 20;

/// What the page is made of, all of the same study.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    /// The study.
    pub study: &'a Study,
    /// Its space, read.
    pub space: &'a SearchSpace,
    /// Where it stands.
    pub status: &'a StudyStatus,
    /// Its trials.
    pub snapshot: &'a Snapshot,
    /// Those with a rank up to [`LISTED`] or more, in the order of stages and ranks.
    pub leaderboard: &'a [LeaderboardRow],
}

/// Why a page was not written.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The drawing library refused.
    #[error("cannot draw the figures of stage \"{stage}\": {problem}")]
    Draw {
        /// The stage.
        stage: String,
        /// What it said.
        problem: String,
    },
    /// The page cannot be put together.
    #[error("cannot put the page together: {0}")]
    Page(#[from] askama::Error),
}

/// Writes the page. The file is either the old one or the whole new one.
///
/// # Errors
/// A file that cannot be written.
pub fn write(path: &Path, findings: &Findings<'_>) -> Result<(), PageError> {
    Ok(fs::write_bytes(path, page::html(findings)?.as_bytes())?)
}

#[cfg(test)]
mod tests;
