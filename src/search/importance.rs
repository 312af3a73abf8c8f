//! Which parameters decided in a stage whether a candidate was good.
//!
//! PED-ANOVA (Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces", 2023):
//! a parameter is important as far as its values among the good candidates are spread otherwise than among all. What samplers
//! prefer is among both, and so says nothing.

use std::cell::OnceCell;

use serde_json::Value;

use super::history::StageHistory;
use super::sampler::{History, Observation};
use super::snapshot::StageView;
use super::space::{Domain, Parameter, StageSpec};

/// Share of the candidates that count as good.
const GOOD: f64 = 0.25;
/// Fewest candidates, and fewest good ones, from which something is concluded.
const CANDIDATES: usize = 8;
const FEWEST_GOOD: usize = 3;
/// Cells that a scale is cut into.
const CELLS: usize = 32;
/// Width of the kernel on a scale of [0, 1] for one candidate; Scott's rule makes it smaller for more.
const WIDTH: f64 = 0.2;

/// What a parameter decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// The parameter.
    pub parameter: String,
    /// Its share of what all parameters decided, in [0, 1].
    pub share: f64,
    /// The value of a choice that is most frequent among the good candidates relative to all of them; of a number the median
    /// of the good ones.
    pub best: Value,
}

/// What the parameters of a stage decided, the most important first; none of a stage with too few candidates.
pub fn importance(spec: &StageSpec, view: &StageView) -> Vec<Importance> {
    let forecaster = OnceCell::new();
    let history = StageHistory::new(spec, view, &[], &forecaster);
    let loss = |o: &Observation<'_>| o.value.filter(|loss| loss.is_finite());
    let mut known: Vec<&Observation<'_>> = history.all().iter().filter(|o| loss(o).is_some()).collect();
    if known.len() < CANDIDATES {
        return Vec::new();
    }
    let order = |o: &Observation<'_>| loss(o).unwrap_or(f64::INFINITY);
    known.sort_by(|a, b| order(a).total_cmp(&order(b)));
    let good = ((GOOD * known.len() as f64).round() as usize).max(FEWEST_GOOD);
    let decided = |parameter: &Parameter| {
        let places: Vec<Place> = known.iter().map(|o| Place::of(parameter, o)).collect();
        let (among_good, among_all) = (density(parameter, &places[..good]), density(parameter, &places));
        let divergence: f64 =
            among_good.iter().zip(&among_all).map(|(good, all)| all * (good / all - 1.0).powi(2)).sum();
        let best = best(parameter, &known[..good], &among_good, &among_all);
        Importance { parameter: parameter.key.clone(), share: divergence, best }
    };
    let is_searched = |parameter: &&Parameter| parameter.domain.cardinality() != Some(1);
    let mut all: Vec<Importance> = spec.space.parameters().iter().filter(is_searched).map(decided).collect();
    let sum: f64 = all.iter().map(|importance| importance.share).sum();
    if sum > 0.0 {
        all.iter_mut().for_each(|importance| importance.share /= sum);
    }
    all.sort_by(|a, b| b.share.total_cmp(&a.share));
    all
}

/// The most important parameters of a stage, as a sentence for people; empty of a stage with too few candidates.
pub(super) fn summary(spec: &StageSpec, view: &StageView) -> String {
    let all = importance(spec, view);
    let shown = |i: &Importance| format!("{} ({:.0} %, best {})", i.parameter, 100.0 * i.share, i.best);
    let most: Vec<String> = all.iter().take(3).map(shown).collect();
    if most.is_empty() { String::new() } else { format!("; what mattered: {}", most.join(", ")) }
}

/// Where a candidate is along a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// The parameter takes no part.
    Absent,
    /// The choice of this number.
    Choice(usize),
    /// At this place of a scale of [0, 1].
    At(f64),
}

impl Place {
    fn of(parameter: &Parameter, observation: &Observation<'_>) -> Self {
        let Some(value) = observation.assignment.get(&parameter.key) else { return Self::Absent };
        match &parameter.domain {
            Domain::Choice(values) => {
                values.iter().position(|other| other == value).map_or(Self::Absent, Self::Choice)
            }
            domain => domain.cell(value).map_or(Self::Absent, |(low, high)| Self::At(0.5 * (low + high))),
        }
    }
}

/// Probabilities of absence and of every choice, or of every cell of a scale, each at least a little.
fn density(parameter: &Parameter, places: &[Place]) -> Vec<f64> {
    let cells = match &parameter.domain {
        Domain::Choice(values) => values.len(),
        _ => CELLS,
    };
    // One candidate spread over all cells.
    let mut density = vec![1.0 / (cells + 1) as f64; cells + 1];
    let width = WIDTH * (places.len().max(1) as f64).powf(-0.2);
    for place in places {
        match place {
            Place::Absent => density[0] += 1.0,
            Place::Choice(at) => density[1 + at] += 1.0,
            Place::At(centre) => {
                let kernel: Vec<f64> = (0..cells)
                    .map(|cell| (((cell as f64 + 0.5) / cells as f64 - centre) / width).powi(2))
                    .map(|square| (-0.5 * square).exp())
                    .collect();
                let sum: f64 = kernel.iter().sum::<f64>().max(f64::MIN_POSITIVE);
                density[1..].iter_mut().zip(kernel).for_each(|(cell, part)| *cell += part / sum);
            }
        }
    }
    let sum: f64 = density.iter().sum();
    density.iter().map(|cell| cell / sum).collect()
}

fn best(parameter: &Parameter, good: &[&Observation<'_>], among_good: &[f64], among_all: &[f64]) -> Value {
    match &parameter.domain {
        Domain::Choice(values) => {
            let ratio = |at: usize| among_good[1 + at] / among_all[1 + at];
            let most = (0..values.len()).max_by(|a, b| ratio(*a).total_cmp(&ratio(*b)).then(b.cmp(a)));
            most.map(|at| values[at].clone()).unwrap_or_default()
        }
        _ => {
            let number = |o: &&Observation<'_>| o.assignment.get(&parameter.key).cloned();
            let mut values: Vec<Value> = good.iter().filter_map(number).collect();
            values.sort_by(|a, b| a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0)));
            values.get(values.len() / 2).cloned().unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::TrialId;
    use crate::rng;
    use crate::search::candidate::Document;
    use crate::search::snapshot::{Assignment, Scores, TrialView};
    use crate::search::space::SearchSpace;
    use crate::search::state::TrialState;

    fn spec() -> StageSpec {
        let text = r#"{"stages": [{"name": "one", "budget": {"trials": 99, "epochs": 1}, "space": {
            "encoder.width": {"choice": [8, 16, 32]},
            "tracks.dropout": {"float": {"low": 0, "high": 0.5}},
            "temporal.kind": {"choice": ["gru", "none"]},
            "temporal.hidden": {"int": {"low": 16, "high": 64}, "when": {"temporal.kind": "gru"}}}}]}"#;
        SearchSpace::parse("space.json", text).unwrap().stages.remove(0)
    }

    /// Candidates drawn at random whose score is that of `score`.
    fn view(count: u32, score: impl Fn(&Assignment) -> f64) -> StageView {
        let spec = spec();
        let trial = |number: u32| {
            let mut rng = rng::stream(5, &["importance", &number.to_string()]);
            let parameters = super::super::sampler::random::draw(&spec.space, &mut rng);
            TrialView {
                id: TrialId(number.into()),
                number,
                scores: Some(Scores { seld: Some(score(&parameters)), ..Scores::default() }),
                parameters,
                architecture: Document::from(&Value::Null),
                repeat: 0,
                repeat_of: None,
                state: TrialState::Complete,
                curve: Vec::new(),
                cost: None,
            }
        };
        StageView { trials: (0..count).map(trial).collect(), ..StageView::new("one".into()) }
    }

    #[test]
    fn what_decides_comes_first_with_its_best_value() {
        let by_width = |a: &Assignment| if a["encoder.width"] == 16 { 0.1 } else { 0.5 } + 0.01 * a["tracks.dropout"].as_f64().unwrap();
        let found = importance(&spec(), &view(60, by_width));
        assert_eq!((found[0].parameter.as_str(), &found[0].best), ("encoder.width", &json!(16)));
        assert!(found[0].share > 0.5, "{found:?}");
        assert!((found.iter().map(|i| i.share).sum::<f64>() - 1.0).abs() < 1e-9);
        let by_dropout = |a: &Assignment| (a["tracks.dropout"].as_f64().unwrap() - 0.4).abs();
        let found = importance(&spec(), &view(60, by_dropout));
        assert_eq!(found[0].parameter, "tracks.dropout");
        assert!((found[0].best.as_f64().unwrap() - 0.4).abs() < 0.08, "{found:?}");
        assert!(summary(&spec(), &view(60, by_dropout)).starts_with("; what mattered: tracks.dropout ("));
    }

    #[test]
    fn a_parameter_that_takes_no_part_is_a_value_of_its_own() {
        let absent = |a: &Assignment| if a.contains_key("temporal.hidden") { 1.0 } else { 0.0 };
        let found = importance(&spec(), &view(60, absent));
        let of = |key: &str| found.iter().find(|i| i.parameter == key).unwrap().share;
        assert!(of("temporal.kind") + of("temporal.hidden") > 0.6, "{found:?}");
    }

    #[test]
    fn few_candidates_say_nothing() {
        assert_eq!(importance(&spec(), &view(7, |_| 0.5)), []);
        assert_eq!(summary(&spec(), &view(7, |_| 0.5)), "");
    }
}
