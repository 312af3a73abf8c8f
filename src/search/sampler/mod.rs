//! How candidates are drawn: the trait, and the implementations by name.

mod auto;
mod evolution;
mod gp;
mod grid;
mod kernel;
mod neighbour;
mod nsga2;
mod pareto;
mod quasi;
pub(super) mod random;
mod tpe;

use std::fmt::Debug;

use rand::Rng;

pub use auto::Auto;
pub use evolution::Evolution;
pub use gp::GaussianProcess;
pub use grid::Grid;
pub use nsga2::Nsga2;
pub use pareto::dominates;
pub(super) use pareto::scalarised;
pub use quasi::QuasiRandom;
pub use random::Random;
pub use tpe::Tpe;

use super::registry::Registry;
use super::snapshot::Assignment;
use super::space::ParameterSpace;

/// What is known of a candidate drawn earlier.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation<'a> {
    /// Its values.
    pub assignment: &'a Assignment,
    /// Its loss, lower is better; `None` while nothing is known and for failed trials.
    pub value: Option<f64>,
    /// Its losses by the other objectives of the stage, where there are any.
    pub also: Vec<f64>,
    /// How far the loss may be from `value`, where it is a guess: a standard deviation; 0 where the loss is known.
    pub doubt: f64,
    /// Whether it is still being trained, or waits for it.
    pub running: bool,
}

impl Observation<'_> {
    /// The loss, where it is a number.
    fn loss(&self) -> Option<f64> {
        self.value.filter(|loss| loss.is_finite())
    }
}

/// The candidates of a stage so far, in the order of proposal. Samplers that need few of them ask for no more: there may be
/// a hundred thousand.
pub trait History {
    /// How many there are.
    fn count(&self) -> usize;

    /// All of them.
    fn all(&self) -> &[Observation<'_>];

    /// Of those that have finished the latest, at most `count`, the last one first.
    fn latest(&self, count: usize) -> Vec<Observation<'_>>;
}

impl History for Vec<Observation<'_>> {
    fn count(&self) -> usize {
        self.len()
    }

    fn all(&self) -> &[Observation<'_>] {
        self
    }

    fn latest(&self, count: usize) -> Vec<Observation<'_>> {
        self.iter().rev().filter(|o| !o.running).take(count).cloned().collect()
    }
}

/// What a sampler is asked on.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What is searched.
    pub space: &'a ParameterSpace,
    /// All candidates so far.
    pub history: &'a dyn History,
    /// Candidates that are planned in all, where that is known.
    pub planned: Option<usize>,
    /// How often the answer to the same question could not be used, because it was known or no valid candidate.
    pub attempt: usize,
    /// The same for all candidates of a stage.
    pub seed: u64,
}

/// Draws candidates.
///
/// An implementation keeps no state that would change its answers: the same request and stream give the same candidate.
/// What it returns is admitted by the space, also when the history has values that the space has not.
pub trait Sampler: Debug + Send + Sync {
    /// A candidate.
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment;

    /// Whether it looks at all losses of a candidate. Others are given one in place of several.
    fn takes_several(&self) -> bool {
        false
    }
}

/// All samplers.
pub static REGISTRY: Registry<dyn Sampler> = Registry {
    seam: "sampler",
    default: "auto",
    kinds: &[
        auto::KIND,
        random::KIND,
        quasi::KIND,
        grid::KIND,
        tpe::KIND,
        gp::KIND,
        evolution::KIND,
        nsga2::KIND,
    ],
    later: &["cmaes", "sobol", "motpe"],
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::rng;
    use crate::search::registry::Kind;
    use crate::search::space::{Condition, Domain, Parameter};

    fn domain() -> impl Strategy<Value = Domain> {
        prop_oneof![
            (1..6_usize).prop_map(|n| Domain::Choice((0..n).map(|i| json!([i, "x"])).collect())),
            (-20..20_i64, 0..30_i64, 1..5_i64).prop_map(|(low, span, step)| Domain::Int {
                low,
                high: low + span,
                step,
                log: false
            }),
            (1..100_i64, 0..1000_i64).prop_map(|(low, span)| Domain::Int {
                low,
                high: low + span,
                step: 1,
                log: true
            }),
            (-5.0..5.0, 0.0..9.0).prop_map(|(low, span)| Domain::Float { low, high: low + span, log: false }),
            (1e-6..1.0, 1.0..1e4).prop_map(|(low, times)| Domain::Float {
                low,
                high: low * times,
                log: true
            }),
        ]
    }

    /// A space in which every second parameter hangs on a switch.
    fn space() -> impl Strategy<Value = ParameterSpace> {
        prop::collection::vec(domain(), 1..5).prop_map(|domains| {
            let switch = Domain::Choice(vec![json!(true), json!(false)]);
            let mut parameters = vec![Parameter { key: "z.switch".into(), domain: switch, when: Vec::new() }];
            for (index, domain) in domains.into_iter().enumerate() {
                let on = Condition { key: "z.switch".into(), value: Value::Bool(true) };
                let when = if index % 2 == 0 { vec![on] } else { Vec::new() };
                parameters.push(Parameter { key: format!("p{index}"), domain, when });
            }
            ParameterSpace::new(parameters).unwrap()
        })
    }

    fn observations(known: &[(Assignment, Option<f64>, bool)]) -> Vec<Observation<'_>> {
        let all = known.iter();
        all.map(|(assignment, value, running)| Observation {
            assignment,
            value: *value,
            also: Vec::new(),
            doubt: 0.0,
            running: *running,
        })
        .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_sampler_keeps_to_the_space_and_repeats_itself(space in space(), seed in 0..1000_u64) {
            for Kind { name: kind, build, .. } in REGISTRY.kinds {
                let sampler = build(json!({})).unwrap();
                let mut known: Vec<(Assignment, Option<f64>, bool)> = Vec::new();
                for number in 0..16 {
                    let path = [*kind, &number.to_string()];
                    let history = observations(&known);
                    let request =
                        Request { space: &space, history: &history, planned: Some(16), attempt: number % 3, seed };
                    let assignment = sampler.sample(&request, &mut rng::stream(seed, &path));
                    prop_assert!(space.admits(&assignment), "{kind}: {assignment:?}");
                    let again = sampler.sample(&request, &mut rng::stream(seed, &path));
                    prop_assert_eq!(&assignment, &again);
                    let value = match number % 5 {
                        3 => None,
                        4 => Some(f64::NAN),
                        _ => Some((number * 7 % 11) as f64),
                    };
                    known.push((assignment, value, number % 6 == 5));
                }
            }
        }
    }

    /// A basin in two numbers, moved by a choice, with a number that takes part for one choice only.
    fn toy_loss(assignment: &Assignment) -> f64 {
        let number = |key: &str| assignment.get(key).and_then(Value::as_f64);
        let (x, rate) = (number("x").unwrap(), number("rate").unwrap());
        let basin = (x - 0.7).powi(2) + ((rate.ln() - 0.01_f64.ln()) / 5.0).powi(2);
        match assignment["kind"].as_str().unwrap() {
            "a" => basin + 0.3,
            "b" => basin + (number("width").unwrap() / 64.0 - 0.5).powi(2),
            _ => basin + 0.6,
        }
    }

    fn toy_space() -> ParameterSpace {
        let parameter = |key: &str, domain| Parameter { key: key.into(), domain, when: Vec::new() };
        let mut width = parameter("width", Domain::Int { low: 8, high: 64, step: 8, log: false });
        width.when = vec![Condition { key: "kind".into(), value: json!("b") }];
        ParameterSpace::new(vec![
            parameter("x", Domain::Float { low: -1.0, high: 1.0, log: false }),
            parameter("rate", Domain::Float { low: 1e-4, high: 1.0, log: true }),
            parameter("kind", Domain::Choice(vec![json!("a"), json!("b"), json!("c")])),
            width,
        ])
        .unwrap()
    }

    fn best_of(sampler: &dyn Sampler, seed: u64, trials: usize) -> f64 {
        let space = toy_space();
        let mut known = Vec::new();
        for number in 0..trials {
            let mut rng = rng::stream(seed, &["toy", &number.to_string()]);
            let history = observations(&known);
            let request =
                Request { space: &space, history: &history, planned: Some(trials), attempt: 0, seed };
            let assignment = sampler.sample(&request, &mut rng);
            let value = Some(toy_loss(&assignment));
            known.push((assignment, value, false));
        }
        known.iter().filter_map(|(_, value, _)| *value).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn tpe_finds_a_clearly_better_point_than_random_on_average() {
        let mean = |sampler: &dyn Sampler| (0..20).map(|seed| best_of(sampler, seed, 40)).sum::<f64>() / 20.0;
        let (random, tpe) = (mean(&Random), mean(&Tpe::default()));
        eprintln!("random {random:.4} tpe {tpe:.4}");
        assert!(tpe < 0.6 * random, "tpe {tpe} random {random}");
    }

    /// What a sampler says to a growing history, none of whose losses is known.
    fn drawn(kind: &str, space: &ParameterSpace, count: usize) -> Vec<Assignment> {
        let sampler = REGISTRY.factory(kind).unwrap()(json!({})).unwrap();
        let mut known = Vec::new();
        for number in 0..count {
            let history = observations(&known);
            let request = Request { space, history: &history, planned: Some(count), attempt: 0, seed: 7 };
            let path = [kind, &number.to_string()];
            let assignment = sampler.sample(&request, &mut rng::stream(7, &path));
            known.push((assignment, None, false));
        }
        known.into_iter().map(|(assignment, ..)| assignment).collect()
    }

    #[test]
    fn a_grid_has_every_candidate_once_and_so_has_a_budget_that_covers_the_space() {
        let parameter = |key: &str, domain| Parameter { key: key.into(), domain, when: Vec::new() };
        let mut inner = parameter("inner", Domain::Int { low: 1, high: 4, step: 1, log: false });
        inner.when = vec![Condition { key: "kind".into(), value: json!("b") }];
        let kinds = Domain::Choice(vec![json!("a"), json!("b")]);
        let space = ParameterSpace::new(vec![parameter("kind", kinds), inner]).unwrap();
        for kind in ["grid", "auto"] {
            let all = drawn(kind, &space, 5);
            let different: std::collections::BTreeSet<String> =
                all.iter().map(|assignment| json!(assignment).to_string()).collect();
            assert_eq!(different.len(), 5, "{kind}: {all:?}");
        }
    }

    #[test]
    fn quasi_random_candidates_leave_no_gap() {
        let domain = Domain::Float { low: 0.0, high: 1.0, log: false };
        let parameter = |key: &str| Parameter { key: key.into(), domain: domain.clone(), when: Vec::new() };
        let space = ParameterSpace::new(vec![parameter("x"), parameter("y")]).unwrap();
        let all = drawn("quasi_random", &space, 16);
        for key in ["x", "y"] {
            let cells: std::collections::BTreeSet<u32> =
                all.iter().map(|a| (16.0 * a[key].as_f64().unwrap()) as u32).collect();
            assert_eq!(cells.len(), 16, "one in each sixteenth");
        }
    }

    #[test]
    fn evolution_changes_one_thing_about_a_good_candidate() {
        let space = toy_space();
        let sampler = Evolution { population: 10, tournament: 10 };
        let mut rng = rng::stream(3, &["evolution"]);
        let known: Vec<_> =
            (0..10).map(|n| (random::draw(&space, &mut rng), Some(f64::from(n)), false)).collect();
        let history = observations(&known);
        let request = Request { space: &space, history: &history, planned: None, attempt: 0, seed: 1 };
        for _ in 0..50 {
            let child = sampler.sample(&request, &mut rng);
            let differs = |key: &&str| child.get(*key) != known[0].0.get(*key);
            let changed: Vec<&str> = ["kind", "rate", "width", "x"].into_iter().filter(differs).collect();
            // A width comes and goes with the kind.
            assert!(changed.len() == 1 || changed == ["kind", "width"], "{changed:?}");
        }
    }
}
