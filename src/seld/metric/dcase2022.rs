//! DCASE 2022 and 2023: joint detection and localization in one-second segments, several events of a class at
//! once, macro or micro averaged.
//!
//! Follows the official evaluator (Politis et al., "STARSS22", DCASE workshop 2022; Mesaros et al., "Joint
//! measurement of localization and detection of sound events", WASPAA 2019), with its peculiarities: tracks are
//! positions of rows within frame and class, and a class that is in both but never in the same frame counts the
//! *predicted* events as missed.

use super::matching::least_angle;
use super::scores::{Scores, Values, mean};
use super::segment::{Frames, Segments, busiest};
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

    fn values(&self, error_rate: f64) -> Values {
        let wrong = self.spatial_errors + 0.5 * (self.false_positives + self.false_negatives);
        let f = self.true_positives / (EPS + self.true_positives + wrong);
        let le = if self.localized > 0.0 { self.angle_sum_deg / (self.localized + EPS) } else { 180.0 };
        let lr = self.localized / (EPS + self.localized + self.not_localized);
        Values::of_four(error_rate, f, le, lr)
    }
}

/// See [`super::Tally`].
#[derive(Debug, Clone)]
pub(super) struct Tally {
    options: Options,
    classes: Vec<Counts>,
    /// Substitutions, deletions and insertions, over all classes.
    errors: f64,
}

impl Tally {
    pub(super) fn new(classes: usize, options: Options) -> Self {
        Self { options, classes: vec![Counts::default(); classes], errors: 0.0 }
    }

    pub(super) fn add_recording(
        &mut self,
        reference: &[FrameEvent],
        prediction: &[FrameEvent],
        scored_frames: usize,
    ) {
        let cut = |events| {
            Segments::new(events, self.classes.len(), self.options.frames_per_second.max(1), scored_frames)
        };
        let (reference, prediction) = (cut(reference), cut(prediction));
        for (reference, prediction) in reference.iter().zip(prediction.iter()) {
            self.add_segment(reference, prediction);
        }
    }

    fn add_segment(&mut self, reference: &[Option<Frames>], prediction: &[Option<Frames>]) {
        let (mut missed, mut false_alarms) = (0.0, 0.0);
        for ((total, reference), prediction) in self.classes.iter_mut().zip(reference).zip(prediction) {
            let counts = count(reference.as_ref(), prediction.as_ref(), &self.options);
            missed += counts.false_negatives;
            false_alarms += counts.false_positives + counts.spatial_errors;
            total.add(&counts);
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
        match average {
            Average::Micro => Scores { overall: pooled.values(error_rate), classwise: Vec::new() },
            Average::Macro => {
                let classwise: Vec<Values> = self.classes.iter().map(|c| c.values(error_rate)).collect();
                let of = |pick: fn(&Values) -> f64| mean(classwise.iter().map(pick));
                let overall = Values::of_four(error_rate, of(|v| v.f), of(|v| v.le), of(|v| v.lr));
                Scores { overall, classwise }
            }
        }
    }
}

/// Counts of one class in one segment.
fn count(reference: Option<&Frames>, prediction: Option<&Frames>, options: &Options) -> Counts {
    let [there, predicted] = [busiest(reference), busiest(prediction)].map(|count| count as f64);
    let mut counts = Counts { references: there, ..Counts::default() };
    let (Some(reference), Some(prediction)) = (reference, prediction) else {
        counts.false_positives = predicted;
        counts.false_negatives = there;
        counts.not_localized = there;
        return counts;
    };
    let tracks = track_angles(reference, prediction, options);
    if tracks.is_empty() {
        counts.false_negatives = predicted;
        counts.not_localized = predicted;
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
    let mut tracks: Vec<(f64, f64)> = vec![(0.0, 0.0); busiest(Some(reference))];
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
        for classes in [0, 3] {
            let mut tally = Tally::new(Metric::Dcase2022, classes, Options::default());
            tally.add_recording(&[event], &[event], 3);
            assert_eq!(tally.scores(Average::Micro).overall.f, 0.0);
        }
    }
}
