//! egobox: Gaussian processes over mixed spaces (continuous relaxation), log expected improvement.

use at2seld::search::snapshot::Assignment;
use at2seld::search::space::Domain;
use at2seld::simulate::Table;
use egobox_ego::{EgorServiceBuilder, XType};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::Peer;

/// Points drawn at random first, as many as `at2seld` draws for a large budget.
const STARTUP: usize = 8;

/// A search by egobox.
pub struct Egobox {
    axes: Vec<(String, Domain)>,
    points: Vec<Vec<f64>>,
    losses: Vec<f64>,
    rng: ChaCha8Rng,
    seed: u64,
}

impl Egobox {
    pub fn new(table: &Table, seed: u64) -> Self {
        let axes = table.space.parameters().iter().map(|p| (p.key.clone(), p.domain.clone())).collect();
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { axes, points: Vec::new(), losses: Vec::new(), rng, seed }
    }

    fn suggest(&self) -> Option<Vec<f64>> {
        let (rows, columns) = (self.points.len(), self.axes.len());
        let x = Array2::from_shape_vec((rows, columns), self.points.concat()).ok()?;
        let y = Array2::from_shape_vec((rows, 1), self.losses.clone()).ok()?;
        let types: Vec<XType> = self.axes.iter().map(|(_, domain)| kind(domain)).collect();
        let seed = self.seed + rows as u64;
        let service = EgorServiceBuilder::optimize()
            .configure(|config| config.seed(seed))
            .min_within_mixint_space(&types)
            .ok()?;
        Some(service.suggest(&x, &y).row(0).to_vec())
    }
}

impl Peer for Egobox {
    fn ask(&mut self) -> Assignment {
        let suggested = if self.points.len() < STARTUP { None } else { self.suggest() };
        let rng = &mut self.rng;
        let point = suggested.unwrap_or_else(|| self.axes.iter().map(|(_, d)| drawn(d, rng)).collect());
        let values = self.axes.iter().zip(&point).map(|((key, domain), x)| (key.clone(), value(domain, *x)));
        let assignment = values.collect();
        self.points.push(point);
        assignment
    }

    fn tell(&mut self, loss: f64) {
        self.losses.push(loss);
    }
}

fn kind(domain: &Domain) -> XType {
    match domain {
        Domain::Choice(values) => XType::Enum(values.len()),
        Domain::Int { low, high, step, .. } => XType::Int(0, ((high - low) / step) as i32),
        Domain::Float { low, high, log: true } => XType::Float(low.ln(), high.ln()),
        Domain::Float { low, high, .. } => XType::Float(*low, *high),
    }
}

fn drawn(domain: &Domain, rng: &mut ChaCha8Rng) -> f64 {
    match kind(domain) {
        XType::Float(low, high) => rng.random_range(low..=high),
        XType::Int(low, high) => f64::from(rng.random_range(low..=high)),
        XType::Enum(count) => rng.random_range(0..count) as f64,
        XType::Ord(values) => values[rng.random_range(0..values.len())],
    }
}

fn value(domain: &Domain, x: f64) -> Value {
    match domain {
        Domain::Choice(values) => values[(x.round() as usize).min(values.len() - 1)].clone(),
        Domain::Int { low, step, .. } => (low + step * x.round() as i64).into(),
        Domain::Float { low, high, log: true } => x.exp().clamp(*low, *high).into(),
        Domain::Float { low, high, .. } => x.clamp(*low, *high).into(),
    }
}
