//! Several runs in one number, and how far it can be trusted.

use serde::Serialize;

use crate::seld::metric::jackknife::{self, Interval, student_quantile};
use crate::seld::metric::{Average, Tally, Values};

/// Scores of one or more runs: macro averages over classes, undefined ones NaN.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Runs.
    pub runs: usize,
    /// The mean over runs; the keys stand beside.
    #[serde(flatten)]
    pub mean: Values,
    /// 95 %: of one run by leaving out one recording at a time, which says how much hangs on the recordings; of several by
    /// Student's t over the runs, which says how much hangs on the seed.
    pub interval: Option<Values<Interval>>,
}

impl Summary {
    /// Of runs, each with one tally a recording; `None` of none.
    pub fn of(runs: &[&[Tally]]) -> Option<Self> {
        match runs {
            [one] => {
                let mean = jackknife::merged(one)?.scores(Average::Macro).overall;
                let interval = jackknife::intervals(one, Average::Macro).map(|intervals| intervals.overall);
                Some(Self { runs: 1, mean, interval })
            }
            several => Self::of_values(&several.iter().filter_map(|run| overall(run)).collect::<Vec<_>>()),
        }
    }

    /// By how much runs exceed others of the same seeds on the same recordings, pair by pair; `None` without a pair.
    pub fn of_difference(pairs: &[(&[Tally], &[Tally])]) -> Option<Self> {
        match pairs {
            [(ours, others)] => {
                let (mean, interval) = jackknife::difference(ours, others, Average::Macro)?;
                Some(Self { runs: 1, mean, interval: Some(interval) })
            }
            several => {
                let difference = |(ours, others): &(&[Tally], &[Tally])| {
                    let (ours, others) = (overall(ours)?, overall(others)?);
                    Some(of_each(|pick| pick(&ours) - pick(&others)))
                };
                Self::of_values(&several.iter().filter_map(difference).collect::<Vec<_>>())
            }
        }
    }

    fn of_values(runs: &[Values]) -> Option<Self> {
        let count = runs.len();
        if count == 0 {
            return None;
        }
        let mean = |pick: fn(&Values) -> f64| runs.iter().map(pick).sum::<f64>() / count as f64;
        let interval = |pick: fn(&Values) -> f64| {
            let middle = mean(pick);
            let squares: f64 = runs.iter().map(|run| (pick(run) - middle).powi(2)).sum();
            let error = (squares / (count - 1) as f64 / count as f64).sqrt();
            let reach = student_quantile(count) * error;
            [middle - reach, middle + reach]
        };
        Some(Self { runs: count, mean: of_each(mean), interval: (count > 1).then(|| of_each(interval)) })
    }
}

fn overall(recordings: &[Tally]) -> Option<Values> {
    Some(jackknife::merged(recordings)?.scores(Average::Macro).overall)
}

/// The metric of validation has these five.
fn of_each<T>(of: impl Fn(fn(&Values) -> f64) -> T) -> Values<T> {
    Values {
        er: of(|v| v.er),
        f: of(|v| v.f),
        le: of(|v| v.le),
        lr: of(|v| v.lr),
        seld: of(|v| v.seld),
        de: None,
        rde: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seld: f64) -> Values {
        Values { seld, f: 0.5, ..of_each(|_| f64::NAN) }
    }

    #[test]
    fn the_interval_of_runs_is_student_s() {
        let summary = Summary::of_values(&[run(0.5), run(0.6), run(0.7)]).unwrap();
        assert_eq!((summary.runs, summary.mean.f), (3, 0.5));
        // Mean 0.6, deviation 0.1, quantile 4.302653 with two degrees of freedom.
        let [low, high] = summary.interval.unwrap().seld;
        let reach = 4.302_652_729_9 * 0.1 / 3.0_f64.sqrt();
        assert!((low - (0.6 - reach)).abs() < 1e-6 && (high - (0.6 + reach)).abs() < 1e-6, "{low} {high}");
        assert!(summary.mean.le.is_nan());
        assert_eq!(Summary::of_values(&[]), None);
        assert_eq!(Summary::of_values(&[run(0.5)]).unwrap().interval, None);
    }

    #[test]
    fn nothing_was_run() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of_difference(&[]), None);
    }
}
