//! No pruning.

use std::sync::Arc;

use super::{Judged, Pruner};
use crate::search::registry::{Kind, NoOptions};
use crate::search::schema;
use crate::search::snapshot::Verdict;

/// Lets every trial train to its end.
#[derive(Debug, Clone, Copy)]
pub struct Never;

pub(super) const KIND: Kind<dyn Pruner> = Kind {
    name: "none",
    build: |options| serde_path_to_error::deserialize(options).map(|NoOptions {}| Arc::new(Never) as _),
    options: schema::of::<NoOptions>,
};

impl Pruner for Never {
    fn judge(&self, _: &Judged<'_>, _: &[Judged<'_>]) -> Verdict {
        Verdict::Continue
    }
}
