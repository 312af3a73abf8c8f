//! NSGA-II: a population that is bred towards the front of several losses; with a single loss a genetic algorithm.
//!
//! Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II" (2002). Children join one by one, so that no
//! worker waits for a generation to end.

use std::sync::Arc;

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::Deserialize;

use super::neighbour::other_value;
use super::pareto::{Losses, crowding, fronts, losses};
use super::{Request, Sampler, random};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Assignment;

/// Candidates that parents are chosen between.
const TOURNAMENT: usize = 2;

/// Options of the sampler.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nsga2 {
    /// Candidates that survive, and as many drawn at random to begin with; at least 2.
    pub population: usize,
    /// How likely a child has two parents, from 0 to 1.
    pub crossover: f64,
    /// How likely each parameter of a child changes, from 0 to 1; one in as many as there are where it is not given.
    pub mutation: Option<f64>,
}

impl Default for Nsga2 {
    fn default() -> Self {
        Self { population: 30, crossover: 0.9, mutation: None }
    }
}

pub(super) const KIND: Kind<dyn Sampler> = Kind {
    name: "nsga2",
    build: |options| serde_path_to_error::deserialize(options).map(|nsga2: Nsga2| Arc::new(nsga2) as _),
    options: schema::of::<Nsga2>,
};

impl Sampler for Nsga2 {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        let Request { space, history, .. } = *request;
        let population = self.survivors(request);
        if history.len() < self.population.max(2) || population.len() < 2 {
            return random::draw(space, rng);
        }
        let (first, second) = (parent(&population, rng), parent(&population, rng));
        let crosses = rng.random_bool(self.crossover.clamp(0.0, 1.0));
        let mutation = self.mutation.unwrap_or(1.0 / space.parameters().len().max(1) as f64).clamp(0.0, 1.0);
        space.assign(|parameter| {
            let from = if crosses && rng.random() { [second, first] } else { [first, second] };
            let inherited = from.iter().find_map(|parent| parent.get(&parameter.key));
            match inherited.filter(|value| parameter.domain.contains(value)) {
                Some(value) if rng.random_bool(mutation) => other_value(parameter, value, rng),
                Some(value) => value.clone(),
                None => parameter.domain.at(rng.random()),
            }
        })
    }

    fn takes_several(&self) -> bool {
        true
    }
}

/// One that survived, by its front and how crowded it lies there.
struct Survivor<'a> {
    assignment: &'a Assignment,
    front: usize,
    crowding: f64,
}

impl Survivor<'_> {
    /// Better ones first.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.front.cmp(&other.front).then(other.crowding.total_cmp(&self.crowding))
    }
}

impl Nsga2 {
    /// Of all that were trained, the best by front, then the least crowded: selected anew after each generation's worth, so
    /// that the cost grows with their number and not with its square.
    fn survivors<'a>(&self, request: &Request<'a>) -> Vec<Survivor<'a>> {
        let size = self.population.max(2);
        let known: Vec<(&'a Assignment, Losses)> =
            request.history.iter().filter_map(|o| Some((o.assignment, losses(o)?))).collect();
        let mut population: Vec<(&'a Assignment, Losses)> = Vec::new();
        let mut ranked = Vec::new();
        for generation in known.chunks(size) {
            population.extend(generation.iter().cloned());
            let all: Vec<Losses> = population.iter().map(|(_, losses)| losses.clone()).collect();
            let front = fronts(&all);
            let crowding = crowding(&all, &front);
            ranked = population
                .iter()
                .enumerate()
                .map(|(at, (assignment, _))| {
                    (at, Survivor { assignment, front: front[at], crowding: crowding[at] })
                })
                .collect::<Vec<_>>();
            ranked.sort_by(|(a, x), (b, y)| x.order(y).then(a.cmp(b)));
            ranked.truncate(size);
            population = ranked.iter().map(|(at, _)| population[*at].clone()).collect();
        }
        ranked.into_iter().map(|(_, survivor)| survivor).collect()
    }
}

fn parent<'a>(population: &[Survivor<'a>], rng: &mut dyn Rng) -> &'a Assignment {
    let drawn: Vec<&Survivor<'a>> = population.sample(rng, TOURNAMENT).collect();
    drawn
        .into_iter()
        .min_by(|a, b| a.order(b))
        .map_or(population[0].assignment, |survivor| survivor.assignment)
}

#[cfg(test)]
mod tests {
    use super::super::Observation;
    use super::*;
    use crate::rng;
    use crate::search::space::{Domain, Parameter, ParameterSpace};

    /// How much of the unit square two losses dominate (its hypervolume), by candidates that are drawn one after another. The
    /// front is where both of the last parameters are 0.
    fn hypervolume(sampler: &dyn Sampler, seed: u64) -> f64 {
        let unit = || Domain::Float { low: 0.0, high: 1.0, log: false };
        let keys = ["x", "y", "z"];
        let parameter = |key: &str| Parameter { key: key.into(), domain: unit(), when: Vec::new() };
        let space = ParameterSpace::new(keys.map(parameter).to_vec()).unwrap();
        let mut known: Vec<(Assignment, [f64; 2])> = Vec::new();
        for number in 0..200 {
            let observe = |(assignment, losses)| {
                let losses: &[f64; 2] = losses;
                Observation {
                    assignment,
                    value: Some(losses[0]),
                    also: vec![losses[1]],
                    doubt: 0.0,
                    running: false,
                }
            };
            let pairs = known.iter().map(|(assignment, losses)| (assignment, losses));
            let history: Vec<Observation<'_>> = pairs.map(observe).collect();
            let request = Request { space: &space, history: &history, planned: Some(200), attempt: 0, seed };
            let drawn = sampler.sample(&request, &mut rng::stream(seed, &["nsga2", &number.to_string()]));
            let [x, y, z] = keys.map(|key| drawn[key].as_f64().unwrap());
            let away = y + z;
            known.push((drawn, [x * x + away, (1.0 - x).powi(2) + away]));
        }
        let mut front: Vec<[f64; 2]> = known.into_iter().map(|(_, losses)| losses).collect();
        front.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let (mut volume, mut height) = (0.0, 1.0_f64);
        for [first, second] in front.into_iter().filter(|losses| losses.iter().all(|loss| *loss < 1.0)) {
            volume += (1.0 - first) * (height - second).max(0.0);
            height = height.min(second);
        }
        volume
    }

    #[test]
    fn covers_more_of_the_front_than_chance() {
        let mean = |sampler: &dyn Sampler| (0..5).map(|seed| hypervolume(sampler, seed)).sum::<f64>() / 5.0;
        let (random, bred) = (mean(&super::super::Random), mean(&Nsga2::default()));
        eprintln!("random {random:.3} nsga2 {bred:.3}");
        assert!(bred > random + 0.1, "random {random} nsga2 {bred}");
    }

    #[test]
    fn keeps_to_good_parents() {
        let domain = Domain::Int { low: 0, high: 1000, step: 1, log: false };
        let parameter = Parameter { key: "k".into(), domain, when: Vec::new() };
        let space = ParameterSpace::new(vec![parameter]).unwrap();
        let known: Vec<Assignment> =
            (0..100).map(|k| Assignment::from([("k".to_owned(), serde_json::json!(10 * k))])).collect();
        let observe = |(assignment, k): (_, u32)| Observation {
            assignment,
            value: Some(f64::from(k)),
            also: Vec::new(),
            doubt: 0.0,
            running: false,
        };
        let history: Vec<Observation<'_>> = known.iter().zip(0..).map(observe).collect();
        let sampler = Nsga2 { population: 10, mutation: Some(0.0), ..Nsga2::default() };
        let request = Request { space: &space, history: &history, planned: None, attempt: 0, seed: 1 };
        for seed in 0..30 {
            let drawn = sampler.sample(&request, &mut rng::stream(seed, &["parents"]));
            assert!(drawn["k"].as_i64().unwrap() < 100, "{drawn:?}");
        }
    }
}
