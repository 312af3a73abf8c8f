//! Studies, stages, trials, curves, workers, leases and events in a database: all SQL of the program is here
//! and in `migrations/`, so that another database needs another copy of this part alone.
//!
//! The contract, whatever the database:
//! - Finished trials (complete, pruned, failed) never change. Transitions go through
//!   [`TrialState::can_become`](crate::search::state::TrialState::can_become).
//! - Returned values are snapshots: they do not follow later writes.
//! - A worker holds a trial by a lease, and every claim has an attempt number that grows. Every write of a
//!   worker names the trial and the attempt; it is refused with [`StoreError::StaleAttempt`] when a later attempt
//!   exists or the trial is not running any more. Whoever sees that refusal drops the trial.
//! - Each method is one transaction: it happens wholly or not at all, also when the process is killed.
//! - An unknown name is [`StoreError::UnknownStudy`]; an unknown id is [`StoreError::UnknownId`].
//!
//! May import the plain types of `search`; knows neither tensors nor processes.

mod artifacts;
mod enqueue;
mod error;
mod event;
mod host;
mod leaderboard;
mod lease;
mod query;
mod report;
mod reuse;
mod row;
mod snapshot;
mod sqlite;
mod status;
mod study;
mod trial;
mod types;
mod url;
mod worker;

#[cfg(test)]
mod tests;

pub use artifacts::Artifacts;
pub use error::StoreError;
pub use host::host_name;
pub use leaderboard::LeaderboardRow;
pub use query::Rows;
pub use sqlite::{Store, StoreOptions};
pub use status::{BestTrial, StageStatus, StudyStatus};
pub use trial::NewTrial;
pub use types::{
    Claim, EpochReceipt, Event, Finish, NewStudy, NewWorker, Settings, Study, TrialDetails, WorkerRow,
};
