//! The loop that carries a study out: snapshot from the store, decision from the search, back into the store,
//! and workers kept running by the engine.
//!
//! It owns no state that matters: whenever it dies, [`resume`] goes on from what the store holds. It trains
//! nothing, talks to workers through the store alone, and prints nothing: it tells a [`Watch`] what happens.

mod appraisal;
mod candidates;
mod error;
mod interrupt;
mod key;
mod notice;
mod progress;
mod run;
mod study;
mod tick;
mod weights;

pub use error::ControllerError;
pub use interrupt::Interrupts;
pub use notice::{Notice, Watch};
pub use run::{Ending, run};
pub use study::{Launch, Opened, SpaceSource, launch, resume};

#[cfg(test)]
mod tests;
