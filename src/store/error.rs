//! What can go wrong in the store, by what the caller can do about it.

use std::path::PathBuf;

use crate::ids::{Attempt, TrialId};

/// A store operation that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no store that this build can open.
    #[error("unusable store \"{url}\": {why}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong and what to write.
        why: String,
    },
    /// There is no such file.
    #[error("no store at {}: run `at2seld launch` first, or name the store with --store", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to something else.
    #[error("{} is not a store of at2seld: name another file with --store", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version of this program.
    #[error("the store {} was written by a newer at2seld (schema {found}, this one knows {known}): update at2seld", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The latest schema version of this build.
        known: i64,
    },
    /// Opening failed.
    #[error("cannot open the store {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<StoreError>,
    },
    /// Another program holds the database longer than the time-out.
    #[error("the store is locked by another program: close what keeps it open, then try again")]
    Locked(#[source] sqlx::Error),
    /// No space is left where the store lies.
    #[error("no space left for the store: free some, then `at2seld resume`")]
    Full(#[source] sqlx::Error),
    /// The store or its folder may not be written.
    #[error("the store is read-only: check the rights of the file and of its folder")]
    ReadOnly(#[source] sqlx::Error),
    /// The name of a new study is in use.
    #[error("there is a study \"{name}\" already: choose another name, or `at2seld resume {name}`")]
    StudyExists {
        /// The name.
        name: String,
    },
    /// No study has this name.
    #[error("no study \"{name}\" in the store: {}", known_studies(known))]
    UnknownStudy {
        /// The name asked for.
        name: String,
        /// Names of all studies.
        known: Vec<String>,
    },
    /// The study has no such stage.
    #[error("no stage \"{name}\" in study \"{study}\": it has {}", known.join(", "))]
    UnknownStage {
        /// The name asked for.
        name: String,
        /// The study.
        study: String,
        /// Names of its stages.
        known: Vec<String>,
    },
    /// Nothing can be tried in the stage any more.
    #[error("{} has ended: only stages that have not take in architectures", stage_or_all(name.as_deref()))]
    StageOver {
        /// The stage; none when all of the study have ended.
        name: Option<String>,
    },
    /// The store has no study at all.
    #[error("the store has no study: run `at2seld launch` first")]
    NoStudy,
    /// No row has this id.
    #[error("no {kind} {id} in the store")]
    UnknownId {
        /// "trial", "stage", ...
        kind: &'static str,
        /// The id asked for.
        id: i64,
    },
    /// The writer does not hold the trial any more; it has to drop it.
    #[error("attempt {attempt} of trial {trial} is over: the trial is {state} at attempt {current}")]
    StaleAttempt {
        /// The trial.
        trial: TrialId,
        /// The writer's attempt.
        attempt: Attempt,
        /// The latest attempt.
        current: Attempt,
        /// The trial's state.
        state: String,
    },
    /// An epoch was reported that does not follow the last one.
    #[error("trial {trial} reported epoch {got}, expected {expected} of {budget}")]
    EpochOrder {
        /// The trial.
        trial: TrialId,
        /// Next in the curve.
        expected: u32,
        /// Epochs it is given.
        budget: u32,
        /// Reported.
        got: u32,
    },
    /// A transition that the states do not allow.
    #[error("a {kind} cannot go from {from} to {to}")]
    Transition {
        /// "trial", "stage", ...
        kind: &'static str,
        /// State it is in.
        from: String,
        /// State asked for.
        to: String,
    },
    /// The stage has a trial with this number.
    #[error("the stage has a trial number {number} already: is another controller at work on this study?")]
    TrialExists {
        /// Position in the stage.
        number: u32,
    },
    /// A query for people that is no single read.
    #[error("refused: {why}")]
    Query {
        /// What is wrong with it.
        why: String,
    },
    /// A query for people that the database did not understand.
    #[error("the query failed: {message}")]
    QueryFailed {
        /// What the database says.
        message: String,
    },
    /// A stored value that this program did not write.
    #[error("damaged store: {what}")]
    Damaged {
        /// Which value, and what is wrong with it.
        what: String,
    },
    /// Anything else that the database reports.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Locked(_) => true,
            Self::Open { source, .. } => source.is_transient(),
            _ => false,
        }
    }

    /// Whether what the user gave is at fault (exit code 2), not the work (exit code 1).
    pub fn is_input(&self) -> bool {
        match self {
            Self::Url { .. }
            | Self::Missing { .. }
            | Self::NotAStore { .. }
            | Self::Newer { .. }
            | Self::StudyExists { .. }
            | Self::UnknownStudy { .. }
            | Self::UnknownStage { .. }
            | Self::StageOver { .. }
            | Self::NoStudy
            | Self::UnknownId { .. }
            | Self::Query { .. }
            | Self::QueryFailed { .. } => true,
            Self::Open { source, .. } => source.is_input(),
            _ => false,
        }
    }

    /// Whether the writer has lost its trial.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::StaleAttempt { .. })
    }
}

fn stage_or_all(name: Option<&str>) -> String {
    name.map_or("every stage of the study".into(), |name| format!("stage \"{name}\""))
}

fn known_studies(known: &[String]) -> String {
    if known.is_empty() { "it has none".into() } else { format!("it has {}", known.join(", ")) }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // SQLite's result codes: the low byte is the primary one (https://sqlite.org/rescode.html).
        let code = error
            .as_database_error()
            .and_then(|e| e.code())
            .and_then(|code| code.parse::<u32>().ok())
            .map(|code| code & 0xff);
        match (code, &error) {
            (Some(5 | 6), _) | (_, sqlx::Error::PoolTimedOut) => Self::Locked(error),
            // 14: a journal could not be created beside the database.
            (Some(8 | 14), _) => Self::ReadOnly(error),
            (Some(13), _) => Self::Full(error),
            _ => Self::Database(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Database(sqlx::Error::Migrate(Box::new(other))),
        }
    }
}
