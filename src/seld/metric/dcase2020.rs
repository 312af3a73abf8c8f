//! DCASE 2020: joint detection and localization in one-second segments, where each class is there or not.
//!
//! Follows the official evaluator (Mesaros et al., "Joint measurement of localization and detection of sound
//! events", WASPAA 2019), with its peculiarities: the localization "recall" is an F-score, and angles of several
//! events of one class in a frame are summed, not averaged, so that the error may exceed 180 degrees.

use super::Options;
use super::matching::least_angle;
use super::scores::{Scores, Values};
use super::segment::{Cell, busiest, cut};
use crate::seld::event::FrameEvent;

/// Keeps ratios of nothing by nothing defined, as in the official code.
const EPS: f64 = f64::EPSILON;

/// See [`super::Tally`]. Counts are of classes in segments.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    options: Options,
    classes: usize,
    true_positives: f64,
    references: f64,
    predictions: f64,
    /// Substitutions, deletions and insertions.
    errors: f64,
    angle_sum_deg: f64,
    /// Those with reference and prediction in at least one common frame.
    localized: f64,
}

impl Tally {
    pub(super) fn new(classes: usize, options: Options) -> Self {
        Self {
            options,
            classes,
            true_positives: 0.0,
            references: 0.0,
            predictions: 0.0,
            errors: 0.0,
            angle_sum_deg: 0.0,
            localized: 0.0,
        }
    }

    pub(super) fn add_recording(
        &mut self,
        reference: &[FrameEvent],
        prediction: &[FrameEvent],
        scored_frames: usize,
    ) {
        let length = self.options.frames_per_second;
        for segment in cut([reference, prediction], self.classes, length, scored_frames) {
            let (mut missed, mut false_alarms) = (0.0, 0.0);
            for cell in segment.values() {
                let (there, predicted) = (busiest(&cell.reference) > 0, busiest(&cell.prediction) > 0);
                self.references += f64::from(u8::from(there));
                self.predictions += f64::from(u8::from(predicted));
                match (there, predicted) {
                    (true, true) if self.is_found(cell) => self.true_positives += 1.0,
                    (true, _) => missed += 1.0,
                    (false, _) => false_alarms += 1.0,
                }
            }
            // One miss and one false alarm are one substitution, so S + D + I is the larger of the two.
            self.errors += f64::max(missed, false_alarms);
        }
    }

    /// Takes note of the angle of a class that is in both, and says whether it is within the limit.
    fn is_found(&mut self, cell: &Cell) -> bool {
        let (mut sum, mut frames) = (0.0, 0.0);
        for (reference, prediction) in cell.reference.iter().zip(&cell.prediction) {
            let pairs = least_angle(reference, prediction, self.options.coordinates);
            if !pairs.is_empty() {
                sum += pairs.iter().map(|pair| pair.angle_deg).sum::<f64>();
                frames += 1.0;
            }
        }
        if frames == 0.0 {
            return false;
        }
        let angle_deg = sum / frames;
        self.angle_sum_deg += angle_deg;
        self.localized += 1.0;
        angle_deg <= self.options.doa_threshold_deg
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.true_positives += other.true_positives;
        self.references += other.references;
        self.predictions += other.predictions;
        self.errors += other.errors;
        self.angle_sum_deg += other.angle_sum_deg;
        self.localized += other.localized;
    }

    pub(super) fn scores(&self) -> Scores {
        let f_score = |hits: f64| {
            let (precision, recall) = (hits / (self.predictions + EPS), hits / (self.references + EPS));
            2.0 * precision * recall / (precision + recall + EPS)
        };
        let le = if self.localized > 0.0 { self.angle_sum_deg / self.localized } else { 180.0 };
        let er = self.errors / (self.references + EPS);
        let overall = Values::of_four(er, f_score(self.true_positives), le, f_score(self.localized));
        Scores { overall, classwise: Vec::new() }
    }
}
