//! The search space file: what it says ([`SearchSpace`]), reading it with all its mistakes at once
//! ([`SearchSpace::parse`]), and what parameters may be ([`ParameterSpace`]).
//!
//! A file is JSON: `{"study": {...}, "fixed": {...}, "stages": [{"name": ..., "space": {"encoder.width":
//! {"choice": [16, 32]}}, ...}]}`. Keys of a space are paths into the architecture document.

mod condition;
mod constraint;
pub(crate) mod document;
mod fit;
mod locate;
mod lower;
mod param;
mod parse;
mod problem;
mod raw;
mod recorded;
mod spec;
mod traits;

pub use condition::{Condition, ParameterSpace};
pub(super) use constraint::RawRange;
pub use constraint::{Constraint, Forbidden, Quantity};
pub use param::{Domain, Parameter};
use problem::nearest;
pub use problem::{Problem, SpaceError};
pub(crate) use raw::OptionsError;
pub(super) use raw::{RawBudget, RawFloat, RawInherit, RawInt, RawPromote};
pub use spec::{Budget, Goal, Objective, Promote, SearchSpace, StageSpec, StudyOptions, Subject};

#[cfg(test)]
mod tests;
