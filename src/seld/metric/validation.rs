//! The scores that candidates are compared by.

use serde::{Deserialize, Serialize};

use super::{Metric, Scores};

/// The metric that validation uses, with its official settings and macro average.
pub const VALIDATION_METRIC: Metric = Metric::Dcase2023;

/// Validation scores: dcase2023, macro average, 20 degrees. What trials report, learning curves keep and searches
/// compare. Undefined values are `None`, since JSON and SQL know no NaN.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ValidationScores {
    /// SELD score, lower is better.
    pub seld: Option<f64>,
    /// Error rate within 20 degrees.
    pub er20: Option<f64>,
    /// F-score within 20 degrees, 0..1.
    pub f20: Option<f64>,
    /// Class-dependent localization error in degrees.
    pub le_cd: Option<f64>,
    /// Class-dependent localization recall, 0..1.
    pub lr_cd: Option<f64>,
}

impl From<&Scores> for ValidationScores {
    fn from(scores: &Scores) -> Self {
        let finite = |x: f64| x.is_finite().then_some(x);
        let all = &scores.overall;
        Self {
            seld: finite(all.seld),
            er20: finite(all.er),
            f20: finite(all.f),
            le_cd: finite(all.le),
            lr_cd: finite(all.lr),
        }
    }
}
