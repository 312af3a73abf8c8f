//! Which parameters take part: conditions on other parameters, and an order in which to draw them.

use serde_json::Value;

use super::param::{Domain, Parameter};
use crate::search::snapshot::Assignment;

/// A parameter takes part only when another one takes part and has this value.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The other parameter.
    pub key: String,
    /// Its value.
    pub value: Value,
}

/// The parameters of a stage, each after those its conditions name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParameterSpace {
    parameters: Vec<Parameter>,
}

impl ParameterSpace {
    /// Orders parameters so that conditions only look back; otherwise by key.
    ///
    /// # Errors
    /// The keys that wait for each other in a circle, or for a key that is no parameter.
    pub fn new(mut waiting: Vec<Parameter>) -> Result<Self, Vec<String>> {
        waiting.sort_by(|a, b| a.key.cmp(&b.key));
        let mut parameters: Vec<Parameter> = Vec::new();
        while !waiting.is_empty() {
            let is_free = |parameter: &Parameter| {
                parameter.when.iter().all(|c| parameters.iter().any(|p| p.key == c.key))
            };
            let Some(next) = waiting.iter().position(is_free) else {
                return Err(waiting.into_iter().map(|p| p.key).collect());
            };
            parameters.push(waiting.remove(next));
        }
        Ok(Self { parameters })
    }

    /// In an order in which conditions only look back.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Draws a value for every parameter that takes part, given those drawn before.
    pub(crate) fn assign(&self, mut draw: impl FnMut(&Parameter) -> Value) -> Assignment {
        let mut assignment = Assignment::new();
        for parameter in &self.parameters {
            if takes_part(parameter, &assignment) {
                assignment.insert(parameter.key.clone(), draw(parameter));
            }
        }
        assignment
    }

    /// Whether `assignment` has a value of the domain for exactly the parameters that take part.
    pub fn admits(&self, assignment: &Assignment) -> bool {
        let fits = |p: &Parameter| match assignment.get(&p.key) {
            Some(value) => takes_part(p, assignment) && p.domain.contains(value),
            None => !takes_part(p, assignment),
        };
        let known = |key: &String| self.parameters.iter().any(|p| p.key == *key);
        self.parameters.iter().all(fits) && assignment.keys().all(known)
    }

    /// All assignments of a finite space; `None` when there are more than `limit` or infinitely many.
    pub(crate) fn enumerate(&self, limit: usize) -> Option<Vec<Assignment>> {
        self.combine(limit, |domain| match domain {
            Domain::Float { low, high, .. } => (low == high).then(|| vec![domain.at(0.0)]),
            _ => Some(domain.samples()),
        })
    }

    /// All assignments when each continuum has no more than `points` values, evenly on its scale and both ends included;
    /// `None` when there are more than `limit`.
    pub(crate) fn grid(&self, points: usize, limit: usize) -> Option<Vec<Assignment>> {
        let points = points.min(limit + 1);
        let place = |point: usize| if points > 1 { point as f64 / (points - 1) as f64 } else { 0.5 };
        self.combine(limit, |domain| match domain {
            Domain::Float { low, high, .. } if low < high => {
                Some((0..points).map(|point| domain.at(place(point))).collect())
            }
            _ => Some(domain.samples()),
        })
    }

    /// All assignments of the values that `values` gives a domain; `None` when it gives none, or they are more than
    /// `limit`.
    fn combine(
        &self,
        limit: usize,
        values: impl Fn(&Domain) -> Option<Vec<Value>>,
    ) -> Option<Vec<Assignment>> {
        let mut all = vec![Assignment::new()];
        for parameter in &self.parameters {
            if parameter.domain.cardinality().is_some_and(|count| count > limit) {
                return None;
            }
            let values = values(&parameter.domain)?;
            let mut longer = Vec::new();
            for assignment in all {
                if takes_part(parameter, &assignment) {
                    longer.extend(values.iter().map(|value| {
                        let mut with = assignment.clone();
                        with.insert(parameter.key.clone(), value.clone());
                        with
                    }));
                } else {
                    longer.push(assignment);
                }
                if longer.len() > limit {
                    return None;
                }
            }
            all = longer;
        }
        Some(all)
    }
}

fn takes_part(parameter: &Parameter, assignment: &Assignment) -> bool {
    parameter.when.iter().all(|c| assignment.get(&c.key) == Some(&c.value))
}
