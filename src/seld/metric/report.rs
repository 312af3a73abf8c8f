//! The document that scores are handed out in, the same for `score` and `eval`.

use serde::Serialize;

use super::jackknife::Interval;
use super::{Average, Metric, Scores, Values};

/// Scores as a JSON document; undefined and infinite values are `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreReport {
    /// Which metric.
    pub metric: Metric,
    /// How classes are averaged.
    pub average: Average,
    /// Over all classes; the keys stand beside the others.
    #[serde(flatten)]
    pub overall: Values,
    /// Each class; empty unless macro averaged.
    pub classwise: Vec<ClassValues<f64>>,
    /// 95 % confidence intervals `[low, high]`, where asked for.
    pub jackknife: Option<Intervals>,
}

/// The scores of one class. The error rate is the global one, as it is never per class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassValues<T> {
    /// Class index.
    pub class: usize,
    /// Its scores; the keys stand beside the index.
    #[serde(flatten)]
    pub values: Values<T>,
}

/// Confidence intervals of everything in a [`ScoreReport`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// Over all classes; the keys stand beside `classwise`.
    #[serde(flatten)]
    pub overall: Values<Interval>,
    /// Each class; empty unless macro averaged.
    pub classwise: Vec<ClassValues<Interval>>,
}

impl ScoreReport {
    /// The document of these scores.
    pub fn new(
        metric: Metric,
        average: Average,
        scores: &Scores,
        jackknife: Option<&Scores<Interval>>,
    ) -> Self {
        let jackknife = jackknife.map(|intervals| Intervals {
            overall: intervals.overall,
            classwise: by_class(&intervals.classwise),
        });
        Self { metric, average, overall: scores.overall, classwise: by_class(&scores.classwise), jackknife }
    }
}

fn by_class<T: Copy>(values: &[Values<T>]) -> Vec<ClassValues<T>> {
    values.iter().enumerate().map(|(class, values)| ClassValues { class, values: *values }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_side_by_side_and_undefined_is_null() {
        let overall = Values { le: f64::NAN, er: f64::INFINITY, ..Values::of_four(0.0, 1.0, 0.0, 1.0) };
        let scores = Scores { overall, classwise: vec![Values::of_four(0.5, 0.5, 90.0, 0.5)] };
        let report = ScoreReport::new(Metric::Dcase2023, Average::Macro, &scores, None);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(
            json,
            "{\"metric\":\"dcase2023\",\"average\":\"macro\",\"ER\":null,\"F\":1.0,\"LE\":null,\"LR\":1.0,\
             \"SELD\":0.0,\"classwise\":[{\"class\":0,\"ER\":0.5,\"F\":0.5,\"LE\":90.0,\"LR\":0.5,\"SELD\":0.5}],\
             \"jackknife\":null}"
        );
    }
}
