//! The search space file: what it says ([`SearchSpace`]), reading it with all its mistakes at once
//! ([`SearchSpace::parse`]), and what parameters may be ([`ParameterSpace`]).
//!
//! A file is JSON: `{"study": {...}, "fixed": {...}, "stages": [{"name": ..., "space": {"encoder.width":
//! {"choice": [16, 32]}}, ...}]}`. Keys of a space are paths into the architecture document.

mod condition;
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

pub use condition::{Condition, ParameterSpace};
pub use param::{Domain, Parameter};
use problem::nearest;
pub use problem::{Problem, SpaceError};
pub(crate) use raw::OptionsError;
pub use spec::{Budget, Objective, Promote, SearchSpace, StageSpec, StudyOptions, Subject};

#[cfg(test)]
mod tests;
