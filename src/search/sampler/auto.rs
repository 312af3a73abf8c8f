//! The sampler that fits the space and the budget.

use std::sync::Arc;

use rand::{Rng, RngExt};

use super::{Evolution, GaussianProcess, Grid, Request, Sampler};
use crate::search::registry::{Kind, NoOptions};
use crate::search::schema;
use crate::search::snapshot::Assignment;

/// Larger spaces are not searched to their end, whatever the budget.
const EXHAUSTED: usize = 10_000;
/// Candidates up to which the model is asked for each; then mostly evolution, whose cost does not grow.
const MODELLED: usize = 400;
/// Share of candidates after that for which the model is asked.
const STILL_MODELLED: f64 = 0.1;

/// All of a finite space that the budget covers; otherwise a Gaussian process, and evolution when there are so many
/// candidates that a model says little more.
#[derive(Debug, Default)]
pub struct Auto {
    model: GaussianProcess,
}

pub(super) const KIND: Kind<dyn Sampler> = Kind {
    name: "auto",
    build: |options| {
        serde_path_to_error::deserialize(options).map(|NoOptions {}| Arc::new(Auto::default()) as _)
    },
    options: schema::of::<NoOptions>,
};

impl Sampler for Auto {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        let planned = request.planned.filter(|planned| *planned <= EXHAUSTED);
        if planned.is_some_and(|planned| request.space.enumerate(planned).is_some()) {
            return Grid::default().sample(request, rng);
        }
        let modelled = request.history.count() < MODELLED || rng.random_bool(STILL_MODELLED);
        match modelled {
            true => self.model.sample(request, rng),
            false => Evolution::default().sample(request, rng),
        }
    }
}
