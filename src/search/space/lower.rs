//! From the parameters of a stage as typed to domains and conditions.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::condition::{Condition, ParameterSpace};
use super::fit::Fit;
use super::param::{Domain, Parameter};
use super::problem::{Place, suggestion};
use super::raw::{Notes, RawFloat, RawInt, RawParameter};

/// Reads the `space` of a stage, checking every parameter against the architecture.
pub(super) fn lower_space(
    raw: Map<String, Value>,
    place: &Place,
    fit: &mut dyn Fit,
    notes: &mut Notes,
) -> ParameterSpace {
    let keys: Vec<String> = raw.keys().cloned().collect();
    let mut parameters = Vec::new();
    let mut whens = Vec::new();
    for (key, value) in raw {
        let at = place.key(&key);
        let known = fit.is_settings(&key) || fit.check_key(&key, &at, notes);
        let Some(raw) = notes.read::<RawParameter>(value, &at) else { continue };
        whens.push((key.clone(), raw.when.clone()));
        let Some((domain, within)) = lower_domain(raw, &at, notes) else { continue };
        if known {
            fit.check_domain(&key, &domain, &keys, &within, notes);
        }
        parameters.push(Parameter { key, domain, when: Vec::new() });
    }
    for (key, when) in whens {
        let conditions = lower_conditions(when, &parameters, &keys, &place.key(&key).key("when"), notes);
        if let Some(parameter) = parameters.iter_mut().find(|p| p.key == key) {
            parameter.when = conditions;
        }
    }
    ParameterSpace::new(parameters).unwrap_or_else(|circle| {
        if !circle.iter().any(|key| notes.has(&place.key(key))) {
            let message = format!("the conditions of {} wait for each other", circle.join(", "));
            notes.add(&place.key(&circle[0]).key("when"), message);
        }
        ParameterSpace::default()
    })
}

fn lower_conditions(
    when: BTreeMap<String, Value>,
    parameters: &[Parameter],
    keys: &[String],
    place: &Place,
    notes: &mut Notes,
) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (key, value) in when {
        let at = place.key(&key);
        match parameters.iter().find(|p| p.key == key) {
            None if keys.contains(&key) => {}
            None => {
                let hint = suggestion(&key, keys.iter().map(String::as_str));
                notes.add(&at, format!("this stage has no parameter \"{key}\"{hint}"));
            }
            Some(Parameter { domain: Domain::Float { .. }, .. }) => {
                notes.add(&at, "a float parameter cannot be a condition; use a choice or an int");
            }
            Some(other) if !other.domain.contains(&value) => {
                notes.add(&at, format!("{value} is not a value of \"{key}\", so this never holds"));
            }
            Some(_) => {}
        }
        conditions.push(Condition { key, value });
    }
    conditions
}

/// The domain and the place of what describes it.
fn lower_domain(raw: RawParameter, place: &Place, notes: &mut Notes) -> Option<(Domain, Place)> {
    match (raw.choice, raw.int, raw.float) {
        (Some(values), None, None) => lower_choice(values, place.key("choice"), notes),
        (None, Some(int), None) => lower_int(int, place.key("int"), notes),
        (None, None, Some(float)) => lower_float(float, place.key("float"), notes),
        _ if notes.has(place) => None,
        _ => {
            notes.add(place, "expected exactly one of \"choice\", \"int\", \"float\"");
            None
        }
    }
}

fn lower_choice(values: Vec<Value>, place: Place, notes: &mut Notes) -> Option<(Domain, Place)> {
    if values.is_empty() {
        notes.add(&place, "empty, expected at least one value");
        return None;
    }
    for (index, value) in values.iter().enumerate() {
        if values[..index].contains(value) {
            notes.add(&place.index(index), format!("{value} is there twice"));
        }
    }
    Some((Domain::Choice(values), place))
}

fn lower_int(raw: Value, place: Place, notes: &mut Notes) -> Option<(Domain, Place)> {
    let raw: RawInt = notes.read(raw, &place)?;
    let (low, high) = bounds(raw.low, raw.high, &place, notes)?;
    let step = raw.step.unwrap_or(1);
    if step < 1 {
        notes.add(&place.key("step"), format!("{step} is outside 1.."));
        return None;
    }
    if raw.log && (low < 1 || step != 1) {
        notes.add(&place.key("log"), "a logarithmic scale needs \"low\" of at least 1 and no \"step\"");
        return None;
    }
    if high.checked_sub(low).is_none_or(|span| span / step >= 1 << 32) {
        notes.add(&place, "has more than 4 billion values; use a float or a larger step");
        return None;
    }
    Some((Domain::Int { low, high, step, log: raw.log }, place))
}

fn lower_float(raw: Value, place: Place, notes: &mut Notes) -> Option<(Domain, Place)> {
    let raw: RawFloat = notes.read(raw, &place)?;
    let (low, high) = bounds(raw.low, raw.high, &place, notes)?;
    if raw.log && low <= 0.0 {
        notes.add(&place.key("low"), format!("a logarithmic scale needs \"low\" above 0, got {low}"));
        return None;
    }
    Some((Domain::Float { low, high, log: raw.log }, place))
}

fn bounds<T: PartialOrd + std::fmt::Display>(
    low: Option<T>,
    high: Option<T>,
    place: &Place,
    notes: &mut Notes,
) -> Option<(T, T)> {
    match (low, high) {
        (Some(low), Some(high)) if low <= high => Some((low, high)),
        (Some(low), Some(high)) => {
            notes.add(&place.key("low"), format!("{low} is above \"high\", which is {high}"));
            None
        }
        _ if notes.has(place) => None,
        (None, _) => {
            notes.add(&place.key("low"), "missing, expected a number");
            None
        }
        (_, None) => {
            notes.add(&place.key("high"), "missing, expected a number");
            None
        }
    }
}
