//! Pure decisions on a snapshot of a study: what to try next, what to prune, what a stage hands on. No I/O, no
//! tensors, no clock; what is random comes from the study's seed.
//!
//! [`SearchSpace`] is the file that says what to search, [`Snapshot`] what is known so far. [`decide`] says what
//! to do next with the study, [`verdict`] what to do with a running trial after an epoch. Whoever calls them
//! carries the decisions out: the controller on a store, `simulate` on a table of recorded results.

pub mod candidate;
pub mod cost;
mod decide;
mod heritage;
mod history;
pub mod importance;
pub mod pruner;
mod registry;
pub mod sampler;
pub mod schema;
pub mod snapshot;
pub mod space;
mod stage;
pub mod state;
mod trials;

pub use decide::decide;
pub use registry::{Factory, Kind, Registry};
pub use snapshot::{Decision, Proposal, Snapshot, StageView, TrialView, Verdict};
pub use space::{SearchSpace, SpaceError, StageSpec};
pub use stage::verdict;
pub use trials::Trials;
