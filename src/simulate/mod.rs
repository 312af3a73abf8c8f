//! Searches replayed on recorded results: the decisions of [`crate::search`], with rows of a table in place of trainings, so
//! that many seeds of many settings take seconds.
//!
//! [`Table`] reads recorded results, [`replay()`] searches them once, [`regret`] sums many searches up. No store, no
//! processes, no tensors.

mod error;
pub mod regret;
mod replay;
mod space;
mod table;

pub use error::TableError;
pub use replay::{Mark, replay};
pub use space::{Setting, whole_table};
pub use table::{Row, Table};

#[cfg(test)]
mod tests;
