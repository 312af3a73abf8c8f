//! Tree-structured Parzen estimator: draw where good candidates are dense and bad ones are not.
//!
//! Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011); the two densities are over whole
//! candidates rather than single parameters (Falkner et al., arXiv 1807.01774), so that values which are only
//! good together are drawn together.

use std::sync::Arc;

use rand::Rng;
use schemars::JsonSchema;
use serde::Deserialize;

use super::kernel::Parzen;
use super::{Observation, Request, Sampler, random};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Assignment;

/// Good and bad candidates that the densities are made of, at most: so that their cost does not grow with a study.
const MOST: (usize, usize) = (100, 400);

/// Options of the sampler.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tpe {
    /// Candidates drawn at random before the first density is made.
    pub startup: usize,
    /// Draws from the good density, of which the most promising is taken.
    pub candidates: usize,
    /// Share of the finished candidates that count as good.
    pub gamma: f64,
}

impl Default for Tpe {
    fn default() -> Self {
        Self { startup: 8, candidates: 24, gamma: 0.2 }
    }
}

pub(super) const KIND: Kind<dyn Sampler> = Kind {
    name: "tpe",
    build: |options| serde_path_to_error::deserialize(options).map(|tpe: Tpe| Arc::new(tpe) as _),
    options: schema::of::<Tpe>,
};

impl Sampler for Tpe {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        let Request { space, history, .. } = *request;
        if history.count() < self.startup {
            return random::draw(space, rng);
        }
        let (good, bad) = self.split(history.all());
        let (good, bad) = (Parzen::new(space, &good), Parzen::new(space, &bad));
        let mut best: Option<(f64, Assignment)> = None;
        for _ in 0..self.candidates.max(1) {
            let candidate = good.sample(rng);
            let promise = good.log_density(&candidate) - bad.log_density(&candidate);
            if best.as_ref().is_none_or(|(most, _)| promise > *most) {
                best = Some((promise, candidate));
            }
        }
        best.map(|(_, candidate)| candidate).unwrap_or_default()
    }
}

impl Tpe {
    /// The good and the bad. Candidates still in training count as bad, so that workers that draw at the same
    /// time spread out. Of many bad ones, some from all places of their order.
    fn split<'a>(
        &self,
        history: &'a [Observation<'a>],
    ) -> (Vec<&'a Observation<'a>>, Vec<&'a Observation<'a>>) {
        let (running, mut finished): (Vec<&Observation<'_>>, Vec<_>) =
            history.iter().partition(|o| o.running);
        let loss = |o: &Observation<'_>| o.loss().unwrap_or(f64::INFINITY);
        finished.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
        let known = finished.iter().filter(|o| loss(o).is_finite()).count();
        let count = ((self.gamma.clamp(0.0, 1.0) * finished.len() as f64).ceil() as usize).min(known);
        let rest = finished.split_off(count);
        finished.truncate(MOST.0);
        let places = rest.len().min(MOST.1);
        let bad = (0..places).map(|place| rest[place * rest.len() / places]).chain(running).collect();
        (finished, bad)
    }
}
