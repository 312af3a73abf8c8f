//! What each class adds to the macro scores of dcase2022 and dcase2023, so that one class can be exchanged for another
//! way to detect it without scoring the rest again: for searches over settings of each class.
//!
//! F, LE and LR of a class depend on nothing but its own events. The error rate joins the classes, because a miss and a
//! false alarm of two classes in one segment are one substitution; so what a class misses and adds is kept by segment.

use super::Options;
use super::blocks::for_each_block;
use super::classes::Counts;
use super::dcase2022::{Tracks, count, macro_mean, values};
use super::errors::EPS;
use super::scores::{Scores, Values};
use crate::seld::event::FrameEvent;

/// Labels and predictions of one class in one recording; both with class index 0.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The labels.
    pub reference: &'a [FrameEvent],
    /// What was predicted.
    pub prediction: &'a [FrameEvent],
    /// See [`Metric::scored_frames`](super::Metric::scored_frames), of the labels of all classes.
    pub scored_frames: usize,
}

/// What one class adds to the scores of some recordings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassShare {
    counts: Counts,
    /// Segment, counted over all recordings, and what is missed and what is wrongly there in it; in order, without those
    /// that are right.
    errors: Vec<(usize, u64, u64)>,
    /// Segments of all recordings.
    segments: usize,
}

impl ClassShare {
    /// Counts recordings one after the other. The shares that are put together must be of the same recordings.
    pub fn of<'a>(options: Options, recordings: impl Iterator<Item = Pair<'a>>) -> Self {
        let mut share = Self::default();
        let mut tracks = Tracks::new(options);
        let length = options.frames_per_second.max(1);
        for Pair { reference, prediction, scored_frames } in recordings {
            let first = share.segments;
            for_each_block([reference, prediction], length, scored_frames, |block| {
                for cell in block.cells(1) {
                    let event = cell.reference.first().or(cell.prediction.first());
                    let segment = first + event.map_or(0, |event| event.frame as usize) / length;
                    let counts = count(cell, &mut tracks, options.doa_threshold_deg);
                    let wrong = counts.false_positives + counts.spatial_errors;
                    if counts.false_negatives > 0 || wrong > 0 {
                        share.errors.push((segment, counts.false_negatives, wrong));
                    }
                    share.counts.add(&counts);
                }
            });
            share.segments += scored_frames.div_ceil(length);
        }
        share
    }

    /// Events in segments that the labels have.
    pub fn references(&self) -> u64 {
        self.counts.references
    }

    /// Whether anything was found in a segment where it is.
    pub fn is_detected(&self) -> bool {
        self.counts.localized > 0
    }
}

/// One share a class, and the scores that they make together.
#[derive(Debug, Clone)]
pub struct Shares<'a> {
    classes: Vec<&'a ClassShare>,
    /// By segment: missed, and wrongly there.
    segments: Vec<(u64, u64)>,
    /// Substitutions, deletions and insertions: in every segment as many as the greater of the two.
    errors: u64,
}

impl<'a> Shares<'a> {
    /// Puts the shares of all classes together.
    pub fn new(classes: Vec<&'a ClassShare>) -> Self {
        let segments = classes.iter().map(|share| share.segments).max().unwrap_or(0);
        let mut all = Self { classes: Vec::new(), segments: vec![(0, 0); segments], errors: 0 };
        for share in &classes {
            all.count(share, |sum, more| sum + more);
        }
        all.classes = classes;
        all
    }

    /// Exchanges the share of one class.
    pub fn replace(&mut self, class: usize, share: &'a ClassShare) -> &'a ClassShare {
        let old = std::mem::replace(&mut self.classes[class], share);
        self.count(old, |sum, less| sum - less);
        self.count(share, |sum, more| sum + more);
        old
    }

    fn count(&mut self, share: &ClassShare, change: impl Fn(u64, u64) -> u64) {
        for &(segment, missed, wrong) in &share.errors {
            let (all_missed, all_wrong) = &mut self.segments[segment];
            self.errors -= (*all_missed).max(*all_wrong);
            (*all_missed, *all_wrong) = (change(*all_missed, missed), change(*all_wrong, wrong));
            self.errors += (*all_missed).max(*all_wrong);
        }
    }

    /// Macro averaged scores, equal to those of a [`Tally`](super::Tally) of dcase2023.
    pub fn scores(&self) -> Scores {
        let references: u64 = self.classes.iter().map(|share| share.counts.references).sum();
        let error_rate = self.errors as f64 / (references as f64 + EPS);
        let classwise: Vec<Values> =
            self.classes.iter().map(|share| values(&share.counts, error_rate, 1.0)).collect();
        Scores { overall: macro_mean(&classwise, error_rate), classwise }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seld::metric::testing::events;
    use crate::seld::metric::{Average, Metric, Tally};

    const CLASSES: usize = 4;

    fn of_class(events: &[FrameEvent], class: u32) -> Vec<FrameEvent> {
        events.iter().filter(|e| e.class == class).map(|e| FrameEvent { class: 0, ..*e }).collect()
    }

    fn shares(recordings: &[(Vec<FrameEvent>, Vec<FrameEvent>)]) -> Vec<ClassShare> {
        let share = |class: u32| {
            let rows: Vec<_> =
                recordings.iter().map(|(r, p)| (of_class(r, class), of_class(p, class), scored(r))).collect();
            let pairs = rows.iter().map(|(reference, prediction, scored_frames)| Pair {
                reference,
                prediction,
                scored_frames: *scored_frames,
            });
            ClassShare::of(Options::official(Metric::Dcase2023), pairs)
        };
        (0..CLASSES as u32).map(share).collect()
    }

    fn scored(reference: &[FrameEvent]) -> usize {
        Metric::Dcase2023.scored_frames(reference, 40)
    }

    fn tallied(recordings: &[(Vec<FrameEvent>, Vec<FrameEvent>)]) -> Scores {
        let options = Options::official(Metric::Dcase2023);
        let mut tally = Tally::new(Metric::Dcase2023, CLASSES, options);
        recordings.iter().for_each(|(r, p)| tally.add_recording(r, p, scored(r)));
        tally.scores(Average::Macro)
    }

    proptest! {
        #[test]
        fn together_they_are_the_scores_also_after_an_exchange(
            recordings in prop::collection::vec((events(), events()), 1..4),
            others in prop::collection::vec(events(), 4),
            class in 0..CLASSES as u32,
        ) {
            let all = shares(&recordings);
            let mut together = Shares::new(all.iter().collect());
            prop_assert_eq!(together.scores(), tallied(&recordings));
            let mut changed = recordings.clone();
            for ((_, prediction), other) in changed.iter_mut().zip(&others) {
                prediction.retain(|event| event.class != class);
                prediction.extend(other.iter().filter(|event| event.class == class));
            }
            let exchanged = shares(&changed);
            let old = together.replace(class as usize, &exchanged[class as usize]);
            prop_assert_eq!(together.scores(), tallied(&changed));
            together.replace(class as usize, old);
            prop_assert_eq!(together.scores(), tallied(&recordings));
        }
    }
}
