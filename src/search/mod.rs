//! Pure decisions on a snapshot of a study: what to try next, what to prune, what a stage hands on. No I/O, no
//! tensors.

pub mod snapshot;
pub mod state;
