//! Regularised evolution: change one thing about a good candidate of late.
//!
//! Real et al., "Regularized Evolution for Image Classifier Architecture Search" (2019). Candidates leave the population
//! by age, not by loss, so that one that was lucky does not stay.

use std::sync::Arc;

use rand::Rng;
use rand::seq::{IndexedRandom, IteratorRandom};
use schemars::JsonSchema;
use serde::Deserialize;

use super::neighbour::{changed, other_value};
use super::{Observation, Request, Sampler, random};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Assignment;

/// Options of the sampler.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Evolution {
    /// The latest finished candidates that a parent is taken from, and as many drawn at random to begin with.
    pub population: usize,
    /// Of these, how many compete to be the parent.
    pub tournament: usize,
}

impl Default for Evolution {
    fn default() -> Self {
        Self { population: 50, tournament: 10 }
    }
}

pub(super) const KIND: Kind<dyn Sampler> = Kind {
    name: "evolution",
    build: |options| {
        serde_path_to_error::deserialize(options).map(|evolution: Evolution| Arc::new(evolution) as _)
    },
    options: schema::of::<Evolution>,
};

impl Sampler for Evolution {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        let Request { space, history, .. } = *request;
        if history.count() < self.population.max(1) {
            return random::draw(space, rng);
        }
        let population = history.latest(self.population.max(1));
        let competitors: Vec<&Observation<'_>> =
            population.iter().sample(rng, self.tournament.clamp(1, history.count()));
        let loss = |o: &&&Observation<'_>| ordered(o.loss());
        let Some(parent) = competitors.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))) else {
            return random::draw(space, rng);
        };
        let changeable: Vec<_> = space
            .parameters()
            .iter()
            .filter(|p| p.domain.cardinality() != Some(1) && parent.assignment.contains_key(&p.key))
            .collect();
        let Some(parameter) = changeable.choose(rng) else { return random::draw(space, rng) };
        let value = other_value(parameter, &parent.assignment[&parameter.key], rng);
        changed(space, parent.assignment, &parameter.key, &value, rng)
    }
}

/// A candidate without a loss is the worst.
fn ordered(loss: Option<f64>) -> f64 {
    loss.unwrap_or(f64::INFINITY)
}
