//! Events that stay where they are, and events that move.

use serde::Serialize;

use super::heard::Heard;
use super::pairs::pairs;
use crate::seld::metric::Options;

/// How events of a kind are found. What a model says is not of one kind or the other, so there are only scores of what
/// is there: none of false alarms. Counted in frames, all classes alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MotionScores {
    /// "static" or "moving".
    pub group: &'static str,
    /// Events: stretches of frames without a gap.
    pub events: u64,
    /// Their frames.
    pub references: u64,
    /// Share of these frames in which the model says the class, in 0..1; NaN of none.
    #[serde(rename = "LR")]
    pub lr: f64,
    /// Mean angle in those frames in degrees; NaN of none.
    #[serde(rename = "LE")]
    pub le: f64,
    /// Share of those frames within the angle limit, in 0..1; NaN of none.
    pub within: f64,
    /// Share of all frames of the kind that are found within the angle limit, in 0..1; NaN of none.
    pub recall: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    events: u64,
    references: u64,
    found: u64,
    within: u64,
    angle_sum_deg: f64,
}

#[derive(Debug, Clone)]
pub(super) struct MotionTally {
    options: Options,
    /// Static and moving.
    counts: [Counts; 2],
}

impl MotionTally {
    pub(super) fn new(options: Options) -> Self {
        Self { options, counts: [Counts::default(); 2] }
    }

    pub(super) fn add(&mut self, heard: &Heard) {
        let truth = heard.truth;
        let mut seen = vec![false; truth.moves.len()];
        for &instance in &truth.instances {
            let counts = &mut self.counts[usize::from(truth.moves[instance])];
            counts.references += 1;
            counts.events += u64::from(!std::mem::replace(&mut seen[instance], true));
        }
        for pair in pairs(&truth.events, heard.scored, self.options.coordinates) {
            let counts = &mut self.counts[usize::from(truth.moves(pair.reference))];
            counts.found += 1;
            counts.angle_sum_deg += pair.angle_deg;
            counts.within += u64::from(pair.angle_deg <= self.options.doa_threshold_deg);
        }
    }

    pub(super) fn finish(&self) -> Vec<MotionScores> {
        let scores = |(group, counts): (&'static str, &Counts)| {
            let (references, found) = (counts.references as f64, counts.found as f64);
            MotionScores {
                group,
                events: counts.events,
                references: counts.references,
                lr: found / references,
                le: counts.angle_sum_deg / found,
                within: counts.within as f64 / found,
                recall: counts.within as f64 / references,
            }
        };
        ["static", "moving"].into_iter().zip(&self.counts).map(scores).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{event, heard};
    use super::super::truth::Truth;
    use super::*;
    use crate::seld::metric::Metric;

    #[test]
    fn counted_by_hand() {
        // A static event of class 0 in two frames, found in one; a moving one of class 1 in two, found in both.
        let labels = [event(0, 0, 0.0), event(1, 0, 0.0), event(0, 1, 0.0), event(1, 1, 50.0)];
        let found = [event(0, 0, 10.0), event(0, 1, 0.0), event(1, 1, 90.0), event(5, 1, 0.0)];
        let truth = Truth::new(&labels, 10, None);
        let mut tally = MotionTally::new(Options::official(Metric::Dcase2023));
        tally.add(&heard(&truth, &found, &[]));
        let [still, moving] = tally.finish().try_into().unwrap();
        assert_eq!((still.group, still.events, still.references), ("static", 1, 2));
        assert_eq!((still.lr, still.le.round(), still.within, still.recall), (0.5, 10.0, 1.0, 0.5));
        assert_eq!((moving.group, moving.events, moving.references), ("moving", 1, 2));
        assert_eq!((moving.lr, moving.le.round(), moving.within, moving.recall), (1.0, 20.0, 0.5, 0.5));
        let nothing = MotionTally::new(Options::official(Metric::Dcase2023)).finish();
        assert!(nothing.iter().all(|group| group.lr.is_nan() && group.le.is_nan()));
    }
}
