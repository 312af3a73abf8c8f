//! Where worker processes run: starting them, seeing that they live, ending them. What they do, and what they
//! leave behind, is known to the store alone; an engine treats a process as a hint, never as the truth.

mod local;

use std::path::PathBuf;
use std::time::Duration;

pub use local::LocalEngine;

/// Runs the workers of one study.
pub trait Engine {
    /// Starts all workers that are not running.
    fn start(&mut self) -> Result<(), EngineError>;

    /// Looks after the workers and says how many live. To be called about as often as somebody would want to
    /// notice a death: one that died is started again, later and later the more often it dies at once.
    ///
    /// # Errors
    /// [`EngineError::KeepDying`] when no worker is left that would be started again.
    fn alive(&mut self) -> Result<usize, EngineError>;

    /// Ends the workers. Those that know from the store that the study is over or stopping get `grace` to leave
    /// by themselves; then they are told to leave at once, giving their trials back; then they are killed.
    fn stop(&mut self, grace: Duration) -> impl Future<Output = ()>;
}

/// Workers that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The program could not be started.
    #[error("cannot start a worker ({}): {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The log of a worker cannot be written.
    #[error("cannot write the log of a worker {}: {source}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// All workers died again and again right after their start.
    #[error("workers keep dying ({status}), the last words of one are below; its log is {}\n{tail}", log.display())]
    KeepDying {
        /// How the last one ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
}
