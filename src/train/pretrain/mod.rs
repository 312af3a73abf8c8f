//! A small tagger from one's own sounds: trains [`small`](crate::backbone::small) on mixtures of mono events.
//!
//! For users without a checkpoint of a tagger, and for tests. [`sounds`] keeps what there is of every class in memory, a
//! part of it held out by recording; `mixture` draws clips of 2 s from it, `network` learns which classes are in them,
//! and [`score`] says how well single sounds of the held-out part are told apart. Knows nothing of SELD.

mod error;
mod file;
mod mixture;
mod network;
mod run;
pub mod score;
mod settings;
pub mod sounds;

pub use error::Error;
pub use run::{ClassSummary, EpochReport, Outcome, Summary, Watch, run};
pub use settings::{EPOCHS, STEPS, Settings};
