//! What a parameter may be.

use serde_json::{Value, json};

use super::condition::Condition;
use super::document::SETTINGS;

/// The values a parameter may take.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// One of these, in no order.
    Choice(Vec<Value>),
    /// low, low + step, ... up to high.
    Int {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
        /// Distance of neighbours, at least 1.
        step: i64,
        /// Sample the logarithm evenly; low is then at least 1 and step is 1.
        log: bool,
    },
    /// Any number in [low, high].
    Float {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Sample the logarithm evenly; low is then above 0.
        log: bool,
    },
}

impl Domain {
    /// How many values there are; `None` for a continuum.
    pub fn cardinality(&self) -> Option<usize> {
        match self {
            Self::Choice(values) => Some(values.len()),
            Self::Int { low, high, step, .. } => {
                Some(usize::try_from((high - low) / step + 1).unwrap_or(usize::MAX))
            }
            Self::Float { low, high, .. } => (low == high).then_some(1),
        }
    }

    /// Whether `value` is one of this domain's.
    pub fn contains(&self, value: &Value) -> bool {
        match self {
            Self::Choice(values) => values.contains(value),
            Self::Int { low, high, step, .. } => {
                value.as_i64().is_some_and(|v| (low..=high).contains(&&v) && (v - low) % step == 0)
            }
            Self::Float { low, high, .. } => value.as_f64().is_some_and(|v| (low..=high).contains(&&v)),
        }
    }

    /// All values of a finite domain; the two ends of a continuum.
    pub(crate) fn samples(&self) -> Vec<Value> {
        match self {
            Self::Choice(values) => values.clone(),
            Self::Int { low, high, step, .. } => {
                (0..=(high - low) / step).map(|k| json!(low + k * step)).collect()
            }
            Self::Float { low, high, .. } => vec![json!(low), json!(high)],
        }
    }

    /// The value at `u` in [0, 1) of the domain's own scale: even for choices, integers and numbers, or even
    /// in their logarithm.
    pub(crate) fn at(&self, u: f64) -> Value {
        match self {
            Self::Choice(values) => values[grid_index(u, values.len())].clone(),
            Self::Int { low, high, log: true, .. } => {
                let (a, b) = log_edges(*low, *high);
                json!(((a + u * (b - a)).exp().round() as i64).clamp(*low, *high))
            }
            Self::Int { low, step, .. } => {
                let index = grid_index(u, self.cardinality().unwrap_or(1));
                json!(low + index as i64 * step)
            }
            Self::Float { low, high, log: true } => {
                let (a, b) = (low.ln(), high.ln());
                json!((a + u * (b - a)).exp().clamp(*low, *high))
            }
            Self::Float { low, high, .. } => json!((low + u * (high - low)).clamp(*low, *high)),
        }
    }

    /// The stretch of [0, 1] whose [`at`](Self::at) is `value`: a point for numbers of a continuum. `None` when
    /// the value is not of this domain, as in a table recorded with another space.
    pub(crate) fn cell(&self, value: &Value) -> Option<(f64, f64)> {
        if !self.contains(value) {
            return None;
        }
        let even =
            |index: usize, count: usize| (index as f64 / count as f64, (index + 1) as f64 / count as f64);
        match self {
            Self::Choice(values) => {
                let index = values.iter().position(|v| v == value)?;
                Some(even(index, values.len()))
            }
            Self::Int { low, high, log: true, .. } => {
                let (a, b) = log_edges(*low, *high);
                let at = |x: f64| ((x.ln() - a) / (b - a)).clamp(0.0, 1.0);
                let v = value.as_i64()? as f64;
                Some((at(v - 0.5), at(v + 0.5)))
            }
            Self::Int { low, step, .. } => {
                let index = usize::try_from((value.as_i64()? - low) / step).ok()?;
                Some(even(index, self.cardinality()?))
            }
            Self::Float { low, high, log } => {
                let scale = |x: f64| if *log { x.ln() } else { x };
                let (a, b, v) = (scale(*low), scale(*high), scale(value.as_f64()?));
                let u = if b > a { (v - a) / (b - a) } else { 0.5 };
                Some((u, u))
            }
        }
    }
}

/// A logarithmic integer scale in which every value has a cell: edges half a step outside.
fn log_edges(low: i64, high: i64) -> (f64, f64) {
    ((low as f64 - 0.5).ln(), (high as f64 + 0.5).ln())
}

fn grid_index(u: f64, count: usize) -> usize {
    ((u * count as f64) as usize).min(count - 1)
}

/// A parameter of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its path into the architecture document, such as "encoder.width".
    pub key: String,
    /// What it may be.
    pub domain: Domain,
    /// When it takes part; always, when empty.
    pub when: Vec<Condition>,
}

impl Parameter {
    /// Whether it sets a key path that `concerns` holds for: its own, or one in its values where these are settings.
    pub(crate) fn sets(&self, concerns: impl Fn(&str) -> bool) -> bool {
        match &self.domain {
            Domain::Choice(values) if self.key == SETTINGS => values
                .iter()
                .filter_map(Value::as_object)
                .flat_map(|keys| keys.keys())
                .any(|key| concerns(key)),
            _ => concerns(&self.key),
        }
    }
}
