//! What a stage takes over from earlier ones: what its candidates begin from, and what they need not try again.

use std::cell::OnceCell;

use serde_json::Value;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::history::StageHistory;
use super::sampler::History;
use super::snapshot::{Action, Assignment, Ruling, Snapshot, StageView};
use super::space::document::INHERIT;
use super::space::{Domain, Parameter, ParameterSpace, SearchSpace, StageSpec};
use super::stage;
use crate::ids::TrialId;

/// Fewest trials with a value from which something is concluded about it.
const TRIALS: usize = 3;
/// A value is tried rarely, or not at all, when a difference to the best value such as its own would come about by chance with
/// a probability below this; divided by the number of values that are compared (Bonferroni).
const RARELY: f64 = 0.1;
const NEVER: f64 = 0.01;

/// What the candidates of a stage begin from, and what they may be.
#[derive(Debug)]
pub(super) struct Heritage {
    /// Documents that candidates may begin from, best first, each with the trial that has it; never empty.
    bases: Vec<(Option<TrialId>, Value)>,
    /// The stage's space without what earlier stages ruled out, and with the choice of what to begin from.
    pub(super) space: ParameterSpace,
    rarely: Vec<(String, Value)>,
}

impl Heritage {
    /// What `spec` takes over, with the rulings of its beginning; `None` when the stage that it inherits from has no winner.
    pub(super) fn of(
        space: &SearchSpace,
        snapshot: &Snapshot,
        spec: &StageSpec,
        rulings: &[Ruling],
    ) -> Option<Self> {
        let bases = match &spec.inherit {
            None => vec![(None, space.fixed.clone())],
            Some(name) => {
                let earlier = snapshot.stages.iter().find(|view| view.name == *name)?;
                let best = stage::best(space.stage(name)?, earlier, spec.inherit_top as usize)?;
                best.into_iter().map(|trial| (Some(trial.id), trial.architecture.value())).collect()
            }
        };
        let mut parameters = spec.space.parameters().to_vec();
        for ruling in rulings.iter().filter(|ruling| ruling.action == Action::Drop) {
            let own = parameters.iter_mut().find(|own| own.key == ruling.parameter);
            if let Some(Parameter { domain: Domain::Choice(values), .. }) = own {
                values.retain(|value| *value != ruling.value);
            }
        }
        if bases.len() > 1 {
            let names = bases.iter().filter_map(|(trial, _)| trial.map(name)).collect();
            parameters.push(Parameter {
                key: INHERIT.into(),
                domain: Domain::Choice(names),
                when: Vec::new(),
            });
        }
        let rarely = rulings.iter().filter(|ruling| ruling.action == Action::Rarely);
        Some(Self {
            bases,
            // Conditions of a stage look back whatever values are left.
            space: ParameterSpace::new(parameters).unwrap_or_else(|_| spec.space.clone()),
            rarely: rarely.map(|ruling| (ruling.parameter.clone(), ruling.value.clone())).collect(),
        })
    }

    /// What a candidate begins from, and whose it is.
    pub(super) fn base(&self, assignment: &Assignment) -> (Option<TrialId>, &Value) {
        let chosen = assignment.get(INHERIT);
        let is_chosen = |(trial, _): &&(Option<TrialId>, Value)| trial.map(name).as_ref() == chosen;
        let (trial, document) =
            self.bases.iter().find(|base| chosen.is_some() && is_chosen(base)).unwrap_or(&self.bases[0]);
        (*trial, document)
    }

    /// Whether a candidate has a value that is to be tried rarely.
    pub(super) fn is_rare(&self, assignment: &Assignment) -> bool {
        self.rarely.iter().any(|(key, value)| assignment.get(key) == Some(value))
    }
}

/// What the choice to begin from a trial is called.
fn name(trial: TrialId) -> Value {
    format!("trial {trial}").into()
}

/// What the stages that `spec` prunes with showed about choices that it would try again.
///
/// The losses with each value are compared with those with the value whose mean is smallest, by the test of Welch (1947).
/// Samplers try good values together with others that are good, which makes bad ones look worse than they are: that is why
/// little is ruled out, and only with little doubt.
pub(super) fn rulings(space: &SearchSpace, snapshot: &Snapshot, spec: &StageSpec) -> Vec<Ruling> {
    let mut rulings: Vec<Ruling> = Vec::new();
    for name in &spec.prune_with {
        let view = snapshot.stages.iter().find(|view| view.name == *name);
        let (Some(earlier), Some(view)) = (space.stage(name), view) else { continue };
        if earlier.objective != spec.objective {
            continue;
        }
        for parameter in spec.space.parameters() {
            let Domain::Choice(values) = &parameter.domain else { continue };
            for ruling in of_parameter(earlier, view, &parameter.key, values) {
                // What one stage says is not said again by another.
                if !rulings.iter().any(|r| r.parameter == ruling.parameter && r.value == ruling.value) {
                    rulings.push(ruling);
                }
            }
        }
    }
    keep_one(spec, rulings)
}

fn of_parameter(earlier: &StageSpec, view: &StageView, key: &str, values: &[Value]) -> Vec<Ruling> {
    let forecaster = OnceCell::new();
    let history = StageHistory::new(earlier, view, &[], &forecaster);
    let sample = |value: &Value| {
        let with = history.all().iter().filter(|o| o.assignment.get(key) == Some(value));
        Sample::of(with.filter_map(|o| o.value).filter(|loss| loss.is_finite()))
    };
    let samples: Vec<(&Value, Sample)> =
        values.iter().filter_map(|value| Some((value, sample(value)?))).collect();
    let Some((best_value, best)) = samples.iter().min_by(|a, b| a.1.mean.total_cmp(&b.1.mean)) else {
        return Vec::new();
    };
    let compared = samples.len().saturating_sub(1).max(1) as f64;
    let ruling = |(value, sample): &(&Value, Sample)| {
        let chance = sample.chance_of_no_difference(best)?;
        let action = match chance * compared {
            chance if chance < NEVER => Action::Drop,
            chance if chance < RARELY => Action::Rarely,
            _ => return None,
        };
        let sign = earlier.objective.sign();
        let reason = format!(
            "stage \"{}\": {} of {} trials on average, {} of {} with {best_value} (p = {chance:.1e})",
            earlier.name,
            shown(sign * sample.mean),
            sample.count,
            shown(sign * best.mean),
            best.count,
        );
        Some(Ruling { parameter: key.to_owned(), value: (*value).clone(), action, reason })
    };
    samples.iter().filter(|(value, _)| value != best_value).filter_map(ruling).collect()
}

fn shown(score: f64) -> String {
    format!("{score:.4}")
}

/// Two stages may agree on nothing: a parameter keeps at least one value.
fn keep_one(spec: &StageSpec, rulings: Vec<Ruling>) -> Vec<Ruling> {
    let leaves_none = |ruling: &Ruling| {
        let parameter = spec.space.parameters().iter().find(|parameter| parameter.key == ruling.parameter);
        let Some(Parameter { domain: Domain::Choice(values), .. }) = parameter else { return false };
        let drops = |value: &Value| {
            let is = |r: &&Ruling| {
                r.action == Action::Drop && r.parameter == ruling.parameter && r.value == *value
            };
            rulings.iter().any(|r| is(&r))
        };
        values.iter().all(drops)
    };
    rulings.iter().filter(|ruling| !leaves_none(ruling)).cloned().collect()
}

/// Losses with one value.
#[derive(Debug, Clone, Copy)]
struct Sample {
    count: usize,
    mean: f64,
    /// Of the mean.
    variance: f64,
}

impl Sample {
    fn of(losses: impl Iterator<Item = f64>) -> Option<Self> {
        let losses: Vec<f64> = losses.collect();
        let count = losses.len() as f64;
        if losses.len() < TRIALS {
            return None;
        }
        let mean = losses.iter().sum::<f64>() / count;
        let squares: f64 = losses.iter().map(|loss| (loss - mean).powi(2)).sum();
        Some(Self { count: losses.len(), mean, variance: squares / (count - 1.0) / count })
    }

    /// How likely a mean so much larger than another would be without a difference; `None` where the losses have no spread.
    fn chance_of_no_difference(&self, smaller: &Self) -> Option<f64> {
        let variance = self.variance + smaller.variance;
        // What sums leave behind is no spread.
        if variance <= (f64::EPSILON * self.mean.abs().max(smaller.mean.abs())).powi(2) {
            return None;
        }
        let part = |sample: &Self| sample.variance.powi(2) / (sample.count - 1) as f64;
        let freedom = variance.powi(2) / (part(self) + part(smaller));
        let t = (self.mean - smaller.mean) / variance.sqrt();
        Some(StudentsT::new(0.0, 1.0, freedom).ok()?.sf(t))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::search::candidate::Document;
    use crate::search::snapshot::{Scores, TrialView};
    use crate::search::state::TrialState;

    const SPACE: &str = r#"{"stages": [
        {"name": "one", "space": {"encoder.width": {"choice": [8, 16, 32]}, "temporal.kind": {"choice": ["gru", "none"]}},
         "budget": {"trials": 30, "epochs": 1}},
        {"name": "two", "inherit": {"stage": "one", "top_k": 2}, "prune_with": ["one"],
         "space": {"encoder.width": {"choice": [8, 16, 32, 64]}}, "budget": {"trials": 3, "epochs": 1}}]}"#;

    /// A study whose first stage had these losses by width, the first trial the winner.
    fn study(losses: &[(u32, f64)]) -> (SearchSpace, Snapshot) {
        let trial = |(number, (width, loss)): (u32, &(u32, f64))| TrialView {
            id: TrialId(i64::from(number) + 1),
            number,
            parameters: [("encoder.width".to_owned(), json!(width))].into(),
            architecture: Document::from(&json!({"encoder": {"width": width}, "number": number})),
            repeat: 0,
            repeat_of: None,
            state: TrialState::Complete,
            curve: Vec::new(),
            scores: Some(Scores { seld: Some(*loss), ..Scores::default() }),
            cost: None,
        };
        let trials = (0..).zip(losses).map(trial).collect();
        let view = StageView { trials, winner: Some(TrialId(1)), ..StageView::new("one".into()) };
        let space = SearchSpace::parse("space.json", SPACE).unwrap();
        (space, Snapshot { seed: 1, stages: vec![view] })
    }

    fn heritage_of(space: &SearchSpace, snapshot: &Snapshot) -> Option<Heritage> {
        Heritage::of(space, snapshot, &space.stages[1], &rulings(space, snapshot, &space.stages[1]))
    }

    const CLEAR: [(u32, f64); 12] = [
        (16, 0.50),
        (16, 0.52),
        (16, 0.51),
        (16, 0.53),
        (8, 0.80),
        (8, 0.82),
        (8, 0.81),
        (8, 0.83),
        (32, 0.51),
        (32, 0.55),
        (32, 0.56),
        (32, 0.53),
    ];

    #[test]
    fn what_was_clearly_worse_is_dropped_and_why_is_said() {
        let (space, snapshot) = study(&CLEAR);
        let rulings = rulings(&space, &snapshot, &space.stages[1]);
        let dropped: Vec<&Ruling> = rulings.iter().filter(|ruling| ruling.action == Action::Drop).collect();
        let [ruling] = dropped.as_slice() else { panic!("{rulings:?}") };
        assert_eq!((ruling.parameter.as_str(), &ruling.value), ("encoder.width", &json!(8)));
        assert!(
            ruling
                .reason
                .starts_with("stage \"one\": 0.8150 of 4 trials on average, 0.5150 of 4 with 16 (p = "),
            "{}",
            ruling.reason
        );
        let heritage = heritage_of(&space, &snapshot).unwrap();
        let widths: Vec<Value> =
            heritage.space.enumerate(99).unwrap().iter().map(|a| a["encoder.width"].clone()).collect();
        assert!(widths.contains(&json!(64)) && !widths.contains(&json!(8)), "{widths:?}");
    }

    #[test]
    fn little_evidence_rules_nothing_out() {
        let (space, snapshot) =
            study(&[(16, 0.5), (16, 0.6), (8, 0.9), (8, 0.8), (32, 0.5), (32, 0.7), (32, 0.6)]);
        assert_eq!(rulings(&space, &snapshot, &space.stages[1]), []);
        let (space, snapshot) = study(&[(16, 0.5), (16, 0.8), (16, 0.6), (8, 0.7), (8, 0.6), (8, 0.8)]);
        assert_eq!(rulings(&space, &snapshot, &space.stages[1]), []);
        let (space, snapshot) = study(&[(16, 0.5), (16, 0.5), (16, 0.5), (8, 0.7), (8, 0.7), (8, 0.7)]);
        assert_eq!(rulings(&space, &snapshot, &space.stages[1]), [], "no spread, no judgement");
    }

    #[test]
    fn what_was_probably_worse_is_tried_rarely() {
        let losses =
            [(16, 0.50), (16, 0.56), (16, 0.53), (16, 0.51), (8, 0.55), (8, 0.60), (8, 0.58), (8, 0.57)];
        let (space, snapshot) = study(&losses);
        let rulings = rulings(&space, &snapshot, &space.stages[1]);
        assert_eq!(rulings.iter().map(|r| r.action).collect::<Vec<_>>(), [Action::Rarely], "{rulings:?}");
        let heritage = heritage_of(&space, &snapshot).unwrap();
        let with = |width: u32| [("encoder.width".to_owned(), json!(width))].into();
        assert!(heritage.is_rare(&with(8)) && !heritage.is_rare(&with(16)));
    }

    #[test]
    fn the_best_ones_are_alternatives_to_begin_from() {
        let (space, snapshot) = study(&CLEAR);
        let heritage = heritage_of(&space, &snapshot).unwrap();
        let chosen = |name: &str| heritage.base(&[(INHERIT.to_owned(), json!(name))].into());
        // The winner, and the best of the others; of equal ones the earlier.
        assert_eq!(chosen("trial 1").0, Some(TrialId(1)));
        assert_eq!(chosen("trial 3").1["number"], 2);
        assert_eq!(heritage.base(&Assignment::new()).0, Some(TrialId(1)));
        let keys: Vec<&str> = heritage.space.parameters().iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["encoder.width", INHERIT]);
        let mut unfinished = snapshot;
        unfinished.stages[0].winner = None;
        assert!(heritage_of(&space, &unfinished).is_none());
    }
}
