//! Every candidate drawn afresh, each parameter evenly on its own scale.

use std::sync::Arc;

use rand::{Rng, RngExt};

use super::{Request, Sampler};
use crate::search::registry::{Kind, NoOptions};
use crate::search::schema;
use crate::search::snapshot::Assignment;
use crate::search::space::ParameterSpace;

/// Independent draws (Bergstra and Bengio 2012).
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

pub(super) const KIND: Kind<dyn Sampler> = Kind {
    name: "random",
    build: |options| serde_path_to_error::deserialize(options).map(|NoOptions {}| Arc::new(Random) as _),
    options: schema::of::<NoOptions>,
};

impl Sampler for Random {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        draw(request.space, rng)
    }
}

/// An assignment, evenly from all.
pub(in crate::search) fn draw(space: &ParameterSpace, rng: &mut dyn Rng) -> Assignment {
    space.assign(|parameter| parameter.domain.at(rng.random()))
}
