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

/// The intervals from one tally a recording. Nothing is scored twice, the tallies are only summed. Fewer than
/// two recordings give NaN.
pub fn intervals(recordings: &[Tally], average: Average) -> Option<Scores<Interval>> {
    let all = merged(recordings.iter())?.scores(average);
    let left_out: Vec<Scores> = (0..recordings.len())
        .filter_map(|out| merged(recordings.iter().enumerate().filter(|(i, _)| *i != out).map(|(_, t)| t)))
        .map(|tally| tally.scores(average))
        .collect();
    let quantile = student_quantile(left_out.len());
    let overall: Vec<&Values> = left_out.iter().map(|scores| &scores.overall).collect();
    let classwise = all.classwise.iter().enumerate().map(|(class, global)| {
        let of_class: Vec<&Values> = left_out.iter().map(|scores| &scores.classwise[class]).collect();
        values(global, &of_class, quantile)
    });
    Some(Scores { classwise: classwise.collect(), overall: values(&all.overall, &overall, quantile) })
}

/// The sum of tallies; nothing of none.
pub fn merged<'a>(mut tallies: impl Iterator<Item = &'a Tally>) -> Option<Tally> {
    let mut sum = tallies.next()?.clone();
    tallies.for_each(|tally| sum.merge(tally));
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
    use super::*;
    use crate::seld::metric::{Metric, Options};

    #[test]
    fn one_recording_gives_nan_and_none_nothing() {
        let tally = Tally::new(Metric::Dcase2023, 2, Options::default());
        let scores = intervals(std::slice::from_ref(&tally), Average::Macro).unwrap();
        assert!(scores.overall.er.iter().all(|x| x.is_nan()));
        assert_eq!(scores.classwise.len(), 2);
        assert!(intervals(&[], Average::Macro).is_none());
    }

    #[test]
    fn quantile_is_student_s() {
        // To full precision; scipy's own value is wrong from the tenth digit on.
        assert!((student_quantile(6) - 2.570_581_835_636_314).abs() < 1e-12);
    }
}
