//! DCASE 2021 to 2023: joint detection and localization in one-second segments, several events of a class at
//! once. In 2021 scores are pooled over classes and a match that is too far off weighs half in the F-score; since
//! 2022 there are macro and micro averages, and it weighs full.
//!
//! Follows the official evaluator (Politis et al., "STARSS22", DCASE workshop 2022; Mesaros et al., "Joint
//! measurement of localization and detection of sound events", WASPAA 2019), with its peculiarities: tracks are
//! positions of rows within frame and class, and a class that is in both but never in the same frame counts the
//! *predicted* events as missed.

use super::blocks::{Cell, busiest, for_each_block};
use super::classes::{Classes, Counts};
use super::matching::Matcher;
use super::scores::{Scores, Values, mean};
use super::{Average, Options};
use crate::seld::event::FrameEvent;

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
    pub(super) classes: Classes,
}

impl Tally {
    pub(super) fn new(edition: Edition, classes: usize, options: Options) -> Self {
        Self { edition, options, classes: Classes::new(classes) }
    }

    pub(super) fn add_recording(
        &mut self,
        reference: &[FrameEvent],
        prediction: &[FrameEvent],
        scored_frames: usize,
    ) {
        let mut tracks = Tracks::new(self.options);
        let threshold_deg = self.options.doa_threshold_deg;
        let (length, classes) = (self.options.frames_per_second, self.classes.counts.len());
        for_each_block([reference, prediction], length, scored_frames, |segment| {
            let cells = segment.cells(classes);
            self.classes.add_block(cells.map(|cell| (cell.class, count(cell, &mut tracks, threshold_deg))));
        });
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.classes.merge(&other.classes);
    }

    pub(super) fn widen(&mut self, classes: usize) {
        self.classes.widen(classes);
    }

    pub(super) fn scores(&self, average: Average) -> Scores {
        let (average, spatial_weight) = match self.edition {
            Edition::Dcase2021 => (Average::Micro, 0.5),
            Edition::Dcase2022 => (average, 1.0),
        };
        let values = |counts: &Counts, error_rate| values(counts, error_rate, spatial_weight);
        self.classes.scores(average, values, macro_mean)
    }

    pub(super) fn named(&self) -> Vec<(&'static str, Vec<f64>)> {
        let mut named = self.classes.named();
        named.push(("total_DE", self.classes.counts.iter().map(|c| c.angle_sum_deg).collect()));
        if self.edition == Edition::Dcase2021 {
            // One number each, and matches that are too far off are among the false positives.
            named.iter_mut().for_each(|(_, values)| *values = vec![values.iter().sum()]);
            let spatial = named.iter().find(|(name, _)| *name == "FP_spatial").map_or(0.0, |(_, v)| v[0]);
            named.iter_mut().filter(|(name, _)| *name == "FP").for_each(|(_, values)| values[0] += spatial);
            named.retain(|(name, _)| *name != "FP_spatial");
        }
        named
    }
}

/// The scores of one class, or of all pooled.
pub(super) fn values(counts: &Counts, error_rate: f64, spatial_weight: f64) -> Values {
    let le = counts.by_match(counts.angle_sum_deg, 180.0);
    Values::of_four(error_rate, counts.f(spatial_weight), le, counts.lr())
}

/// The mean over classes; the error rate is of all together.
pub(super) fn macro_mean(classwise: &[Values], error_rate: f64) -> Values {
    let of = |pick: fn(&Values) -> f64| mean(classwise.iter().map(pick));
    Values::of_four(error_rate, of(|v| v.f), of(|v| v.le), of(|v| v.lr))
}

/// Counts of one class in one segment.
pub(super) fn count(cell: Cell, tracks: &mut Tracks, threshold_deg: f64) -> Counts {
    let [there, predicted] = [cell.reference, cell.prediction].map(|rows| busiest(rows) as u64);
    let mut counts = Counts { references: there, ..Counts::default() };
    tracks.follow(cell, there as usize);
    for angle_deg in tracks.mean_angles_deg() {
        counts.angle_sum_deg += angle_deg;
        counts.localized += 1;
        if angle_deg <= threshold_deg {
            counts.true_positives += 1;
        } else {
            counts.spatial_errors += 1;
        }
    }
    if counts.localized == 0 && there > 0 && predicted > 0 {
        // In both, but never in the same frame: the official code takes the predicted number for the missed one.
        counts.false_negatives = predicted;
    } else {
        counts.add_surplus(there, predicted);
    }
    counts
}

/// Angles of the reference tracks of one class in one segment; keeps its memory from one to the next.
pub(super) struct Tracks {
    matcher: Matcher,
    /// Of every track: sum of angles in degrees, and frames in which it is matched.
    sums: Vec<(f64, f64)>,
}

impl Tracks {
    pub(super) fn new(options: Options) -> Self {
        Self { matcher: Matcher::new(options.coordinates), sums: Vec::new() }
    }

    /// A track is the position of a row within its frame and class.
    fn follow(&mut self, cell: Cell, tracks: usize) {
        self.sums.clear();
        self.sums.resize(tracks, (0.0, 0.0));
        for (reference, prediction) in cell.common_frames() {
            let directions = [reference, prediction].map(|rows| rows.iter().map(|event| event.direction));
            let [reference, prediction] = directions;
            for pair in self.matcher.least_angle(reference, prediction) {
                let (sum, frames) = &mut self.sums[pair.reference];
                *sum += pair.angle_deg;
                *frames += 1.0;
            }
        }
    }

    /// The mean angle of each track that was matched in at least one frame.
    fn mean_angles_deg(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().filter(|(_, frames)| *frames > 0.0).map(|(sum, frames)| sum / frames)
    }
}
