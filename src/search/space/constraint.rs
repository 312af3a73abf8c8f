//! What candidates must not be: too expensive, or of a combination that is forbidden.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::document;
use super::fit::Fit;
use super::param::Parameter;
use super::problem::{Place, suggestion};
use super::raw::Notes;
use crate::search::cost::Cost;
use crate::search::snapshot::Assignment;

/// Something that a candidate has some of, whatever it scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Trainable parameters.
    Params,
    /// Multiply-adds per second of sound.
    Macs,
    /// Bytes of activations that a training step keeps.
    Memory,
    /// Seconds in which a chunk of sound is heard, on the device of the study.
    Latency,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Params, Self::Macs, Self::Memory, Self::Latency];

    /// The name in files and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Params => "params",
            Self::Macs => "macs",
            Self::Memory => "memory",
            Self::Latency => "latency",
        }
    }

    /// How much of it there is; `None` where it is not known.
    pub fn of(self, cost: &Cost) -> Option<f64> {
        match self {
            Self::Params => cost.params,
            Self::Macs => cost.macs,
            Self::Memory => cost.memory,
            Self::Latency => cost.latency,
        }
    }
}

/// The range in which a quantity is allowed, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constraint {
    /// Of what.
    pub quantity: Quantity,
    /// No less than this.
    pub min: Option<f64>,
    /// No more than this.
    pub max: Option<f64>,
}

impl Constraint {
    /// Whether a candidate of this cost keeps to it; of what is not known, nothing is within a range.
    pub fn allows(&self, cost: &Cost) -> bool {
        let is_within = |amount: f64| {
            self.min.is_none_or(|min| amount >= min) && self.max.is_none_or(|max| amount <= max)
        };
        self.quantity.of(cost).is_some_and(is_within)
    }
}

/// Values by key that no candidate has together.
#[derive(Debug, Clone, PartialEq)]
pub struct Forbidden(Assignment);

impl Forbidden {
    /// Whether a candidate has all of the values: among what was drawn for it, or in its document.
    pub fn forbids(&self, assignment: &Assignment, document: &Value) -> bool {
        let has = |(key, value): (&String, &Value)| {
            assignment.get(key).or_else(|| document::get(document, key)) == Some(value)
        };
        self.0.iter().all(has)
    }
}

/// From where to where, both included.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::search) struct RawRange {
    /// No less than this.
    min: Option<f64>,
    /// No more than this.
    max: Option<f64>,
}

pub(super) fn lower_constraints(
    raw: Map<String, Value>,
    place: &Place,
    notes: &mut Notes,
) -> Vec<Constraint> {
    let mut constraints = Vec::new();
    for (name, value) in raw {
        let at = place.key(&name);
        let Some(quantity) = Quantity::ALL.into_iter().find(|quantity| quantity.as_str() == name) else {
            let names = Quantity::ALL.map(Quantity::as_str);
            notes.add(&at, format!("unknown constraint \"{name}\"{}", suggestion(&name, names)));
            continue;
        };
        let Some(RawRange { min, max }) = notes.read(value, &at) else { continue };
        match (min, max) {
            (None, None) if !notes.has(&at) => notes.add(&at, "expected \"min\", \"max\" or both"),
            (Some(min), Some(max)) if min > max => {
                notes.add(&at.key("min"), format!("{min} is above \"max\", which is {max}"));
            }
            _ => {}
        }
        constraints.push(Constraint { quantity, min, max });
    }
    constraints
}

/// `parameters`: those of the stage.
pub(super) fn lower_forbidden(
    raw: Vec<Map<String, Value>>,
    parameters: &[Parameter],
    place: &Place,
    fit: &dyn Fit,
    notes: &mut Notes,
) -> Vec<Forbidden> {
    let mut forbidden = Vec::new();
    for (index, values) in raw.into_iter().enumerate() {
        let at = place.index(index);
        if values.is_empty() {
            notes.add(&at, "empty, which forbids everything; expected values by key");
        }
        for (key, value) in &values {
            match parameters.iter().find(|parameter| parameter.key == *key) {
                Some(parameter) if !parameter.domain.contains(value) => {
                    let message = format!("{value} is not a value of \"{key}\", so this forbids nothing");
                    notes.add(&at.key(key), message);
                }
                Some(_) => {}
                None => {
                    fit.check_key(key, &at.key(key), notes);
                }
            }
        }
        forbidden.push(Forbidden(values.into_iter().collect()));
    }
    forbidden
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_range_includes_its_ends() {
        let cost = |params| Cost { params: Some(params), ..Cost::default() };
        let range = Constraint { quantity: Quantity::Params, min: Some(2.0), max: Some(3.0) };
        assert_eq!(
            [1.9, 2.0, 3.0, 3.1].map(|params| range.allows(&cost(params))),
            [false, true, true, false]
        );
        assert!(Constraint { max: None, ..range }.allows(&cost(9.0)));
        let cost = Cost { params: Some(1.0), macs: Some(2.0), memory: Some(3.0), latency: Some(4.0) };
        assert_eq!(
            Quantity::ALL.map(|quantity| quantity.of(&cost)),
            [Some(1.0), Some(2.0), Some(3.0), Some(4.0)]
        );
        assert!(!range.allows(&Cost::default()));
    }

    #[test]
    fn a_combination_is_looked_for_in_what_was_drawn_and_in_the_document() {
        let forbidden = Forbidden([("a.b".to_owned(), json!(1)), ("c".to_owned(), json!("x"))].into());
        let drawn = |value: &str| Assignment::from([("c".to_owned(), json!(value))]);
        assert!(forbidden.forbids(&drawn("x"), &json!({"a": {"b": 1}})));
        assert!(!forbidden.forbids(&drawn("y"), &json!({"a": {"b": 1}})));
        assert!(!forbidden.forbids(&drawn("x"), &json!({"a": {"b": 2}})));
        assert!(!forbidden.forbids(&drawn("x"), &json!({"a": 1})));
    }
}
