//! Candidates that differ from one in a single parameter.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;

use crate::search::snapshot::Assignment;
use crate::search::space::{Domain, Parameter, ParameterSpace};

/// Other choices that are tried at most.
const CHOICES: usize = 12;
/// Draws of another value.
const TRIES: usize = 32;
/// Widths of steps along a scale of [0, 1].
const STEPS: [f64; 4] = [0.2, 0.1, 0.03, 0.01];

/// All neighbours of a candidate, or a sample of those along long scales.
pub(super) fn neighbours(space: &ParameterSpace, from: &Assignment, rng: &mut dyn Rng) -> Vec<Assignment> {
    let mut found = Vec::new();
    for parameter in space.parameters() {
        let Some(value) = from.get(&parameter.key) else { continue };
        for other in others(parameter, value, rng) {
            found.push(changed(space, from, &parameter.key, &other, rng));
        }
    }
    found
}

/// `from` with another value of a parameter. Parameters that come to take part with it are drawn.
pub(super) fn changed(
    space: &ParameterSpace,
    from: &Assignment,
    key: &str,
    value: &Value,
    rng: &mut dyn Rng,
) -> Assignment {
    space.assign(|parameter| {
        if parameter.key == key {
            return value.clone();
        }
        match from.get(&parameter.key).filter(|value| parameter.domain.contains(value)) {
            Some(value) => value.clone(),
            None => parameter.domain.at(rng.random()),
        }
    })
}

/// Another value of a parameter: near by or from anywhere, as likely as not. The same one where there is no other.
pub(super) fn other_value(parameter: &Parameter, value: &Value, rng: &mut dyn Rng) -> Value {
    let domain = &parameter.domain;
    for _ in 0..TRIES {
        let near = domain.cell(value).filter(|_| !matches!(domain, Domain::Choice(_)) && rng.random());
        let other = match near {
            Some((low, high)) => {
                let step: f64 = StandardNormal.sample(rng);
                domain.at((0.5 * (low + high) + STEPS[0] * step).clamp(0.0, 1.0))
            }
            None => domain.at(rng.random()),
        };
        if other != *value {
            return other;
        }
    }
    value.clone()
}

fn others(parameter: &Parameter, value: &Value, rng: &mut dyn Rng) -> Vec<Value> {
    let mut others: Vec<Value> = match &parameter.domain {
        Domain::Choice(values) if values.len() <= CHOICES => values.clone(),
        Domain::Choice(_) => (0..CHOICES).map(|_| parameter.domain.at(rng.random())).collect(),
        domain @ (Domain::Int { .. } | Domain::Float { .. }) => {
            let (low, high) = domain.cell(value).unwrap_or((0.0, 1.0));
            let place = |u: f64| domain.at(u.clamp(0.0, 1.0));
            let mut steps = Vec::new();
            for width in STEPS {
                let step: f64 = StandardNormal.sample(rng);
                steps.push(place(0.5 * (low + high) + width * step));
            }
            if high > low {
                let beside = 1e-3 * (high - low);
                steps.extend([place(low - beside), place(high + beside)]);
            }
            steps
        }
    };
    others.retain(|other| other != value);
    let mut seen: Vec<Value> = Vec::new();
    others.retain(|other| {
        let new = !seen.contains(other);
        seen.push(other.clone());
        new
    });
    others
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::search::space::Condition;

    #[test]
    fn neighbours_differ_in_one_parameter_and_what_hangs_on_it() {
        let parameter = |key: &str, domain| Parameter { key: key.into(), domain, when: Vec::new() };
        let mut depth = parameter("depth", Domain::Int { low: 1, high: 9, step: 2, log: false });
        depth.when = vec![Condition { key: "kind".into(), value: json!("b") }];
        let space = ParameterSpace::new(vec![
            parameter("kind", Domain::Choice(vec![json!("a"), json!("b"), json!("c")])),
            parameter("rate", Domain::Float { low: 1e-4, high: 1.0, log: true }),
            depth,
        ])
        .unwrap();
        let mut rng = crate::rng::stream(1, &["neighbours"]);
        let from = [("kind", json!("a")), ("rate", json!(0.01))].map(|(k, v)| (k.to_owned(), v)).into();
        let found = neighbours(&space, &from, &mut rng);
        assert!(found.iter().all(|other| space.admits(other) && *other != from));
        let kinds: Vec<&Value> =
            found.iter().filter(|o| o["rate"] == from["rate"]).map(|o| &o["kind"]).collect();
        assert_eq!(kinds, [&json!("b"), &json!("c")]);
        assert!(found.len() > 4, "and steps of the rate: {found:?}");
        for _ in 0..100 {
            let value = other_value(&space.parameters()[1], &from["rate"], &mut rng);
            assert!(value != from["rate"] && space.parameters()[1].domain.contains(&value));
        }
    }
}
