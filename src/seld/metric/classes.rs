//! What the metrics from 2021 on count by class.

use super::Average;
use super::detections::Detections;
use super::errors::{EPS, Errors};
use super::scores::{Scores, Values};

/// Counts of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) true_positives: u64,
    /// Matched, but too far off.
    pub(super) spatial_errors: u64,
    /// Predicted beyond the number there is.
    pub(super) false_positives: u64,
    /// Not matched at all. They are missing in the localization recall as well.
    pub(super) false_negatives: u64,
    pub(super) references: u64,
    /// Tracks (2021 to 2023) or events in a frame (2024) that were matched.
    pub(super) localized: u64,
    /// Of the matched ones; tracks with their mean.
    pub(super) angle_sum_deg: f64,
    /// Of the matched ones, 2024 only.
    pub(super) distance_error_sum_m: f64,
    /// As the one before, relative to the true distance.
    pub(super) relative_distance_error_sum: f64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.true_positives += other.true_positives;
        self.spatial_errors += other.spatial_errors;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.references += other.references;
        self.localized += other.localized;
        self.angle_sum_deg += other.angle_sum_deg;
        self.distance_error_sum_m += other.distance_error_sum_m;
        self.relative_distance_error_sum += other.relative_distance_error_sum;
    }

    /// What is predicted beyond the number there is, and what is missed.
    pub(super) fn add_surplus(&mut self, there: u64, predicted: u64) {
        self.false_positives += predicted.saturating_sub(there);
        self.false_negatives += there.saturating_sub(predicted);
    }

    /// The F-score; a match that is too far off weighs `spatial_weight`.
    pub(super) fn f(&self, spatial_weight: f64) -> f64 {
        let hits = self.true_positives as f64;
        let unmatched = (self.false_positives + self.false_negatives) as f64;
        hits / (EPS + hits + spatial_weight * self.spatial_errors as f64 + 0.5 * unmatched)
    }

    /// The localization recall.
    pub(super) fn lr(&self) -> f64 {
        let localized = self.localized as f64;
        localized / (EPS + localized + self.false_negatives as f64)
    }

    /// `sum` by matches, `otherwise` where there are none.
    pub(super) fn by_match(&self, sum: f64, otherwise: f64) -> f64 {
        if self.localized > 0 { sum / (self.localized as f64 + EPS) } else { otherwise }
    }
}

/// Counts of all classes, and the errors over them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Classes {
    pub(super) counts: Vec<Counts>,
    pub(super) errors: Errors,
}

impl Classes {
    pub(super) fn new(classes: usize) -> Self {
        Self { counts: vec![Counts::default(); classes], errors: Errors::default() }
    }

    /// Adds a block of frames: the counts of the classes in it, by index.
    pub(super) fn add_block(&mut self, cells: impl Iterator<Item = (usize, Counts)>) {
        let (mut missed, mut false_alarms) = (0, 0);
        for (class, counts) in cells {
            missed += counts.false_negatives;
            false_alarms += counts.false_positives + counts.spatial_errors;
            self.counts[class].add(&counts);
        }
        self.errors.add(missed, false_alarms);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.widen(other.counts.len());
        for (counts, other) in self.counts.iter_mut().zip(&other.counts) {
            counts.add(other);
        }
        self.errors.merge(&other.errors);
    }

    pub(super) fn widen(&mut self, classes: usize) {
        self.counts.resize(self.counts.len().max(classes), Counts::default());
    }

    /// The scores: `values` turns counts and the error rate, which is never per class, into those of one class or
    /// of all pooled; `mean` turns those of all classes into their macro average.
    pub(super) fn scores(
        &self,
        average: Average,
        values: impl Fn(&Counts, f64) -> Values,
        mean: impl Fn(&[Values], f64) -> Values,
    ) -> Scores {
        let mut pooled = Counts::default();
        self.counts.iter().for_each(|counts| pooled.add(counts));
        let error_rate = self.errors.total() / (pooled.references as f64 + EPS);
        match average {
            Average::Micro => Scores { overall: values(&pooled, error_rate), classwise: Vec::new() },
            Average::Macro => {
                let classwise: Vec<Values> =
                    self.counts.iter().map(|counts| values(counts, error_rate)).collect();
                Scores { overall: mean(&classwise, error_rate), classwise }
            }
        }
    }

    /// Hits with all that they are compared with, as the F-score counts them.
    pub(super) fn detections(&self) -> Detections {
        self.counts.iter().fold(Detections::default(), |sum, counts| {
            let matched = counts.true_positives + counts.spatial_errors;
            sum + Detections {
                hits: counts.true_positives,
                references: matched + counts.false_negatives,
                predictions: matched + counts.false_positives,
            }
        })
    }

    /// By the names that the official code gives them, one value a class.
    pub(super) fn named(&self) -> Vec<(&'static str, Vec<f64>)> {
        let of = |pick: fn(&Counts) -> f64| self.counts.iter().map(pick).collect();
        let mut named = vec![
            ("TP", of(|c| c.true_positives as f64)),
            ("FP", of(|c| c.false_positives as f64)),
            ("FP_spatial", of(|c| c.spatial_errors as f64)),
            ("FN", of(|c| c.false_negatives as f64)),
            ("Nref", of(|c| c.references as f64)),
            ("DE_TP", of(|c| c.localized as f64)),
            ("DE_FP", of(|c| c.false_positives as f64)),
            ("DE_FN", of(|c| c.false_negatives as f64)),
        ];
        named.extend(self.errors.named());
        named
    }
}
