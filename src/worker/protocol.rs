//! What worker and trainer say to each other: JSON, one document a line. Trainer's standard input: a
//! [`TrialSpec`](crate::train::trial::TrialSpec), then an
//! [`Instruction`](crate::train::trial::Instruction) after every epoch. Its standard output: [`Said`].

use serde::{Deserialize, Serialize};

use crate::train::trial::{EpochReport, Outcome};

/// What a trainer says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Said {
    /// The network is built.
    Started {
        /// Trainable parameters.
        parameters: u64,
        /// Multiply-accumulates per second of audio.
        macs_per_second: u64,
    },
    /// An epoch is over and saved; an instruction is awaited.
    Epoch(EpochReport),
    /// The trial has ended; the next may come.
    Finished {
        /// How.
        outcome: Outcome,
    },
    /// The trial could not be run to an outcome; the next may come.
    Error {
        /// Why.
        message: String,
    },
}

/// What marks a line as the trainer's: libraries may write to its standard output too.
pub(super) const MARK: &str = "{\"event\":";
