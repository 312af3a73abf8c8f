//! The DCASE Task 3 metrics, as the official evaluators of each year compute them.
//!
//! A [`Tally`] takes recordings one by one, as they are predicted, can be merged with another, and gives
//! [`Scores`] at any time. One tally a recording, merged, gives the same as one for all; [`jackknife`] needs them
//! apart. One file a metric; [`Metric`] is the registry by name. To add one: a file with `Tally`, a variant of
//! [`Metric`] and of `Kind`.
//!
//! ```
//! use at2seld::seld::metric::{Average, Metric, Options, Tally};
//! let mut tally = Tally::new(Metric::Dcase2023, 13, Options::official(Metric::Dcase2023));
//! let (reference, prediction) = (Vec::new(), Vec::new());
//! let frames = Metric::Dcase2023.scored_frames(&reference, 600);
//! tally.add_recording(&reference, &prediction, frames);
//! assert_eq!(tally.scores(Average::Macro).overall.f, 0.0);
//! ```

use super::event::FrameEvent;
use dcase2022::Edition;

mod blocks;
mod classes;
mod coordinates;
mod dcase2019;
mod dcase2020;
mod dcase2022;
mod dcase2024;
mod errors;
pub mod jackknife;
mod matching;
pub mod options;
pub mod report;
pub mod scores;
mod shares;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod validation;

pub use coordinates::Coordinates;
pub use options::{Average, Metric, Options, Variant};
pub use scores::{Scores, Values};
pub use shares::{ClassShare, Pair, Shares};
pub use validation::{VALIDATION_METRIC, ValidationScores};

/// What a metric keeps of the recordings it has seen.
#[derive(Debug, Clone)]
pub struct Tally {
    metric: Metric,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Dcase2019(dcase2019::Tally),
    Dcase2020(dcase2020::Tally),
    Dcase2022(dcase2022::Tally),
    Dcase2024(dcase2024::Tally),
}

impl Tally {
    /// An empty tally for class indices below `classes`.
    pub fn new(metric: Metric, classes: usize, options: Options) -> Self {
        let kind = match metric {
            Metric::Dcase2019 => Kind::Dcase2019(dcase2019::Tally::new(classes, options)),
            Metric::Dcase2020 => Kind::Dcase2020(dcase2020::Tally::new(classes, options)),
            Metric::Dcase2021 => Kind::Dcase2022(dcase2022::Tally::new(Edition::Dcase2021, classes, options)),
            Metric::Dcase2022 | Metric::Dcase2023 => {
                Kind::Dcase2022(dcase2022::Tally::new(Edition::Dcase2022, classes, options))
            }
            Metric::Dcase2024 => Kind::Dcase2024(dcase2024::Tally::new(classes, options)),
        };
        Self { metric, kind }
    }

    /// Adds a recording: rows in the order of their files, which counts within a frame. Frames from
    /// `scored_frames` on are not scored (see [`Metric::scored_frames`]); events of a class that the tally does
    /// not have are passed over. Of dcase2024, an event without a distance makes the distance errors of its class
    /// undefined and is judged by its angle alone.
    pub fn add_recording(
        &mut self,
        reference: &[FrameEvent],
        prediction: &[FrameEvent],
        scored_frames: usize,
    ) {
        match &mut self.kind {
            Kind::Dcase2019(tally) => tally.add_recording(reference, prediction, scored_frames),
            Kind::Dcase2020(tally) => tally.add_recording(reference, prediction, scored_frames),
            Kind::Dcase2022(tally) => tally.add_recording(reference, prediction, scored_frames),
            Kind::Dcase2024(tally) => tally.add_recording(reference, prediction, scored_frames),
        }
    }

    /// Adds what another tally of the same metric and options has seen, as if its recordings came after those of
    /// this one; with the larger number of classes of the two.
    ///
    /// # Panics
    /// The two differ in metric, which is a bug of the caller.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.metric, other.metric, "this is a bug: tallies of two metrics are merged");
        match (&mut self.kind, &other.kind) {
            (Kind::Dcase2019(tally), Kind::Dcase2019(other)) => tally.merge(other),
            (Kind::Dcase2020(tally), Kind::Dcase2020(other)) => tally.merge(other),
            (Kind::Dcase2022(tally), Kind::Dcase2022(other)) => tally.merge(other),
            (Kind::Dcase2024(tally), Kind::Dcase2024(other)) => tally.merge(other),
            _ => unreachable!("this is a bug: equal metrics have equal kinds"),
        }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        match &self.kind {
            Kind::Dcase2019(tally) => tally.classes,
            Kind::Dcase2020(tally) => tally.classes,
            Kind::Dcase2022(tally) => tally.classes.counts.len(),
            Kind::Dcase2024(tally) => tally.classes.counts.len(),
        }
    }

    /// Makes room for more classes; those that are new have no events. Macro averages are over all of them.
    pub fn widen(&mut self, classes: usize) {
        match &mut self.kind {
            Kind::Dcase2019(tally) => tally.widen(classes),
            Kind::Dcase2020(tally) => tally.widen(classes),
            Kind::Dcase2022(tally) => tally.widen(classes),
            Kind::Dcase2024(tally) => tally.widen(classes),
        }
    }

    /// The scores of all recordings so far. Metrics without averages (see [`Metric::has_averages`]) pool.
    pub fn scores(&self, average: Average) -> Scores {
        match &self.kind {
            Kind::Dcase2019(tally) => tally.scores(),
            Kind::Dcase2020(tally) => tally.scores(),
            Kind::Dcase2022(tally) => tally.scores(average),
            Kind::Dcase2024(tally) => tally.scores(average),
        }
    }

    /// What was counted, by the names that the variables have in the official evaluator: one value, or from
    /// dcase2022 on one a class. To find out where scores differ.
    pub fn counts(&self) -> Vec<(&'static str, Vec<f64>)> {
        match &self.kind {
            Kind::Dcase2019(tally) => tally.named(),
            Kind::Dcase2020(tally) => tally.named(),
            Kind::Dcase2022(tally) => tally.named(),
            Kind::Dcase2024(tally) => tally.named(),
        }
    }
}
