//! The loop: claim, have it trained, record, until the study is over or the worker is told to leave.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::Mutex;

use super::attempt::Attempting;
use super::registration::Registration;
use super::retry::retry;
use super::stop::{Stop, StopSignal};
use crate::fs::FileError;
use crate::ids::TrialId;
use crate::search::snapshot::{Snapshot, Verdict};
use crate::search::state::StudyState;
use crate::store::{Store, StoreError, Study};

/// Says what to do with a trial that has just reported an epoch, which the snapshot holds.
pub type Judge = Box<dyn Fn(&Snapshot, TrialId) -> Verdict + Send + Sync>;

/// How a trainer is started.
#[derive(Debug, Clone)]
pub struct TrainerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// How long a trainer may say nothing until it is taken for hung.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Before the first epoch of a trial, when caches are filled.
    pub first: Duration,
    /// Between epochs, at least.
    pub least: Duration,
    /// Between epochs, in lengths of the last one.
    pub epochs: f64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { first: Duration::from_secs(3 * 3600), least: Duration::from_secs(30 * 60), epochs: 20.0 }
    }
}

/// What a worker is told at its start.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The study it serves.
    pub study: Study,
    /// "cpu" or "cuda:0".
    pub device: String,
    /// How its trainer is started.
    pub trainer: TrainerCommand,
    /// How long a trial stays its own without a sign of life.
    pub lease: Duration,
    /// Attempts of a trial in a row that may crash, without getting an epoch further, until it has failed.
    pub max_attempts: u32,
    /// How often it asks for work when there is none.
    pub poll: Duration,
    /// When a trainer hangs.
    pub patience: Patience,
}

impl WorkerConfig {
    /// The usual times, with this program as the trainer.
    pub fn new(study: Study, device: String, max_attempts: u32) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self {
            study,
            device,
            trainer: TrainerCommand { program, arguments: vec!["trainer".into()] },
            lease: Duration::from_secs(60),
            max_attempts,
            poll: Duration::from_millis(200),
            patience: Patience::default(),
        })
    }
}

/// Why a worker left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The study does not run any more.
    StudyOver(StudyState),
    /// It was told to.
    Told,
}

/// What a worker cannot go on after. What it held is given back when its lock is found free.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of its own cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The trainer program cannot be started.
    #[error("cannot start the trainer {}: {source}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Works on a study until it is over, or `stop` says to leave. Trials in progress are given back then.
pub async fn run(
    store: &Store,
    config: &WorkerConfig,
    judge: &Judge,
    stop: StopSignal,
) -> Result<Ended, WorkerError> {
    let registration = Registration::new(store, config.study.id, &config.device).await?;
    let worker = registration.worker;
    let mut attempting =
        Attempting { store, config, judge, stop, worker, seen: Mutex::default(), trainer: None };
    let ended = work(&mut attempting).await;
    // Before signing off: what is left of an attempt ends with its trainer.
    drop(attempting.trainer.take());
    // After a failure, the entry stays: whoever finds its lock free gives the trial back.
    let ended = ended?;
    registration.end(store).await?;
    Ok(ended)
}

async fn work(attempting: &mut Attempting<'_>) -> Result<Ended, WorkerError> {
    let Attempting { store, config, worker, .. } = *attempting;
    let study = config.study.id;
    let mut idle_polls = 0_u32;
    loop {
        if *attempting.stop.borrow() != Stop::No {
            return Ok(Ended::Told);
        }
        // Those without work ask several times a second: they must not queue for the write lock.
        if retry(|| store.has_free(study)).await?
            && let Some(claim) = retry(|| store.claim(study, worker, config.lease)).await?
        {
            attempting.attempt(claim).await?;
            continue;
        }
        let state = retry(|| store.study_state(study)).await?;
        if state != StudyState::Running {
            return Ok(Ended::StudyOver(state));
        }
        idle_polls += 1;
        if idle_polls.is_multiple_of(50) {
            retry(|| store.worker_seen(worker)).await?;
        }
        tokio::select! {
            () = tokio::time::sleep(config.poll) => {}
            changed = attempting.stop.changed() => {
                if changed.is_err() {
                    // Nobody is left who could say it: wait as if nothing had been said.
                    tokio::time::sleep(config.poll).await;
                }
            }
        }
    }
}
