//! NSGA-II: a population that is bred towards the front of several losses; with a single loss a genetic algorithm.
//!
//! Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II" (2002). Children join one by one, so that no
//! worker waits for a generation to end.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::Deserialize;

use super::neighbour::other_value;
use super::pareto::{Losses, crowding, fronts, is_known, losses};
use super::{Observation, Request, Sampler, random};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Assignment;

/// Candidates that parents are chosen between.
const TOURNAMENT: usize = 2;
/// Selections that are kept: a candidate that ends after younger ones changes the latest.
const KEPT: usize = 8;

/// Options of the sampler.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Candidates that survive, and as many drawn at random to begin with; at least 2.
    pub population: usize,
    /// How likely a child has two parents, from 0 to 1.
    pub crossover: f64,
    /// How likely each parameter of a child changes, from 0 to 1; one in as many as there are where it is not given.
    pub mutation: Option<f64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { population: 30, crossover: 0.9, mutation: None }
    }
}

/// The sampler.
#[derive(Debug, Default)]
pub struct Nsga2 {
    options: Options,
    /// The latest selections: to make them again would give the same.
    selected: Mutex<VecDeque<Selected>>,
}

pub(super) const KIND: Kind<dyn Sampler> = Kind {
    name: "nsga2",
    build: |options| {
        serde_path_to_error::deserialize(options)
            .map(|options| Arc::new(Nsga2 { options, selected: Mutex::default() }) as _)
    },
    options: schema::of::<Options>,
};

impl Sampler for Nsga2 {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        let Request { space, history, .. } = *request;
        if history.count() < self.options.population.max(2) {
            return random::draw(space, rng);
        }
        let trained: Vec<&Observation<'_>> = history.all().iter().filter(|o| is_known(o)).collect();
        let population = self.survivors(&trained);
        if population.len() < 2 {
            return random::draw(space, rng);
        }
        let (first, second) = (parent(&trained, &population, rng), parent(&trained, &population, rng));
        let crosses = rng.random_bool(self.options.crossover.clamp(0.0, 1.0));
        let mutation =
            self.options.mutation.unwrap_or(1.0 / space.parameters().len().max(1) as f64).clamp(0.0, 1.0);
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
#[derive(Debug, Clone, Copy)]
struct Survivor {
    /// Its place among all that were trained.
    at: usize,
    front: usize,
    crowding: f64,
}

impl Survivor {
    /// Better ones first.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.front.cmp(&other.front).then(other.crowding.total_cmp(&self.crowding))
    }
}

/// What was left after so many whole generations.
#[derive(Debug, Clone, Default)]
struct Selected {
    generations: usize,
    /// Of the losses of all of them.
    digest: u64,
    survivors: Vec<Survivor>,
}

impl Nsga2 {
    /// Of all that were trained, the best by front, then the least crowded: selected anew after each generation's worth, so
    /// that the cost grows with their number and not with its square; and from where it was left off when the losses before
    /// that are the same, so that it does not grow with their number either.
    fn survivors(&self, trained: &[&Observation<'_>]) -> Vec<Survivor> {
        let size = self.options.population.max(2);
        let generations: Vec<&[&Observation<'_>]> = trained.chunks(size).collect();
        let whole = trained.len() / size;
        let digests = digests(&generations[..whole]);
        let mut kept = self.selected.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        kept.retain(|selected| digests.get(selected.generations) == Some(&selected.digest));
        let mut selected = kept.back().cloned().unwrap_or_default();
        for (at, generation) in generations.iter().enumerate().skip(selected.generations) {
            let first = at * size;
            let places = selected.survivors.iter().map(|survivor| survivor.at);
            let places: Vec<usize> = places.chain(first..first + generation.len()).collect();
            selected.survivors = select(trained, &places, size);
            if at < whole {
                (selected.generations, selected.digest) = (at + 1, digests[at + 1]);
                kept.push_back(selected.clone());
                if kept.len() > KEPT {
                    kept.pop_front();
                }
            }
        }
        selected.survivors
    }
}

/// A digest of the losses before each generation, and of all of them.
fn digests(generations: &[&[&Observation<'_>]]) -> Vec<u64> {
    let mut hasher = DefaultHasher::new();
    let mut digests = vec![0];
    for generation in generations {
        for observation in *generation {
            observation.value.map(f64::to_bits).hash(&mut hasher);
            observation.also.iter().for_each(|loss| loss.to_bits().hash(&mut hasher));
        }
        digests.push(hasher.finish());
    }
    digests
}

/// The best `size` of those at `places`, best first.
fn select(trained: &[&Observation<'_>], places: &[usize], size: usize) -> Vec<Survivor> {
    let all: Vec<Losses> = places.iter().map(|at| losses(trained[*at]).unwrap_or_default()).collect();
    let front = fronts(&all);
    let crowding = crowding(&all, &front);
    let ranked = places.iter().zip(front).zip(crowding);
    let mut ranked: Vec<Survivor> =
        ranked.map(|((at, front), crowding)| Survivor { at: *at, front, crowding }).collect();
    // Of equal ones those that survived before, as they were ordered.
    ranked.sort_by(Survivor::order);
    ranked.truncate(size);
    ranked
}

fn parent<'a>(trained: &[&Observation<'a>], population: &[Survivor], rng: &mut dyn Rng) -> &'a Assignment {
    let drawn: Vec<&Survivor> = population.sample(rng, TOURNAMENT).collect();
    let best = drawn.into_iter().min_by(|a, b| a.order(b)).unwrap_or(&population[0]);
    trained[best.at].assignment
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
        let options = Options { population: 10, mutation: Some(0.0), ..Options::default() };
        let sampler = Nsga2 { options, ..Nsga2::default() };
        let request = Request { space: &space, history: &history, planned: None, attempt: 0, seed: 1 };
        for seed in 0..30 {
            let drawn = sampler.sample(&request, &mut rng::stream(seed, &["parents"]));
            assert!(drawn["k"].as_i64().unwrap() < 100, "{drawn:?}");
        }
    }

    #[test]
    fn what_was_selected_before_changes_nothing() {
        let assignments: Vec<Assignment> =
            (0..95).map(|k| Assignment::from([("k".to_owned(), serde_json::json!(k))])).collect();
        let observe = |(assignment, k): (_, u32)| Observation {
            assignment,
            value: Some(f64::from(k * 37 % 101)),
            also: vec![f64::from(k * 53 % 89)],
            doubt: 0.0,
            running: false,
        };
        let mut all: Vec<Observation<'_>> = assignments.iter().zip(0..).map(observe).collect();
        let options = || Options { population: 10, ..Options::default() };
        let sampler = || Nsga2 { options: options(), ..Nsga2::default() };
        let places = |sampler: &Nsga2, all: &[Observation<'_>]| -> Vec<usize> {
            let trained: Vec<&Observation<'_>> = all.iter().collect();
            sampler.survivors(&trained).iter().map(|survivor| survivor.at).collect()
        };
        let one = sampler();
        for count in [5, 30, 31, 94, 40, 95] {
            assert_eq!(places(&one, &all[..count]), places(&sampler(), &all[..count]), "{count}");
        }
        // One that ended late stands before the others that ended.
        let late = all.pop().unwrap();
        all.insert(80, late);
        assert_eq!(places(&one, &all), places(&sampler(), &all));
        all[3].value = Some(-1.0);
        assert_eq!(places(&one, &all), places(&sampler(), &all));
        assert!(places(&one, &all).contains(&3));
    }
}
