//! What a metric says in the end.

use serde::Serialize;

/// The scores of one average or one class: numbers, or `[low, high]` of a confidence interval. Angles are in
/// degrees, distances in metres, all else is a fraction. Undefined ones are NaN, `null` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Values<T = f64> {
    /// Error rate; may exceed 1.
    #[serde(rename = "ER")]
    pub er: T,
    /// F-score within the angle limit.
    #[serde(rename = "F")]
    pub f: T,
    /// Localization error, class-dependent.
    #[serde(rename = "LE")]
    pub le: T,
    /// Localization recall, class-dependent.
    #[serde(rename = "LR")]
    pub lr: T,
    /// The scores in one number, lower is better.
    #[serde(rename = "SELD")]
    pub seld: T,
    /// Distance error, where the metric has one.
    #[serde(rename = "DE", skip_serializing_if = "Option::is_none")]
    pub de: Option<T>,
    /// Distance error relative to the true distance, where the metric has one.
    #[serde(rename = "RDE", skip_serializing_if = "Option::is_none")]
    pub rde: Option<T>,
}

impl Values {
    /// The four scores of 2019 to 2023 with the SELD score, their mean after each is turned into an error.
    pub(crate) fn of_four(er: f64, f: f64, le: f64, lr: f64) -> Self {
        let seld = mean([er, 1.0 - f, le / 180.0, 1.0 - lr].into_iter());
        Self { er, f, le, lr, seld, de: None, rde: None }
    }
}

/// The scores of an average and, where it knows them, of each class.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores<T = f64> {
    /// Over all classes.
    pub overall: Values<T>,
    /// Of each class, by its index; empty unless macro averaged.
    pub classwise: Vec<Values<T>>,
}

/// The mean of those that are not NaN; NaN of nothing.
pub(super) fn mean_of_defined(values: impl Iterator<Item = f64>) -> f64 {
    let defined: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    mean(defined.into_iter())
}

/// The mean; NaN of nothing.
pub(super) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
