//! Claims trials under a lease, has each trained by a child process, and reports with its attempt number.
//!
//! A worker supervises one trainer, a child that trains one trial at a time, many after one another, and is
//! replaced when it dies or hangs: a crash of libtorch ends one attempt and nothing else. A worker that loses
//! its lease drops the trial. It knows no tensors; what to prune is decided by a function it is given.

mod attempt;
mod child;
mod heartbeat;
mod log;
pub mod protocol;
mod registration;
mod retry;
mod run;
mod stop;
pub mod trainer;

#[cfg(test)]
mod tests;

pub use run::{Ended, Judge, Patience, TrainerCommand, WorkerConfig, WorkerError, run};
pub use stop::{Stop, StopSignal, listen};
