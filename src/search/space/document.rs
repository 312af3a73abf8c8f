//! Values set at key paths of an architecture document.

use serde_json::{Map, Value};

use super::spec::Subject;
use crate::model::arch::Architecture;
use crate::model::{PRESET, preset};
use crate::search::snapshot::Assignment;

/// The parameter whose values are objects of settings by key path: each sets several keys at once.
pub(crate) const SETTINGS: &str = "settings";

/// The parameter whose value is the trial that a candidate begins from, where there are several.
pub(crate) const INHERIT: &str = "inherit";

/// The setting that budgets decide.
pub(crate) const EPOCHS: &str = "train.epochs";

/// Sets the value at a dotted path; objects on the way are made where they are missing.
pub(crate) fn set(document: &mut Value, path: &str, value: Value) {
    let mut at = document;
    for key in path.split('.') {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[key];
    }
    *at = value;
}

/// The value at a dotted path, or at the path as a key: parameters of tables may have dots.
pub(crate) fn get<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    document.get(path).or_else(|| path.split('.').try_fold(document, |at, key| at.get(key)))
}

/// The whole document of a candidate; `None` when it is not a valid one.
pub(crate) fn of_candidate(
    subject: Subject,
    base: &Value,
    assignment: &Assignment,
    epochs: u32,
) -> Option<Value> {
    match subject {
        Subject::Architecture => candidate(base, assignment, epochs),
        Subject::Recorded => {
            let mut document = base.clone();
            for (key, value) in assignment.iter().filter(|(key, _)| *key != INHERIT) {
                // Not a path: parameters of tables may have dots.
                document.as_object_mut()?.insert(key.clone(), value.clone());
            }
            Some(document)
        }
    }
}

/// The whole architecture document of a candidate: `base`, or the preset that the assignment names, with the [`SETTINGS`]
/// that it names, then the rest of the assignment and the budget's epochs. `None` when it is not a valid architecture.
pub(crate) fn candidate(base: &Value, assignment: &Assignment, epochs: u32) -> Option<Value> {
    let mut document = match assignment.get(PRESET) {
        Some(name) => preset(name).ok()?.architecture().to_value(),
        None => base.clone(),
    };
    let together = assignment.get(SETTINGS).and_then(Value::as_object).into_iter().flatten();
    let single = assignment.iter().filter(|(key, _)| ![PRESET, SETTINGS, INHERIT].contains(&key.as_str()));
    for (key, value) in together.chain(single) {
        set(&mut document, key, value.clone());
    }
    set(&mut document, EPOCHS, epochs.into());
    let architecture = Architecture::from_value(document).ok()?;
    architecture.validate().is_empty().then(|| architecture.to_value())
}

/// Key paths of all settings of the architecture, in the order of the document.
pub(crate) fn setting_keys() -> Vec<String> {
    let mut keys = Vec::new();
    collect("", &Architecture::default().to_value(), &mut keys);
    keys
}

fn collect(prefix: &str, value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                collect(&path, value, keys);
            }
        }
        _ => keys.push(prefix.to_owned()),
    }
}
