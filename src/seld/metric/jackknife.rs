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

/// How much the scores of one system exceed those of another on the same recordings, and the intervals of that: recordings
/// are left out of both at once, so that what is hard for both does not count. `None` where there are no recordings.
///
/// # Panics
/// They are not of the same number of recordings, which is a bug of the caller.
pub fn difference(ours: &[Tally], others: &[Tally], average: Average) -> Option<(Values, Values<Interval>)> {
    assert_eq!(ours.len(), others.len(), "this is a bug: systems are compared on other recordings");
    let all = minus(&merged(ours)?.scores(average).overall, &merged(others)?.scores(average).overall);
    let (left, right) = (leave_one_out(ours, average), leave_one_out(others, average));
    let left_out: Vec<Values> =
        left.iter().zip(&right).map(|(left, right)| minus(&left.overall, &right.overall)).collect();
    let quantile = student_quantile(left_out.len());
    Some((all, values(&all, &left_out.iter().collect::<Vec<_>>(), quantile)))
}

fn minus(a: &Values, b: &Values) -> Values {
    let optional = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
    Values {
        er: a.er - b.er,
        f: a.f - b.f,
        le: a.le - b.le,
        lr: a.lr - b.lr,
        seld: a.seld - b.seld,
        de: optional(a.de, b.de),
        rde: optional(a.rde, b.rde),
    }
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

/// The 0.975 quantile of Student's t for so many values; NaN for fewer than two.
pub(crate) fn student_quantile(values: usize) -> f64 {
    let freedom = values.saturating_sub(1) as f64;
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
    fn a_system_differs_from_itself_by_nothing_and_from_silence_by_its_score() {
        use crate::seld::doa::Direction;
        use crate::seld::event::FrameEvent;
        let direction = Direction { azimuth_deg: 10.0, elevation_deg: 0.0 };
        let event = |frame, class| FrameEvent { frame, class, source: 0, direction, distance_m: None };
        let tally = |labels: &[FrameEvent], said: &[FrameEvent]| {
            let mut tally = Tally::new(Metric::Dcase2023, 2, Options::official(Metric::Dcase2023));
            tally.add_recording(labels, said, 20);
            tally
        };
        let labels: Vec<Vec<FrameEvent>> =
            (0..4).map(|r| (0..20).map(|frame| event(frame, (frame + r) % 2)).collect()).collect();
        let heard: Vec<Tally> =
            labels.iter().enumerate().map(|(r, labels)| tally(labels, &labels[r..])).collect();
        let silent: Vec<Tally> = labels.iter().map(|labels| tally(labels, &[])).collect();
        let (same, interval) = difference(&heard, &heard, Average::Macro).unwrap();
        assert_eq!((same.seld, interval.seld), (0.0, [0.0, 0.0]));
        let (gain, interval) = difference(&heard, &silent, Average::Macro).unwrap();
        assert!(
            gain.f > 0.9 && interval.f[0] <= gain.f && gain.f <= interval.f[1] + 1e-9,
            "{gain:?} {interval:?}"
        );
        assert_eq!(difference(&[], &[], Average::Macro).map(|found| found.0.f), None);
    }

    #[test]
    fn quantile_is_student_s() {
        // To full precision; scipy's own value is wrong from the tenth digit on.
        assert!((student_quantile(6) - 2.570_581_835_636_314).abs() < 1e-12);
    }
}
