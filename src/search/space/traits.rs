//! Candidates as numbers.

use serde_json::Value;

use super::condition::ParameterSpace;
use super::param::Domain;
use crate::search::snapshot::Assignment;

impl Domain {
    /// Whether its values are compared by their distance, and not as kinds, which are the same or not. Numbers as choices,
    /// widths or sizes of kernels, are on a scale as well.
    pub(crate) fn is_scale(&self) -> bool {
        match self {
            Self::Choice(values) => values.len() >= 3 && values.iter().all(Value::is_number),
            Self::Int { .. } | Self::Float { .. } => true,
        }
    }

    /// Where a value is, in [0, 1]: on its own scale for numbers, by size for choices that are all numbers, as listed for
    /// others. `None` when it is not of this domain.
    pub(crate) fn place(&self, value: &Value) -> Option<f64> {
        let (low, high) = self.cell(value)?;
        Some(match self {
            Self::Choice(values) => rank(values, value),
            Self::Int { .. } | Self::Float { .. } => 0.5 * (low + high),
        })
    }
}

/// The place of a choice: by size where all are numbers, else as listed.
fn rank(values: &[Value], value: &Value) -> f64 {
    let before = match values.iter().all(Value::is_number) {
        true => values.iter().filter(|v| v.as_f64() < value.as_f64()).count(),
        false => values.iter().position(|v| v == value).unwrap_or(0),
    };
    before as f64 / (values.len().max(2) - 1) as f64
}

impl ParameterSpace {
    /// A candidate for a regression: for each parameter in the order of the space its place on its scale, or one number for
    /// each kind, 1 for the one that it is and 0 for the others. NaN where it takes no part.
    pub fn traits(&self, assignment: &Assignment) -> Vec<f64> {
        let mut traits = Vec::new();
        for parameter in self.parameters() {
            let value = assignment.get(&parameter.key).filter(|value| parameter.domain.contains(value));
            match &parameter.domain {
                Domain::Choice(kinds) if !parameter.domain.is_scale() => {
                    let is_it = |kind| value.map_or(f64::NAN, |value| f64::from(u8::from(kind == value)));
                    traits.extend(kinds.iter().map(is_it));
                }
                scale => traits.push(value.and_then(|value| scale.place(value)).unwrap_or(f64::NAN)),
            }
        }
        traits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::search::space::Parameter;

    #[test]
    fn kinds_have_a_number_each_and_scales_one() {
        let parameter = |key: &str, domain| Parameter { key: key.into(), domain, when: Vec::new() };
        let space = ParameterSpace::new(vec![
            parameter("a", Domain::Choice(vec![json!("x"), json!("y"), json!("z")])),
            parameter("b", Domain::Choice(vec![json!(64), json!(16), json!(32)])),
            parameter("c", Domain::Float { low: 1.0, high: 100.0, log: true }),
        ])
        .unwrap();
        let of = |assignment: &[(&str, Value)]| {
            let assignment = assignment.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
            space.traits(&assignment.collect())
        };
        assert_eq!(of(&[("a", json!("y")), ("b", json!(64)), ("c", json!(10.0))]), [0.0, 1.0, 0.0, 1.0, 0.5]);
        let absent = of(&[("a", json!("other")), ("c", json!(1.0)), ("d", json!(1))]);
        assert!(absent[..4].iter().all(|x| x.is_nan()) && absent[4] == 0.0, "{absent:?}");
    }
}
