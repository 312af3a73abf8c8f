//! Parzen estimators: a density over the values of a space, as a mixture with one component for each observed
//! candidate and one that covers everything.

use rand::{Rng, RngExt};
use serde_json::Value;
use statrs::function::erf::{erfc, erfc_inv};

use super::Observation;
use crate::search::snapshot::Assignment;
use crate::search::space::{Domain, Parameter, ParameterSpace};

/// A mixture over whole assignments: parameters that did well together are drawn together.
pub(super) struct Parzen<'a> {
    space: &'a ParameterSpace,
    centres: Vec<&'a Assignment>,
    sigma: f64,
}

impl<'a> Parzen<'a> {
    /// One component for each of `observations`, equally weighted with the one that covers everything.
    pub(super) fn new(space: &'a ParameterSpace, observations: &[&Observation<'a>]) -> Self {
        let centres: Vec<&Assignment> = observations.iter().map(|o| o.assignment).collect();
        // Scott's rule for a product kernel; 0.2 of the range for one observation of one parameter.
        let dimensions = space.parameters().len() as f64;
        let count = (centres.len() as f64).max(1.0);
        Self { space, centres, sigma: 0.2 * count.powf(-1.0 / (dimensions + 4.0)) }
    }

    /// Draws from one component.
    pub(super) fn sample(&self, rng: &mut dyn Rng) -> Assignment {
        let component = rng.random_range(0..=self.centres.len());
        let centre = self.centres.get(component);
        self.space.assign(|parameter| {
            let u: f64 = rng.random();
            let observed = centre.and_then(|centre| centre.get(&parameter.key));
            self.kernel(parameter, observed).draw(&parameter.domain, u)
        })
    }

    /// Log density (of numbers) times log probability (of choices and integers).
    pub(super) fn log_density(&self, assignment: &Assignment) -> f64 {
        let component = |centre: Option<&Assignment>| -> f64 {
            let of = |parameter: &Parameter| {
                let value = assignment.get(&parameter.key)?;
                let observed = centre.and_then(|centre| centre.get(&parameter.key));
                Some(self.kernel(parameter, observed).log_density(&parameter.domain, value))
            };
            self.space.parameters().iter().filter_map(of).sum()
        };
        let mut logs: Vec<f64> = self.centres.iter().map(|centre| component(Some(centre))).collect();
        logs.push(component(None));
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
        largest + (sum / logs.len() as f64).ln()
    }

    /// The kernel around an observed value; even when nothing was observed, or something foreign.
    fn kernel(&self, parameter: &Parameter, observed: Option<&Value>) -> Kernel {
        let Some((low, high)) = observed.and_then(|value| parameter.domain.cell(value)) else {
            return Kernel::Even;
        };
        match &parameter.domain {
            Domain::Choice(values) => {
                let index = values.iter().position(|v| Some(v) == observed).unwrap_or_default();
                // One observation against one spread over all choices and components.
                let spread = 1.0 / (self.centres.len() + 1) as f64;
                let count = values.len() as f64;
                Kernel::Choice { index, other: spread / (1.0 + spread * count) }
            }
            _ => Kernel::Normal { mu: 0.5 * (low + high), sigma: self.sigma.max(0.5 * (high - low)) },
        }
    }
}

/// A density over one parameter on its own scale of [0, 1].
enum Kernel {
    Even,
    /// `other` is the probability of each of the other choices.
    Choice {
        index: usize,
        other: f64,
    },
    /// Cut off at 0 and 1.
    Normal {
        mu: f64,
        sigma: f64,
    },
}

impl Kernel {
    /// The value at quantile `u` in [0, 1).
    fn draw(&self, domain: &Domain, u: f64) -> Value {
        match (self, domain) {
            (Self::Choice { index, other }, Domain::Choice(values)) => {
                let mut left = u;
                for (at, value) in values.iter().enumerate() {
                    left -= if at == *index { 1.0 - other * (values.len() - 1) as f64 } else { *other };
                    if left < 0.0 {
                        return value.clone();
                    }
                }
                values[*index].clone()
            }
            (Self::Normal { mu, sigma }, _) => {
                let (low, high) = (cdf(-mu / sigma), cdf((1.0 - mu) / sigma));
                domain.at((mu + sigma * quantile(low + u * (high - low))).clamp(0.0, 1.0))
            }
            _ => domain.at(u),
        }
    }

    fn log_density(&self, domain: &Domain, value: &Value) -> f64 {
        let Some((low, high)) = domain.cell(value) else { return 0.0 };
        match self {
            Self::Even if high > low => (high - low).ln(),
            Self::Even => 0.0,
            Self::Choice { index, other } => {
                let Domain::Choice(values) = domain else { return 0.0 };
                if values.get(*index) == Some(value) {
                    (1.0 - other * (values.len() - 1) as f64).ln()
                } else {
                    other.ln()
                }
            }
            Self::Normal { mu, sigma } => {
                let z = |x: f64| (x - mu) / sigma;
                let inside = cdf(z(1.0)) - cdf(z(0.0));
                let mass = if high > low {
                    cdf(z(high)) - cdf(z(low))
                } else {
                    (-0.5 * z(low).powi(2)).exp() / (sigma * std::f64::consts::TAU.sqrt())
                };
                // Far from the centre the mass is zero in this precision; its logarithm must stay finite.
                (mass / inside).max(1e-300).ln()
            }
        }
    }
}

/// Cumulative standard normal distribution.
fn cdf(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

/// Inverse of [`cdf`].
fn quantile(p: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p.clamp(1e-15, 1.0 - 1e-15))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn densities_sum_to_one_over_a_finite_space() {
        let parameter = |key: &str, domain| Parameter { key: key.into(), domain, when: Vec::new() };
        let space = ParameterSpace::new(vec![
            parameter("kind", Domain::Choice(vec![json!("a"), json!("b"), json!("c")])),
            parameter("width", Domain::Int { low: 1, high: 9, step: 1, log: true }),
            parameter("depth", Domain::Int { low: 0, high: 12, step: 3, log: false }),
        ])
        .unwrap();
        let assignment = |kind: &str, width: i64, depth: i64| -> Assignment {
            let values = [("kind", json!(kind)), ("width", json!(width)), ("depth", json!(depth))];
            values.map(|(k, v)| (k.to_owned(), v)).into()
        };
        let known = [assignment("a", 2, 3), assignment("c", 9, 12)];
        let observed = [0, 1].map(|at| Observation {
            assignment: &known[at],
            value: None,
            also: Vec::new(),
            doubt: 0.0,
            running: false,
        });
        let parzen = Parzen::new(&space, &observed.iter().collect::<Vec<_>>());
        let all = space.enumerate(1000).unwrap();
        assert_eq!(all.len(), 3 * 9 * 5);
        let sum: f64 = all.iter().map(|assignment| parzen.log_density(assignment).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
}
