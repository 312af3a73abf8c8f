//! Confidence intervals by leaving out one recording at a time, as in the official evaluator since 2022.
//!
//! With n leave-one-out scores of mean m and the score g of all: the estimate is e = g - (n-1)(m - g), its
//! standard error s = sqrt((n-1) mean((x - m)^2)), the interval e ± t s with the 0.975 quantile t of Student's t
//! with n-1 degrees of freedom. It is not clipped to the range of the score.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::scores::{Scores, Values, mean};
use super::{Average, Tally};

/// Lower and upper end of a 95 % confidence interval.
pub type Interval = [f64; 2];

/// The intervals from one tally a recording, in the order they are merged. Nothing is scored twice, and tallies
/// are summed from both ends, so that the work grows with the number of recordings, not with its square. Fewer
/// than two recordings give NaN.
pub fn intervals(recordings: &[Tally], average: Average) -> Option<Scores<Interval>> {
    let all = merged(recordings)?.scores(average);
    let left_out = leave_one_out(recordings, average);
    let quantile = student_quantile(left_out.len());
    let overall: Vec<&Values> = left_out.iter().map(|scores| &scores.overall).collect();
    let classwise = all.classwise.iter().enumerate().map(|(class, global)| {
        let of_class: Vec<&Values> = left_out.iter().map(|scores| &scores.classwise[class]).collect();
        values(global, &of_class, quantile)
    });
    Some(Scores { classwise: classwise.collect(), overall: values(&all.overall, &overall, quantile) })
}

/// The scores of all recordings but one, for each of them; none when there is only one.
fn leave_one_out(recordings: &[Tally], average: Average) -> Vec<Scores> {
    let classes = recordings.iter().map(Tally::classes).max().unwrap_or(0);
    // Sums of the last 1, 2, ... recordings. Adding up, unlike taking away from the sum of all, cancels no digits.
    let mut after: Vec<Tally> = Vec::with_capacity(recordings.len());
    for tally in recordings.iter().skip(1).rev() {
        let mut sum = tally.clone();
        if let Some(later) = after.last() {
            sum.merge(later);
        }
        after.push(sum);
    }
    let mut before: Option<Tally> = None;
    let mut left_out = Vec::with_capacity(recordings.len());
    for tally in recordings {
        let others = match (before.clone(), after.pop()) {
            (Some(mut sum), Some(later)) => {
                sum.merge(&later);
                Some(sum)
            }
            (before, after) => before.or(after),
        };
        if let Some(mut others) = others {
            others.widen(classes);
            left_out.push(others.scores(average));
        }
        match &mut before {
            Some(sum) => sum.merge(tally),
            None => before = Some(tally.clone()),
        }
    }
    left_out
}

/// The sum of tallies in their order; nothing of none.
pub fn merged(tallies: &[Tally]) -> Option<Tally> {
    let (first, others) = tallies.split_first()?;
    let mut sum = first.clone();
    others.iter().for_each(|tally| sum.merge(tally));
    Some(sum)
}

fn student_quantile(recordings: usize) -> f64 {
    let freedom = recordings.saturating_sub(1) as f64;
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.inverse_cdf(0.975))
}

fn values(global: &Values, left_out: &[&Values], quantile: f64) -> Values<Interval> {
    let of = |pick: fn(&Values) -> f64| {
        let estimates: Vec<f64> = left_out.iter().map(|values| pick(values)).collect();
        interval(pick(global), &estimates, quantile)
    };
    Values {
        er: of(|v| v.er),
        f: of(|v| v.f),
        le: of(|v| v.le),
        lr: of(|v| v.lr),
        seld: of(|v| v.seld),
        de: global.de.map(|_| of(|v| v.de.unwrap_or(f64::NAN))),
        rde: global.rde.map(|_| of(|v| v.rde.unwrap_or(f64::NAN))),
    }
}

fn interval(global: f64, left_out: &[f64], quantile: f64) -> Interval {
    let others = left_out.len() as f64 - 1.0;
    let m = mean(left_out.iter().copied());
    let estimate = global - others * (m - global);
    let error = (others * mean(left_out.iter().map(|x| (x - m).powi(2)))).sqrt();
    [estimate - quantile * error, estimate + quantile * error]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seld::metric::testing::events;
    use crate::seld::metric::{Metric, Options, Variant};

    #[test]
    fn one_recording_gives_nan_and_none_nothing() {
        let tally = Tally::new(Metric::Dcase2023, 2, Options::official(Metric::Dcase2023));
        let scores = intervals(std::slice::from_ref(&tally), Average::Macro).unwrap();
        assert!(scores.overall.er.iter().all(|x| x.is_nan()));
        assert_eq!(scores.classwise.len(), 2);
        assert!(intervals(&[], Average::Macro).is_none());
    }

    #[test]
    fn leaving_out_is_scoring_the_others() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let recordings = proptest::collection::vec((events(), events()), 1..6);
        let metrics: Vec<(Metric, Variant)> = Metric::ALL
            .into_iter()
            .map(|metric| (metric, Variant::Grid))
            .chain([(Metric::Dcase2019, Variant::Regression)])
            .collect();
        runner
            .run(&recordings, |recordings| {
                for &(metric, variant) in &metrics {
                    let options = Options { variant, ..Options::official(metric) };
                    // Lengths that are no whole number of segments, and classes as each recording needs them.
                    let tally = |(index, (reference, prediction)): (usize, &(Vec<_>, Vec<_>))| {
                        let mut tally = Tally::new(metric, 4 - index % 2, options);
                        tally.add_recording(reference, prediction, 31 + index);
                        tally
                    };
                    let tallies: Vec<Tally> = recordings.iter().enumerate().map(tally).collect();
                    let got = leave_one_out(&tallies, Average::Macro);
                    prop_assert_eq!(got.len(), if tallies.len() == 1 { 0 } else { tallies.len() });
                    for (out, got) in got.iter().enumerate() {
                        let mut others = tallies.clone();
                        others.remove(out);
                        let mut expected = merged(&others).unwrap();
                        expected.widen(4);
                        let expected = expected.scores(Average::Macro);
                        prop_assert_eq!(got.classwise.len(), expected.classwise.len());
                        let near =
                            |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-9;
                        prop_assert!(near(got.overall.seld, expected.overall.seld));
                        prop_assert!(near(got.overall.le, expected.overall.le));
                    }
                }
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn quantile_is_student_s() {
        // To full precision; scipy's own value is wrong from the tenth digit on.
        assert!((student_quantile(6) - 2.570_581_835_636_314).abs() < 1e-12);
    }
}
