//! Whether what a space file names and proposes fits what candidates are: architectures, or the rows of a table.

use serde_json::{Map, Value};

use super::document;
use super::param::Domain;
use super::problem::{Place, suggestion};
use super::raw::{Notes, message};
use crate::model::arch::{Architecture, Preset};
use crate::model::{PRESET, preset};

/// Checks keys and values against what candidates are.
pub(super) trait Fit {
    /// Whether there is such a key; if not, says so.
    fn check_key(&self, path: &str, place: &Place, notes: &mut Notes) -> bool;

    /// Checks every choice, or both ends of a range. `within` is the place of the choice list or of the range, `keys` are
    /// the parameters of the same stage.
    fn check_domain(
        &mut self,
        path: &str,
        domain: &Domain,
        keys: &[String],
        within: &Place,
        notes: &mut Notes,
    );

    /// Whether a key stands for settings of several others.
    fn is_settings(&self, key: &str) -> bool;

    /// The document that stages begin from.
    fn into_fixed(self: Box<Self>) -> Value;
}

/// Checks against the architecture that a file begins from.
pub(super) struct ArchitectureFit {
    keys: Vec<String>,
    fixed: Value,
    /// Parameters of this and earlier stages: what they are set to is not known here.
    searched: Vec<String>,
}

impl ArchitectureFit {
    /// Takes in what the file fixes: key paths, nested objects, or both.
    pub(super) fn new(raw: Map<String, Value>, place: &Place, notes: &mut Notes) -> Self {
        let named = raw.get(PRESET).map_or(Ok(Preset::At2seld), preset);
        let named = named.unwrap_or_else(|problem| {
            notes.add(&place.key(PRESET), problem.message);
            Preset::At2seld
        });
        let fixed = named.architecture().to_value();
        let mut fit = Self { keys: document::setting_keys(), fixed, searched: Vec::new() };
        let mut set = Vec::new();
        fit.fix("", raw, place, &mut set, notes);
        if let Ok(architecture) = Architecture::from_value(fit.fixed.clone()) {
            for problem in architecture.validate() {
                let at =
                    set.iter().find(|(key, _)| *key == problem.key || Some(key) == problem.against.as_ref());
                let place = at.map_or(place, |(_, place)| place);
                notes.add(place, format!("{} {}", problem.key, problem.message));
            }
        }
        fit
    }

    fn fix(
        &mut self,
        prefix: &str,
        raw: Map<String, Value>,
        place: &Place,
        set: &mut Vec<(String, Place)>,
        notes: &mut Notes,
    ) {
        for (key, value) in raw {
            let at = place.key(&key);
            if prefix.is_empty() && key == PRESET {
                continue;
            }
            let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            match value {
                Value::Object(inner) if self.is_group(&path) => self.fix(&path, inner, &at, set, notes),
                _ if !self.check_key(&path, &at, notes) => {}
                _ if set.iter().any(|(other, _)| *other == path) => {
                    notes.add(&at, format!("\"{path}\" is fixed twice"));
                }
                value => {
                    if self.check_value(&path, &value, &[], &at, notes) {
                        document::set(&mut self.fixed, &path, value);
                    }
                    set.push((path, at));
                }
            }
        }
    }

    fn is_group(&self, path: &str) -> bool {
        self.keys.iter().any(|key| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Tries settings that a candidate has at once; what they disagree with each other in is a mistake as well.
    fn check_settings(&self, value: &Value, free: &[String], place: &Place, notes: &mut Notes) {
        let Some(settings) = value.as_object() else {
            return notes.add(place, format!("expected an object with values by key path, got {value}"));
        };
        let known: Vec<bool> = settings
            .keys()
            .map(|key| match key.as_str() {
                PRESET => {
                    notes.add(&place.key(key), "a preset is a parameter of its own");
                    false
                }
                key => self.check_key(key, &place.key(key), notes),
            })
            .collect();
        if known.contains(&false) {
            return;
        }
        let mut tried = self.fixed.clone();
        for (key, value) in settings {
            document::set(&mut tried, key, value.clone());
        }
        let free: Vec<&String> = free.iter().filter(|key| !settings.contains_key(*key)).collect();
        match Architecture::from_value(tried) {
            Err(problem) => {
                notes.add(place, format!("does not fit the architecture: {}", message(&problem.message)))
            }
            Ok(architecture) => {
                let concerns = |key: &String| settings.contains_key(key);
                let found = architecture.validate().into_iter().find(|problem| match &problem.against {
                    None => concerns(&problem.key),
                    Some(against) => {
                        (concerns(&problem.key) || concerns(against))
                            && !free.contains(&&problem.key)
                            && !free.contains(&against)
                    }
                });
                if let Some(problem) = found {
                    let problem = format!("{} {}", problem.key, problem.message);
                    notes.add(place, format!("does not fit the architecture: {problem}"));
                }
            }
        }
    }

    /// Whether the architecture takes this value; if not, says why. Disagreement with a setting in `free` is
    /// no mistake: the search may find values that agree.
    fn check_value(
        &self,
        path: &str,
        value: &Value,
        free: &[String],
        place: &Place,
        notes: &mut Notes,
    ) -> bool {
        let mut tried = self.fixed.clone();
        document::set(&mut tried, path, value.clone());
        let problem = match Architecture::from_value(tried) {
            Err(problem) => Some(message(&problem.message)),
            Ok(architecture) => architecture
                .validate()
                .into_iter()
                .find(|problem| match &problem.against {
                    None => problem.key == path,
                    // Two fixed values are looked at together, after both are set.
                    Some(_) if free.is_empty() => false,
                    Some(against) => {
                        let other = if problem.key == path { against } else { &problem.key };
                        (problem.key == path || against == path) && !free.contains(other)
                    }
                })
                .map(|problem| match problem.against {
                    Some(_) => format!("{} {}", problem.key, problem.message),
                    None => problem.message,
                }),
        };
        match problem {
            None => true,
            Some(problem) => {
                notes.add(place, format!("does not fit the architecture: {problem}"));
                false
            }
        }
    }
}

impl Fit for ArchitectureFit {
    fn check_key(&self, path: &str, place: &Place, notes: &mut Notes) -> bool {
        let problem = if path == "train.epochs" {
            "set by the budget of each stage; take it out".to_owned()
        } else if path == PRESET || self.keys.iter().any(|key| key == path) {
            return true;
        } else if self.is_group(path) {
            let inner = self.keys.iter().filter(|key| key.starts_with(&format!("{path}.")));
            let names: Vec<&str> = inner.map(String::as_str).collect();
            format!("names a group of settings, expected one of them: {}", names.join(", "))
        } else {
            let group = path.split('.').next().unwrap_or_default();
            let near = super::nearest(path, self.keys.iter().map(String::as_str));
            let in_group: Vec<&str> = self
                .keys
                .iter()
                .filter(|key| key.split('.').next() == Some(group))
                .map(String::as_str)
                .collect();
            let hint = match (near, in_group.is_empty()) {
                (Some(near), _) => format!("; did you mean \"{near}\"?"),
                (None, false) => format!("; known: {}", in_group.join(", ")),
                (None, true) => {
                    let mut groups: Vec<&str> =
                        self.keys.iter().filter_map(|key| key.split('.').next()).collect();
                    groups.dedup();
                    suggestion(group, groups)
                }
            };
            format!("unknown architecture key \"{path}\"{hint}")
        };
        notes.add(place, problem);
        false
    }

    fn check_domain(
        &mut self,
        path: &str,
        domain: &Domain,
        keys: &[String],
        within: &Place,
        notes: &mut Notes,
    ) {
        self.searched
            .extend(keys.iter().filter(|key| !self.searched.contains(key)).cloned().collect::<Vec<_>>());
        let searched = self.searched.clone();
        match domain {
            Domain::Choice(values) if path == document::SETTINGS => {
                for (index, value) in values.iter().enumerate() {
                    self.check_settings(value, &searched, &within.index(index), notes);
                }
                let inner = values.iter().filter_map(Value::as_object).flat_map(|keys| keys.keys());
                self.searched.extend(inner.cloned());
            }
            _ if path == document::SETTINGS => {
                notes.add(within, "\"settings\" takes a choice of objects, each with values by key path");
            }
            Domain::Choice(values) => {
                for (index, value) in values.iter().enumerate() {
                    self.check_value(path, value, &searched, &within.index(index), notes);
                }
            }
            Domain::Int { low, high, step, .. } => {
                let last = low + (high - low) / step * step;
                if self.check_value(path, &Value::from(*low), &searched, &within.key("low"), notes) {
                    self.check_value(path, &Value::from(last), &searched, &within.key("high"), notes);
                }
            }
            Domain::Float { low, high, .. } => {
                if self.check_value(path, &Value::from(*low), &searched, &within.key("low"), notes) {
                    self.check_value(path, &Value::from(*high), &searched, &within.key("high"), notes);
                }
            }
        }
    }

    fn is_settings(&self, key: &str) -> bool {
        key == document::SETTINGS
    }

    fn into_fixed(self: Box<Self>) -> Value {
        match Architecture::from_value(self.fixed.clone()) {
            Ok(architecture) => architecture.to_value(),
            Err(_) => self.fixed,
        }
    }
}
