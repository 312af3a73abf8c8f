//! No pruning.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::{Judged, Pruner};
use crate::search::snapshot::Verdict;
use crate::search::space::OptionsError;

/// Lets every trial train to its end.
#[derive(Debug, Clone, Copy)]
pub struct Never;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

pub(super) fn build(options: Value) -> Result<Arc<dyn Pruner>, OptionsError> {
    serde_path_to_error::deserialize(options).map(|NoOptions {}| Arc::new(Never) as _)
}

impl Pruner for Never {
    fn judge(&self, _: &Judged<'_>, _: &[Judged<'_>]) -> Verdict {
        Verdict::Continue
    }
}
