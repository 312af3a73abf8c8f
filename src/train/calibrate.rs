//! Thresholds by class, chosen on held-out recordings.

use super::score::Scorer;
use crate::model::decode::{DEFAULT_MERGE_DEG, DEFAULT_THRESHOLD, Decoding, Prediction};
use crate::seld::event::FrameEvent;
use crate::seld::metric::Average;

/// Thresholds tried: 0.05, 0.1, ... 0.95.
fn candidates() -> impl Iterator<Item = f64> {
    (1..20).map(|n| f64::from(n) * 0.05)
}

/// Scores every candidate while recordings are predicted. Macro averaging scores classes apart, so one pass over
/// the candidates finds the thresholds of all classes.
pub struct Calibration {
    classes: usize,
    candidates: Vec<(f64, Scorer)>,
}

impl Calibration {
    /// One that has seen nothing.
    pub fn new(classes: usize) -> Self {
        let candidates = candidates().map(|threshold| (threshold, Scorer::validation(classes))).collect();
        Self { classes, candidates }
    }

    /// Adds the prediction of a recording of `frames` label frames with these labels. Candidates between which no event appears or disappears are scored
    /// once.
    pub fn add(&mut self, labels: &[FrameEvent], frames: u32, prediction: &Prediction) {
        let mut last: Option<(Vec<FrameEvent>, Scorer)> = None;
        for (threshold, scorer) in &mut self.candidates {
            let uniform = vec![*threshold as f32; self.classes];
            let events = prediction.events(&uniform, DEFAULT_MERGE_DEG);
            let scored = match last.take() {
                Some((same, scored)) if same == events => scored,
                _ => {
                    let mut scored = Scorer::validation(self.classes);
                    scored.add(labels, frames, &events);
                    scored
                }
            };
            scorer.merge(&scored);
            last = Some((events, scored));
        }
    }

    /// The threshold of every class with the best F-score within 20 degrees. A class that no candidate detects
    /// keeps 0.5; among equals the one nearest to 0.5 wins.
    pub fn decoding(&self, classes: &[String]) -> Decoding {
        let mut best: Vec<(f64, f64)> = vec![(0.0, DEFAULT_THRESHOLD); classes.len()];
        let from_middle = |candidate: &&(f64, Scorer)| (candidate.0 - DEFAULT_THRESHOLD).abs();
        let mut tried: Vec<&(f64, Scorer)> = self.candidates.iter().collect();
        tried.sort_by(|a, b| from_middle(a).total_cmp(&from_middle(b)));
        for (threshold, scorer) in tried {
            for (best, class) in best.iter_mut().zip(&scorer.scores(Average::Macro).classwise) {
                if class.f > best.0 {
                    *best = (class.f, *threshold);
                }
            }
        }
        let thresholds =
            classes.iter().zip(&best).map(|(name, &(_, t))| (name.clone(), (t * 100.0).round() / 100.0));
        Decoding { thresholds: thresholds.collect(), merge_deg: DEFAULT_MERGE_DEG }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seld::doa::Direction;

    #[test]
    fn each_class_gets_the_threshold_that_finds_it() {
        let event = |frame, class| FrameEvent {
            frame,
            class,
            source: 0,
            direction: Direction { azimuth_deg: 0.0, elevation_deg: 0.0 },
            distance_m: None,
        };
        // Class 0 is there in the first second at 0.32, and heard falsely at 0.12 in the next. Class 1 is sure.
        // Class 2 is never there.
        let frames = 30;
        let events: Vec<FrameEvent> =
            (0..10).map(|f| event(f, 0)).chain((20..30).map(|f| event(f, 1))).collect();
        let heard = |frame: u32| match frame {
            0..10 => [0.32, 0.0, 0.0],
            10..20 => [0.12, 0.0, 0.0],
            _ => [0.0, 0.99, 0.0],
        };
        let prediction = Prediction {
            tracks: 1,
            classes: 3,
            activity: (0..frames).flat_map(heard).collect(),
            direction: (0..frames).flat_map(|_| [1.0, 0.0, 0.0]).collect(),
        };
        let names = ["a", "b", "c"].map(String::from);
        let mut calibration = Calibration::new(3);
        calibration.add(&events, frames, &prediction);
        let decoding = calibration.decoding(&names);
        // 0.15 to 0.3 are equally good for class 0.
        assert_eq!(names.map(|name| decoding.thresholds[&name]), [0.3, 0.5, 0.5]);
    }
}
