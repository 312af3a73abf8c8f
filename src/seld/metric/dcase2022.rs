//! DCASE 2021 to 2023: joint detection and localization in one-second segments, several events of a class at
//! once. In 2021 scores are pooled over classes and a match that is too far off weighs half in the F-score; since
//! 2022 there are macro and micro averages, and it weighs full.
//!
//! Follows the official evaluator (Politis et al., "STARSS22", DCASE workshop 2022; Mesaros et al., "Joint
//! measurement of localization and detection of sound events", WASPAA 2019), with its peculiarities: tracks are
//! positions of rows within frame and class, and a class that is in both but never in the same frame counts the
//! *predicted* events as missed.

use super::matching::least_angle;
use super::scores::{Scores, Values, mean};
use super::segment::{Cell, Frames, Segment, busiest, cut};
use super::{Average, Options};
use crate::seld::event::FrameEvent;

/// Keeps ratios of nothing by nothing defined, as in the official code.
const EPS: f64 = f64::EPSILON;

/// Counts of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    true_positives: f64,
    /// Matched, but too far off.
    spatial_errors: f64,
    /// Predicted beyond the number there is.
    false_positives: f64,
    false_negatives: f64,
    references: f64,
    /// Mean angles of matched tracks, summed, in degrees.
    angle_sum_deg: f64,
    /// Tracks with at least one matched frame.
    localized: f64,
    not_localized: f64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.true_positives += other.true_positives;
        self.spatial_errors += other.spatial_errors;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.references += other.references;
        self.angle_sum_deg += other.angle_sum_deg;
        self.localized += other.localized;
        self.not_localized += other.not_localized;
    }

    fn values(&self, error_rate: f64, spatial_weight: f64) -> Values {
        let wrong =
            spatial_weight * self.spatial_errors + 0.5 * (self.false_positives + self.false_negatives);
        let f = self.true_positives / (EPS + self.true_positives + wrong);
        let le = if self.localized > 0.0 { self.angle_sum_deg / (self.localized + EPS) } else { 180.0 };
        let lr = self.localized / (EPS + self.localized + self.not_localized);
        Values::of_four(error_rate, f, le, lr)
    }
}

/// The year, in what it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edition {
    /// Pooled only.
    Dcase2021,
    /// Also 2023.
    Dcase2022,
}

/// See [`super::Tally`].
#[derive(Debug, Clone)]
pub(super) struct Tally {
    edition: Edition,
    options: Options,
    classes: Vec<Counts>,
    /// Substitutions, deletions and insertions, over all classes.
    errors: f64,
}

impl Tally {
    pub(super) fn new(edition: Edition, classes: usize, options: Options) -> Self {
        Self { edition, options, classes: vec![Counts::default(); classes], errors: 0.0 }
    }

    pub(super) fn add_recording(
        &mut self,
        reference: &[FrameEvent],
        prediction: &[FrameEvent],
        scored_frames: usize,
    ) {
        let length = self.options.frames_per_second;
        for segment in cut([reference, prediction], self.classes.len(), length, scored_frames) {
            self.add_segment(&segment);
        }
    }

    fn add_segment(&mut self, segment: &Segment) {
        let (mut missed, mut false_alarms) = (0.0, 0.0);
        for (&class, cell) in segment {
            let counts = count(cell, &self.options);
            missed += counts.false_negatives;
            false_alarms += counts.false_positives + counts.spatial_errors;
            self.classes[class].add(&counts);
        }
        // One miss and one false alarm are one substitution, so S + D + I is the larger of the two.
        self.errors += f64::max(missed, false_alarms);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        assert_eq!(
            self.classes.len(),
            other.classes.len(),
            "this is a bug: tallies of different numbers of classes are merged"
        );
        for (counts, other) in self.classes.iter_mut().zip(&other.classes) {
            counts.add(other);
        }
        self.errors += other.errors;
    }

    pub(super) fn scores(&self, average: Average) -> Scores {
        let mut pooled = Counts::default();
        for counts in &self.classes {
            pooled.add(counts);
        }
        let error_rate = self.errors / (pooled.references + EPS);
        let (average, weight) = match self.edition {
            Edition::Dcase2021 => (Average::Micro, 0.5),
            Edition::Dcase2022 => (average, 1.0),
        };
        match average {
            Average::Micro => Scores { overall: pooled.values(error_rate, weight), classwise: Vec::new() },
            Average::Macro => {
                let of_class = |counts: &Counts| counts.values(error_rate, weight);
                let classwise: Vec<Values> = self.classes.iter().map(of_class).collect();
                let of = |pick: fn(&Values) -> f64| mean(classwise.iter().map(pick));
                let overall = Values::of_four(error_rate, of(|v| v.f), of(|v| v.le), of(|v| v.lr));
                Scores { overall, classwise }
            }
        }
    }
}

/// Counts of one class in one segment.
fn count(Cell { reference, prediction }: &Cell, options: &Options) -> Counts {
    let [there, predicted] = [reference, prediction].map(|frames| busiest(frames) as f64);
    let mut counts = Counts { references: there, ..Counts::default() };
    let tracks = track_angles(reference, prediction, options);
    if tracks.is_empty() {
        // In both, but never in the same frame: the official code takes the predicted number for the missed one.
        let never_together = there > 0.0 && predicted > 0.0;
        counts.false_positives = if never_together { 0.0 } else { predicted };
        counts.false_negatives = if never_together { predicted } else { there };
        counts.not_localized = counts.false_negatives;
        return counts;
    }
    for angle_deg in tracks {
        counts.angle_sum_deg += angle_deg;
        counts.localized += 1.0;
        if angle_deg <= options.doa_threshold_deg {
            counts.true_positives += 1.0;
        } else {
            counts.spatial_errors += 1.0;
        }
    }
    counts.false_positives = (predicted - there).max(0.0);
    counts.false_negatives = (there - predicted).max(0.0);
    counts.not_localized = counts.false_negatives;
    counts
}

/// The mean angle of each reference track that was matched in at least one frame.
fn track_angles(reference: &Frames, prediction: &Frames, options: &Options) -> Vec<f64> {
    let mut tracks: Vec<(f64, f64)> = vec![(0.0, 0.0); busiest(reference)];
    for (reference, prediction) in reference.iter().zip(prediction) {
        for pair in least_angle(reference, prediction, options.coordinates) {
            let (sum, frames) = &mut tracks[pair.reference];
            *sum += pair.angle_deg;
            *frames += 1.0;
        }
    }
    tracks.into_iter().filter(|(_, frames)| *frames > 0.0).map(|(sum, frames)| sum / frames).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::seld::doa::Direction;
    use crate::seld::event::FrameEvent;
    use crate::seld::metric::{Average, Metric, Options, Tally};

    fn events() -> impl Strategy<Value = Vec<FrameEvent>> {
        let row = (0u32..35, 0u32..3, -180.0f64..180.0, -90.0f64..90.0);
        prop::collection::vec(row, 0..60).prop_map(|rows| {
            let event = |(frame, class, azimuth_deg, elevation_deg)| FrameEvent {
                frame,
                class,
                source: 0,
                direction: Direction { azimuth_deg, elevation_deg },
                distance_m: None,
            };
            rows.into_iter().map(event).collect()
        })
    }

    fn tally(recordings: &[(&[FrameEvent], &[FrameEvent])]) -> Tally {
        let mut tally = Tally::new(Metric::Dcase2023, 3, Options::default());
        for (reference, prediction) in recordings {
            tally.add_recording(reference, prediction, 40);
        }
        tally
    }

    proptest! {
        #[test]
        fn merged_tallies_score_as_one(a in events(), b in events(), c in events(), d in events()) {
            let mut merged = tally(&[(&a, &b)]);
            merged.merge(&tally(&[(&c, &d)]));
            let one = tally(&[(&a, &b), (&c, &d)]);
            for average in [Average::Macro, Average::Micro] {
                let (merged, one) = (merged.scores(average).overall, one.scores(average).overall);
                prop_assert!((merged.seld - one.seld).abs() < 1e-12);
                prop_assert!((merged.le - one.le).abs() < 1e-9);
            }
        }

        #[test]
        fn a_perfect_prediction_scores_zero_errors(a in events()) {
            prop_assume!(!a.is_empty());
            let scores = tally(&[(&a, &a)]).scores(Average::Micro).overall;
            prop_assert!(scores.er == 0.0 && scores.le < 1e-4);
            prop_assert!((scores.f - 1.0).abs() < 1e-9 && (scores.lr - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn no_classes_and_foreign_classes_do_no_harm() {
        let event = FrameEvent {
            frame: 3,
            class: 7,
            source: 0,
            direction: Direction { azimuth_deg: 0.0, elevation_deg: 0.0 },
            distance_m: None,
        };
        // The last frame there can be costs no memory.
        let late = FrameEvent { frame: u32::MAX, class: 1, ..event };
        for classes in [0, 3] {
            let mut tally = Tally::new(Metric::Dcase2022, classes, Options::default());
            tally.add_recording(&[event, late], &[event], u32::MAX as usize);
            assert_eq!(tally.scores(Average::Micro).overall.f, 0.0);
        }
    }
}
