//! DCASE 2024: joint detection and localization frame by frame, with the distance.
//!
//! Follows the official evaluator (Politis et al., "Overview and evaluation of sound event localization and
//! detection in DCASE 2019", TASLP 2021, for counting several events of a class; Krause et al., "Sound event
//! detection and localization with distance estimation", EUSIPCO 2024, for distances), with its peculiarities: the
//! last frame of the reference is not scored, errors are undefined rather than 180 degrees where nothing is
//! matched, and the SELD score is averaged over classes after it is formed, so that a class without a match counts
//! as 1.

use super::blocks::{Cell, for_each_block};
use super::classes::{Classes, Counts};
use super::errors::EPS;
use super::matching::{Matched, Matcher};
use super::scores::{Scores, Values, mean, mean_of_defined};
use super::{Average, Options};
use crate::seld::event::FrameEvent;

/// See [`super::Tally`].
#[derive(Debug, Clone)]
pub(super) struct Tally {
    options: Options,
    pub(super) classes: Classes,
}

impl Tally {
    pub(super) fn new(classes: usize, options: Options) -> Self {
        Self { options, classes: Classes::new(classes) }
    }

    pub(super) fn add_recording(
        &mut self,
        reference: &[FrameEvent],
        prediction: &[FrameEvent],
        scored_frames: usize,
    ) {
        let mut matcher = Matcher::new(self.options.coordinates);
        let (options, classes) = (self.options, self.classes.counts.len());
        for_each_block([reference, prediction], 1, scored_frames, |frame| {
            let cells = frame.cells(classes);
            self.classes.add_block(cells.map(|cell| (cell.class, count(cell, &mut matcher, &options))));
        });
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.classes.merge(&other.classes);
    }

    pub(super) fn widen(&mut self, classes: usize) {
        self.classes.widen(classes);
    }

    pub(super) fn scores(&self, average: Average) -> Scores {
        self.classes.scores(average, values, macro_average)
    }

    pub(super) fn named(&self) -> Vec<(&'static str, Vec<f64>)> {
        let of = |pick: fn(&Counts) -> f64| self.classes.counts.iter().map(pick).collect();
        let mut named = self.classes.named();
        named.push(("total_AngE", of(|c| c.angle_sum_deg)));
        named.push(("total_DistE", of(|c| c.distance_error_sum_m)));
        named.push(("total_RelDistE", of(|c| c.relative_distance_error_sum)));
        named
    }
}

/// Counts of one class in one frame.
fn count(cell: Cell, matcher: &mut Matcher, options: &Options) -> Counts {
    let Cell { reference, prediction, .. } = cell;
    let mut counts = Counts { references: reference.len() as u64, ..Counts::default() };
    let directions = [reference, prediction].map(|rows| rows.iter().map(|event| event.direction));
    let [there, predicted] = directions;
    for &Matched { reference: r, prediction: p, angle_deg } in matcher.least_angle(there, predicted) {
        let [true_m, predicted_m] = [reference[r], prediction[p]].map(|e| e.distance_m.unwrap_or(f64::NAN));
        let error_m = (true_m - predicted_m).abs();
        let relative = error_m / (true_m + EPS);
        counts.localized += 1;
        counts.angle_sum_deg += angle_deg;
        counts.distance_error_sum_m += error_m;
        counts.relative_distance_error_sum += relative;
        let exceeds = |value: f64, limit: Option<f64>| limit.is_some_and(|limit| value > limit);
        if exceeds(angle_deg, Some(options.doa_threshold_deg))
            || exceeds(error_m, options.distance_threshold_m)
            || exceeds(relative, options.relative_distance_threshold)
        {
            counts.spatial_errors += 1;
        } else {
            counts.true_positives += 1;
        }
    }
    counts.add_surplus(reference.len() as u64, prediction.len() as u64);
    counts
}

/// The scores of one class, or of all pooled.
fn values(counts: &Counts, error_rate: f64) -> Values {
    let by_match = |sum: f64| counts.by_match(sum, f64::NAN);
    let (f, le) = (counts.f(1.0), by_match(counts.angle_sum_deg));
    let rde = by_match(counts.relative_distance_error_sum);
    Values {
        er: error_rate,
        f,
        le,
        lr: counts.lr(),
        seld: mean_of_defined([1.0 - f, le / 180.0, rde].into_iter()),
        de: Some(by_match(counts.distance_error_sum_m)),
        rde: Some(rde),
    }
}

fn macro_average(classwise: &[Values], error_rate: f64) -> Values {
    let all = |pick: fn(&Values) -> f64| mean(classwise.iter().map(pick));
    let defined = |pick: fn(&Values) -> f64| mean_of_defined(classwise.iter().map(pick));
    Values {
        er: error_rate,
        f: all(|v| v.f),
        le: defined(|v| v.le),
        lr: all(|v| v.lr),
        seld: all(|v| v.seld),
        de: Some(defined(|v| v.de.unwrap_or(f64::NAN))),
        rde: Some(defined(|v| v.rde.unwrap_or(f64::NAN))),
    }
}
