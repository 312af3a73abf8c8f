//! Every candidate drawn afresh, each parameter evenly on its own scale.

use std::sync::Arc;

use rand::{Rng, RngExt};
use serde::Deserialize;
use serde_json::Value;

use super::{Request, Sampler};
use crate::search::snapshot::Assignment;
use crate::search::space::{OptionsError, ParameterSpace};

/// Independent draws (Bergstra and Bengio 2012).
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

pub(super) fn build(options: Value) -> Result<Arc<dyn Sampler>, OptionsError> {
    serde_path_to_error::deserialize(options).map(|NoOptions {}| Arc::new(Random) as _)
}

impl Sampler for Random {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        draw(request.space, rng)
    }
}

/// An assignment, evenly from all.
pub(super) fn draw(space: &ParameterSpace, rng: &mut dyn Rng) -> Assignment {
    space.assign(|parameter| parameter.domain.at(rng.random()))
}
