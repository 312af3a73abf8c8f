//! What a winner owes to each ingredient of its training: it is trained again with and without them, and scored at several
//! operating points and on other datasets.
//!
//! [`Grid`] says which trainings are compared. They go through the same queue and store as any study ([`Course`], [`Plan`]), so they can
//! be interrupted, use all workers, and take over what was trained before. [`Scoring`] scores what they leave behind, on the
//! datasets that [`site::open`] opened; [`Findings`] is what comes out, which `report` makes tables of.

mod course;
mod error;
mod grid;
mod score;
pub mod site;
mod space;
mod study;
mod summary;

pub use course::{Asked, Course};
pub use error::Error;
pub use grid::{Grid, LeftOut, Row, WINNER};
pub use score::{Findings, Points, RowScores, Run, Scoring, Transferred};
pub use site::{Site, Transfer};
pub use space::Budget;
pub use study::{Plan, Trained, Winner};
pub use summary::Summary;
