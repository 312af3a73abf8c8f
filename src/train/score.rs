//! Predictions against labels, kept up recording by recording.

use crate::seld::event::FrameEvent;
use crate::seld::metric::{Average, Metric, Options, Scores, Tally, VALIDATION_METRIC};

/// Scores of the recordings seen so far, all pooled. A recording is scored as soon as it is predicted and need not
/// be kept.
#[derive(Debug, Clone)]
pub struct Scorer {
    metric: Metric,
    tally: Tally,
}

impl Scorer {
    /// A scorer that has seen nothing.
    pub fn new(metric: Metric, classes: usize, options: Options) -> Self {
        Self { metric, tally: Tally::new(metric, classes, options) }
    }

    /// For validation: [`VALIDATION_METRIC`] at its official settings.
    pub fn validation(classes: usize) -> Self {
        Self::new(VALIDATION_METRIC, classes, Options::official(VALIDATION_METRIC))
    }

    /// Adds the events predicted for a recording of `frames` label frames with these labels.
    pub fn add(&mut self, labels: &[FrameEvent], frames: u32, predicted: &[FrameEvent]) {
        let scored = self.metric.scored_frames(labels, frames as usize);
        self.tally.add_recording(labels, predicted, scored);
    }

    /// Adds what another scorer of the same kind has seen.
    pub fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
    }

    /// The scores so far.
    pub fn scores(&self, average: Average) -> Scores {
        self.tally.scores(average)
    }
}
