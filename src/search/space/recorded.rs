//! Whether what a space file names and proposes is in a table of recorded results.

use serde_json::{Map, Value};

use super::condition::ParameterSpace;
use super::fit::Fit;
use super::param::Domain;
use super::problem::{Place, suggestion};
use super::raw::Notes;
use super::spec::StageSpec;

/// Domains with more values are checked at their ends only.
const CHECKED: usize = 4096;

/// Checks against the parameters of a table.
pub(super) struct RecordedFit<'a> {
    table: &'a ParameterSpace,
    fixed: Map<String, Value>,
}

impl<'a> RecordedFit<'a> {
    /// Takes in what the file fixes: values of parameters of the table.
    pub(super) fn new(
        table: &'a ParameterSpace,
        raw: Map<String, Value>,
        place: &Place,
        notes: &mut Notes,
    ) -> Self {
        let fit = Self { table, fixed: raw };
        for (key, value) in &fit.fixed {
            if fit.check_key(key, &place.key(key), notes) {
                fit.check_value(key, value, &place.key(key), notes);
            }
        }
        fit
    }

    /// Every parameter of the table must have a value in all candidates of a stage.
    pub(super) fn check_stage(
        &self,
        stage: &StageSpec,
        earlier: &[StageSpec],
        place: &Place,
        notes: &mut Notes,
    ) {
        let mut set: Vec<&str> = self.fixed.keys().map(String::as_str).collect();
        let mut next = Some(stage);
        while let Some(stage) = next {
            set.extend(stage.space.parameters().iter().map(|parameter| parameter.key.as_str()));
            next = earlier.iter().find(|other| Some(&other.name) == stage.inherit.as_ref());
        }
        let keys = self.table.parameters().iter().map(|parameter| parameter.key.as_str());
        let missing: Vec<&str> = keys.filter(|key| !set.contains(key)).collect();
        if !missing.is_empty() && !notes.has(place) {
            let missing = missing.join(", ");
            notes.add(
                place,
                format!("nothing says what these parameters of the table are: {missing}; fix or search them"),
            );
        }
    }

    fn check_value(&self, key: &str, value: &Value, place: &Place, notes: &mut Notes) -> bool {
        let parameter = self.table.parameters().iter().find(|parameter| parameter.key == key);
        let fits = parameter.is_none_or(|parameter| parameter.domain.contains(value));
        if !fits {
            notes.add(place, format!("the table has no {key} = {value}"));
        }
        fits
    }
}

impl Fit for RecordedFit<'_> {
    fn check_key(&self, path: &str, place: &Place, notes: &mut Notes) -> bool {
        let keys = || self.table.parameters().iter().map(|parameter| parameter.key.as_str());
        let known = keys().any(|key| key == path);
        if !known {
            notes.add(place, format!("the table has no parameter \"{path}\"{}", suggestion(path, keys())));
        }
        known
    }

    fn check_domain(&mut self, path: &str, domain: &Domain, _: &[String], within: &Place, notes: &mut Notes) {
        let in_list = matches!(domain, Domain::Choice(_));
        if domain.cardinality().is_some_and(|count| count > CHECKED) {
            return;
        }
        for (index, value) in domain.samples().iter().enumerate() {
            let place = if in_list { within.index(index) } else { within.clone() };
            if !self.check_value(path, value, &place, notes) && !in_list {
                break;
            }
        }
    }

    fn is_settings(&self, _: &str) -> bool {
        false
    }

    fn into_fixed(self: Box<Self>) -> Value {
        Value::Object(self.fixed)
    }
}
