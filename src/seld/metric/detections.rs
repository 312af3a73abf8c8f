//! What precision and recall are made of.

use std::ops::Add;

/// Hits, and how many there are of what they are among. The unit is the metric's: up to dcase2023 classes or tracks in
/// one-second segments, in dcase2024 events in frames.
///
/// From dcase2022 on the F-score of a class is the harmonic mean of its precision and recall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Detections {
    /// Found, and within the angle limit where the metric has one.
    pub hits: u64,
    /// References, as the F-score counts them.
    pub references: u64,
    /// Predictions, as the F-score counts them.
    pub predictions: u64,
}

impl Detections {
    /// Share of the predictions that are hits, in 0..1; NaN without a prediction.
    pub fn precision(self) -> f64 {
        self.hits as f64 / self.predictions as f64
    }

    /// Share of the references that are hit, in 0..1; NaN without a reference.
    pub fn recall(self) -> f64 {
        self.hits as f64 / self.references as f64
    }
}

impl Add for Detections {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            references: self.references + other.references,
            predictions: self.predictions + other.predictions,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::seld::event::FrameEvent;
    use crate::seld::metric::testing::{event, events};
    use crate::seld::metric::{Average, Metric, Options, Tally};

    fn tally(metric: Metric, sides: [&[FrameEvent]; 2]) -> Tally {
        let mut tally = Tally::new(metric, 4, Options::official(metric));
        tally.add_recording(sides[0], sides[1], 35);
        tally
    }

    #[test]
    fn a_hit_a_far_one_and_a_false_alarm() {
        // Second 0: class 0 within the limit, class 1 too far off. Second 1: class 0 falsely.
        let reference = [event(0, 0, 0.0), event(0, 1, 0.0)];
        let prediction = [event(0, 0, 5.0), event(0, 1, 90.0), event(10, 0, 0.0)];
        for metric in [Metric::Dcase2020, Metric::Dcase2021, Metric::Dcase2022, Metric::Dcase2023] {
            let found = tally(metric, [&reference, &prediction]).detections();
            assert_eq!((found.hits, found.references, found.predictions), (1, 2, 3), "{metric:?}");
            assert_eq!((found.precision(), found.recall()), (1.0 / 3.0, 0.5));
        }
        // The direction does not matter in 2019.
        let found = tally(Metric::Dcase2019, [&reference, &prediction]).detections();
        assert_eq!((found.hits, found.references, found.predictions), (2, 2, 3));
        assert!(tally(Metric::Dcase2023, [&[], &[]]).detections().precision().is_nan());
    }

    proptest! {
        #[test]
        fn the_f_score_is_their_harmonic_mean(reference in events(), prediction in events()) {
            let tally = tally(Metric::Dcase2023, [&reference, &prediction]);
            let (found, f) = (tally.detections(), tally.scores(Average::Micro).overall.f);
            let (p, r) = (found.precision(), found.recall());
            let mean = if found.hits > 0 { 2.0 * p * r / (p + r) } else { 0.0 };
            prop_assert!((f - mean).abs() < 1e-9);
        }
    }
}
