//! The file as typed, and reading it on past its mistakes: what cannot be read is reported, taken out, and the
//! rest is read again, so that one look shows them all.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::locate::Lines;
use super::problem::{Place, Problem, suggestion};

/// A part of the document that does not fit its type, with the path inside that part.
pub(crate) type OptionsError = serde_path_to_error::Error<serde_json::Error>;

/// Keys of the design that this version knows and does not act on.
const NOT_YET: [&str; 2] = ["fidelity", "cost"];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawFile {
    /// Where editors find what a file may say.
    #[serde(rename = "$schema")]
    pub(super) _schema: Option<String>,
    pub(super) study: Option<Value>,
    pub(super) fixed: Map<String, Value>,
    pub(super) stages: Option<Vec<Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawStage {
    pub(super) name: Option<String>,
    pub(super) inherit: Option<Value>,
    pub(super) space: Map<String, Value>,
    pub(super) constraints: Map<String, Value>,
    pub(super) forbidden: Vec<Map<String, Value>>,
    pub(super) sampler: Option<Map<String, Value>>,
    pub(super) pruner: Option<Map<String, Value>>,
    pub(super) budget: Option<Value>,
    pub(super) objective: Option<Value>,
    pub(super) promote: Option<Value>,
    pub(super) prune_with: Vec<String>,
    pub(super) warm_start: bool,
    pub(super) init_from: Option<i64>,
}

/// What a stage may spend; it ends when any limit is reached.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::search) struct RawBudget {
    /// Candidates.
    pub(super) trials: Option<u32>,
    /// Epochs of every trial.
    pub(super) epochs: Option<u32>,
    /// Epochs of all candidates together: what pruning saves is spent on others.
    pub(super) total_epochs: Option<u64>,
    /// Seconds of training of all candidates together.
    pub(super) seconds: Option<f64>,
    /// Hours of training of all candidates together.
    pub(super) device_hours: Option<f64>,
    /// Candidates in a row that were not better than the best one before them.
    pub(super) patience: Option<u32>,
}

/// How the winner is chosen.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::search) struct RawPromote {
    /// The best candidates that are trained again, with other seeds.
    pub(super) top_k: Option<u32>,
    /// Runs of each of them, the first one included.
    pub(super) repeats: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawParameter {
    pub(super) choice: Option<Vec<Value>>,
    pub(super) int: Option<Value>,
    pub(super) float: Option<Value>,
    pub(super) when: BTreeMap<String, Value>,
}

/// What a stage begins from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::search) struct RawInherit {
    /// The earlier stage.
    pub(super) stage: Option<String>,
    /// How many of its best candidates are alternatives to begin from: which one is searched like a parameter.
    pub(super) top_k: Option<u32>,
}

/// One of several objectives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::search) struct RawGoal {
    /// A score or a cost.
    pub(super) metric: Option<String>,
}

/// Whole numbers in a range.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::search) struct RawInt {
    /// The smallest.
    pub(super) low: Option<i64>,
    /// The largest.
    pub(super) high: Option<i64>,
    /// From one to the next.
    pub(super) step: Option<i64>,
    /// Whether small ones are as likely as large ones: on a logarithmic scale.
    pub(super) log: bool,
}

/// Numbers in a range.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::search) struct RawFloat {
    /// The smallest.
    pub(super) low: Option<f64>,
    /// The largest.
    pub(super) high: Option<f64>,
    /// Whether small ones are as likely as large ones: on a logarithmic scale.
    pub(super) log: bool,
}

/// Collects what is wrong with a file.
pub(super) struct Notes {
    lines: Lines,
    found: Vec<(Place, Problem)>,
}

impl Notes {
    pub(super) fn new(text: &str) -> Self {
        let mut notes = Self { lines: Lines::of(text), found: Vec::new() };
        for (place, line) in std::mem::take(&mut notes.lines.duplicates) {
            let message = "this key is there twice in one object".to_owned();
            notes.found.push((place.clone(), Problem { line, key: place.to_string(), message }));
        }
        notes
    }

    pub(super) fn add(&mut self, place: &Place, message: impl Into<String>) {
        let problem =
            Problem { line: self.lines.line(place), key: place.to_string(), message: message.into() };
        self.found.push((place.clone(), problem));
    }

    /// Whether something at this place or inside it was reported, so that more would be an echo.
    pub(super) fn has(&self, place: &Place) -> bool {
        self.found.iter().any(|(at, _)| at.is_within(place))
    }

    /// Whether something at exactly this place was reported.
    pub(super) fn is_told(&self, place: &Place) -> bool {
        self.found.iter().any(|(at, _)| at == place)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// By line, and in the order found within a line.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.found.into_iter().map(|(_, problem)| problem).collect();
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    /// Reads an object of the document. Keys with mistakes are noted and keep their default.
    pub(super) fn read<T: DeserializeOwned>(&mut self, value: Value, place: &Place) -> Option<T> {
        self.read_with(value, place, |value| serde_path_to_error::deserialize(value))
    }

    /// Like [`read`](Self::read), with a reader of one's own.
    pub(super) fn read_with<T>(
        &mut self,
        mut value: Value,
        place: &Place,
        read: impl Fn(Value) -> Result<T, OptionsError>,
    ) -> Option<T> {
        // Serde would read a struct from a list as well.
        if !value.is_object() {
            self.add(place, format!("expected an object, got {}", kind_of(&value)));
            return None;
        }
        loop {
            let error = match read(value.clone()) {
                Ok(read) => return Some(read),
                Err(error) => error,
            };
            let inside = Place::from(error.path());
            self.add(&place.join(&inside), message(&error.inner().to_string()));
            let mut keys = inside.leading_keys();
            let last = keys.pop()?;
            let around = keys.iter().try_fold(&mut value, |at, key| at.get_mut(*key))?;
            around.as_object_mut()?.remove(last)?;
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What serde says, for people who do not know its types.
pub(super) fn message(serde: &str) -> String {
    let names: Vec<&str> = serde.split('`').skip(1).step_by(2).collect();
    let unknown = ["unknown field", "unknown variant"].iter().position(|start| serde.starts_with(start));
    match (unknown, names.split_first()) {
        (Some(0), Some((name, _))) if NOT_YET.contains(name) => {
            format!("\"{name}\" is not supported yet; take it out")
        }
        (Some(kind), Some((name, known))) => {
            let what = ["key", "value"][kind];
            format!("unknown {what} \"{name}\"{}", suggestion(name, known.iter().copied()))
        }
        _ => {
            let expected = [
                ("expected u32", "expected a whole number from 0"),
                ("expected u64", "expected a whole number from 0"),
                ("expected usize", "expected a whole number from 0"),
                ("expected i64", "expected a whole number"),
                ("expected f64", "expected a number"),
                ("expected a sequence", "expected a list"),
                ("expected a map", "expected an object"),
                ("expected struct", "expected an object, struct"),
                ("expected a boolean", "expected true or false"),
            ];
            let (from, to) = expected.into_iter().find(|(from, _)| serde.contains(from)).unwrap_or_default();
            let text = if from.is_empty() { serde.to_owned() } else { serde.replacen(from, to, 1) };
            match text.split_once(", struct ") {
                Some((start, _)) => start.to_owned(),
                None => text,
            }
        }
    }
}
