//! DCASE 2020: joint detection and localization in one-second segments, where each class is there or not.
//!
//! Follows the official evaluator (Mesaros et al., "Joint measurement of localization and detection of sound
//! events", WASPAA 2019), with its peculiarities: the localization "recall" is an F-score, and angles of several
//! events of one class in a frame are summed, not averaged, so that the error may exceed 180 degrees.

use super::Options;
use super::blocks::{Cell, for_each_block};
use super::detections::Detections;
use super::errors::{EPS, Errors, f_score};
use super::matching::Matcher;
use super::scores::{Scores, Values};
use crate::seld::event::FrameEvent;

/// See [`super::Tally`]. Counts are of classes in segments.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    options: Options,
    pub(super) classes: usize,
    true_positives: u64,
    false_positives: u64,
    false_negatives: u64,
    predictions: u64,
    errors: Errors,
    angle_sum_deg: f64,
    /// Those with reference and prediction in at least one common frame.
    localized: u64,
}

impl Tally {
    pub(super) fn new(classes: usize, options: Options) -> Self {
        Self {
            options,
            classes,
            true_positives: 0,
            false_positives: 0,
            false_negatives: 0,
            predictions: 0,
            errors: Errors::default(),
            angle_sum_deg: 0.0,
            localized: 0,
        }
    }

    pub(super) fn add_recording(
        &mut self,
        reference: &[FrameEvent],
        prediction: &[FrameEvent],
        scored_frames: usize,
    ) {
        let mut matcher = Matcher::new(self.options.coordinates);
        let (length, classes) = (self.options.frames_per_second, self.classes);
        for_each_block([reference, prediction], length, scored_frames, |segment| {
            let (mut missed, mut false_alarms) = (0, 0);
            for cell in segment.cells(classes) {
                let (there, predicted) = (!cell.reference.is_empty(), !cell.prediction.is_empty());
                self.predictions += u64::from(predicted);
                match (there, predicted) {
                    (true, true) if self.is_found(cell, &mut matcher) => self.true_positives += 1,
                    (true, _) => missed += 1,
                    (false, _) => false_alarms += 1,
                }
            }
            self.false_negatives += missed;
            self.false_positives += false_alarms;
            self.errors.add(missed, false_alarms);
        });
    }

    /// Takes note of the angle of a class that is in both, and says whether it is within the limit.
    fn is_found(&mut self, cell: Cell, matcher: &mut Matcher) -> bool {
        let (mut sum, mut frames) = (0.0, 0.0);
        for (reference, prediction) in cell.common_frames() {
            let directions = [reference, prediction].map(|rows| rows.iter().map(|event| event.direction));
            let [reference, prediction] = directions;
            let pairs = matcher.least_angle(reference, prediction);
            sum += pairs.iter().map(|pair| pair.angle_deg).sum::<f64>();
            frames += 1.0;
        }
        if frames == 0.0 {
            return false;
        }
        let angle_deg = sum / frames;
        self.angle_sum_deg += angle_deg;
        self.localized += 1;
        angle_deg <= self.options.doa_threshold_deg
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.widen(other.classes);
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.predictions += other.predictions;
        self.errors.merge(&other.errors);
        self.angle_sum_deg += other.angle_sum_deg;
        self.localized += other.localized;
    }

    pub(super) fn widen(&mut self, classes: usize) {
        self.classes = self.classes.max(classes);
    }

    fn references(&self) -> u64 {
        self.true_positives + self.false_negatives
    }

    pub(super) fn detections(&self) -> Detections {
        let (hits, references) = (self.true_positives, self.references());
        Detections { hits, references, predictions: self.predictions }
    }

    pub(super) fn scores(&self) -> Scores {
        let er = self.errors.total() / (self.references() as f64 + EPS);
        let f_score = |hits: u64| f_score(hits, self.references(), self.predictions);
        let le = if self.localized > 0 { self.angle_sum_deg / self.localized as f64 } else { 180.0 };
        let overall = Values::of_four(er, f_score(self.true_positives), le, f_score(self.localized));
        Scores { overall, classwise: Vec::new() }
    }

    pub(super) fn named(&self) -> Vec<(&'static str, Vec<f64>)> {
        let one = |count: u64| vec![count as f64];
        let mut named = vec![
            ("TP", one(self.true_positives)),
            ("FP", one(self.false_positives)),
            ("FN", one(self.false_negatives)),
            ("Nref", one(self.references())),
            ("Nsys", one(self.predictions)),
            ("total_DE", vec![self.angle_sum_deg]),
            ("DE_TP", one(self.localized)),
        ];
        named.extend(self.errors.named());
        named
    }
}
