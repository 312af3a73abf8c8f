//! Candidates spread evenly: each fills the largest gap that the earlier ones left.

use std::sync::Arc;

use rand::{Rng, RngExt};

use super::{Request, Sampler, random};
use crate::search::registry::{Kind, NoOptions};
use crate::search::schema;
use crate::search::snapshot::Assignment;

/// Dimensions and points of the tables that the sequence is made from.
const MOST: (usize, usize) = (256, 1 << 16);

/// A Sobol sequence with Owen's scrambling (Sobol 1967; Owen 1998), one dimension for each parameter.
#[derive(Debug, Clone, Copy, Default)]
pub struct QuasiRandom;

pub(super) const KIND: Kind<dyn Sampler> = Kind {
    name: "quasi_random",
    build: |options| serde_path_to_error::deserialize(options).map(|NoOptions {}| Arc::new(QuasiRandom) as _),
    options: schema::of::<NoOptions>,
};

impl Sampler for QuasiRandom {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        let parameters = request.space.parameters();
        let index = request.history.count() + request.attempt;
        if index >= MOST.1 {
            return random::draw(request.space, rng);
        }
        request.space.assign(|parameter| {
            let dimension = parameters.iter().position(|other| other.key == parameter.key).unwrap_or(0);
            if dimension >= MOST.0 {
                return parameter.domain.at(rng.random());
            }
            let seed = request.seed as u32 ^ (request.seed >> 32) as u32;
            parameter.domain.at(f64::from(sobol_burley::sample(index as u32, dimension as u32, seed)))
        })
    }
}
