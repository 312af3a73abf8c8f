//! The DCASE Task 3 metrics, as the official evaluators of each year compute them.
//!
//! A [`Tally`] takes recordings one by one, can be merged with another, and gives [`Scores`] at any time. One
//! tally a recording, merged, gives the same as one for all; [`jackknife`] needs them apart. One file a metric;
//! [`Metric`] is the registry by name. To add one: a file with `Tally`, a variant of [`Metric`] and of [`Tally`].
//!
//! ```
//! use at2seld::seld::metric::{Average, Metric, Options, Tally};
//! let mut tally = Tally::new(Metric::Dcase2023, 13, Options::default());
//! let (reference, prediction) = (Vec::new(), Vec::new());
//! let frames = Metric::Dcase2023.scored_frames(&reference, &prediction);
//! tally.add_recording(&reference, &prediction, frames);
//! assert_eq!(tally.scores(Average::Macro).overall.f, 0.0);
//! ```

use super::event::FrameEvent;

mod dcase2022;
pub mod jackknife;
mod matching;
pub mod options;
pub mod report;
pub mod scores;
mod segment;

pub use options::{Average, Coordinates, Metric, Options};
pub use scores::{Scores, Values};

/// What a metric keeps of the recordings it has seen.
#[derive(Debug, Clone)]
pub struct Tally {
    metric: Metric,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Dcase2022(dcase2022::Tally),
}

impl Tally {
    /// An empty tally for class indices below `classes`.
    pub fn new(metric: Metric, classes: usize, options: Options) -> Self {
        let kind = match metric {
            Metric::Dcase2022 | Metric::Dcase2023 => Kind::Dcase2022(dcase2022::Tally::new(classes, options)),
        };
        Self { metric, kind }
    }

    /// Adds a recording: rows in the order of their files, which counts within a frame. Frames from
    /// `scored_frames` on are not scored (see [`Metric::scored_frames`]); events of a class that the tally does
    /// not have are passed over.
    pub fn add_recording(
        &mut self,
        reference: &[FrameEvent],
        prediction: &[FrameEvent],
        scored_frames: usize,
    ) {
        match &mut self.kind {
            Kind::Dcase2022(tally) => tally.add_recording(reference, prediction, scored_frames),
        }
    }

    /// Adds what another tally of the same metric, classes and options has seen.
    ///
    /// # Panics
    /// The two differ in metric or number of classes, which is a bug of the caller.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.metric, other.metric, "this is a bug: tallies of two metrics are merged");
        match (&mut self.kind, &other.kind) {
            (Kind::Dcase2022(tally), Kind::Dcase2022(other)) => tally.merge(other),
        }
    }

    /// The scores of all recordings so far.
    pub fn scores(&self, average: Average) -> Scores {
        match &self.kind {
            Kind::Dcase2022(tally) => tally.scores(average),
        }
    }
}
