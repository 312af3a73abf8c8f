//! All candidates of a space, one after another.

use std::sync::Arc;

use rand::Rng;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Request, Sampler, random};
use crate::rng;
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Assignment;

/// Grids with more candidates are drawn from at random.
const MOST: usize = 1 << 17;

/// Every combination of values once, in an order shuffled by the seed, so that a budget below the size of the grid sees
/// some of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Grid {
    /// Values of a continuum, both ends included; integers keep all of theirs.
    pub points: usize,
}

impl Default for Grid {
    fn default() -> Self {
        Self { points: 5 }
    }
}

pub(super) const KIND: Kind<dyn Sampler> = Kind {
    name: "grid",
    build: |options| serde_path_to_error::deserialize(options).map(|grid: Grid| Arc::new(grid) as _),
    options: schema::of::<Grid>,
};

impl Sampler for Grid {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        let Some(mut all) = request.space.grid(self.points.max(1), MOST) else {
            return random::draw(request.space, rng);
        };
        let mut order: Vec<usize> = (0..all.len()).collect();
        rand::seq::SliceRandom::shuffle(order.as_mut_slice(), &mut rng::stream(request.seed, &["grid"]));
        match order.get(request.history.count() + request.attempt) {
            Some(at) => all.swap_remove(*at),
            None => random::draw(request.space, rng),
        }
    }
}
