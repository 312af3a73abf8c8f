//! From what a network says to events of the classes that count.

use super::run::Thresholds;
use crate::dataset::ClassMap;
use crate::model::decode::{Decoding, Prediction, Rules};
use crate::model::saved::SavedModel;
use crate::seld::event::FrameEvent;

/// How activities become events in an evaluation. Nothing else in this part knows it.
pub(super) struct Decoder<'a> {
    /// For the classes of the model.
    rules: Rules,
    map: Option<&'a ClassMap>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(model: &SavedModel, thresholds: Thresholds, map: Option<&'a ClassMap>) -> Self {
        let rules = match thresholds {
            Thresholds::Calibrated => model.decoding.rules(&model.classes),
            Thresholds::Fixed(threshold) => {
                Decoding::uniform(&model.classes, threshold).rules(&model.classes)
            }
        };
        Self { rules, map }
    }

    /// Events at the thresholds of the model or those asked for.
    pub(super) fn events(&self, prediction: &Prediction) -> Vec<FrameEvent> {
        self.counted(prediction.decode(&self.rules))
    }

    /// Events at one threshold for all classes; temperature and filters stay.
    pub(super) fn events_at(&self, prediction: &Prediction, threshold: f64) -> Vec<FrameEvent> {
        let thresholds = vec![threshold as f32; self.rules.thresholds.len()];
        self.counted(prediction.decode(&Rules { thresholds, ..self.rules.clone() }))
    }

    /// The greatest activity, after the temperature, over the tracks, and over the classes of the model that count as the same: `[T, K]`.
    pub(super) fn strongest(&self, prediction: &Prediction, classes: usize) -> Vec<f32> {
        let targets: Vec<Option<usize>> = (0..prediction.classes).map(|class| self.target(class)).collect();
        let mut strongest = vec![0.0_f32; prediction.frames() * classes];
        let frames = prediction.activity.chunks_exact(prediction.tracks * prediction.classes);
        for (row, frame) in strongest.chunks_exact_mut(classes).zip(frames) {
            for track in frame.chunks_exact(prediction.classes) {
                for (&activity, target) in track.iter().zip(&targets) {
                    if let Some(target) = *target {
                        row[target] = row[target].max(activity);
                    }
                }
            }
        }
        strongest.iter().map(|&activity| self.rules.calibrated(f64::from(activity)) as f32).collect()
    }

    /// The threshold of each class that counts, where there is one alone.
    pub(super) fn in_use(&self, classes: usize) -> Vec<Option<f64>> {
        let of_class = |class| {
            let mut found = (0..self.rules.thresholds.len()).filter(|&own| self.target(own) == Some(class));
            let first = self.rules.thresholds[found.next()?];
            // Thresholds are kept with fewer digits than a float has.
            found
                .all(|own| self.rules.thresholds[own] == first)
                .then(|| (f64::from(first) * 1e6).round() / 1e6)
        };
        (0..classes).map(of_class).collect()
    }

    fn target(&self, class: usize) -> Option<usize> {
        self.map.map_or(Some(class), |map| map.of_model(class).map(|class| class as usize))
    }

    fn counted(&self, events: Vec<FrameEvent>) -> Vec<FrameEvent> {
        match self.map {
            Some(map) => map.predictions(&events),
            None => events,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_strongest_track_of_any_class_that_counts_as_the_same() {
        let prediction = Prediction {
            tracks: 2,
            classes: 3,
            activity: vec![0.1, 0.2, 0.9, 0.3, 0.0, 0.0, 0.0, 0.6, 0.0, 0.5, 0.0, 0.0],
            direction: vec![0.0; 12],
            distance: None,
        };
        let mut decoder = Decoder { rules: Rules::plain(vec![0.2, 0.2, 0.7], 30.0), map: None };
        assert_eq!(decoder.strongest(&prediction, 3), [0.3, 0.2, 0.9, 0.5, 0.6, 0.0]);
        assert_eq!(decoder.in_use(3), [Some(0.2), Some(0.2), Some(0.7)]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("map.toml");
        let text = "from = 'm'\nto = 'd'\n[classes]\na = 'x'\nb = 'x'\n";
        std::fs::write(&file, text).unwrap();
        let map = ClassMap::load(file.to_str().unwrap(), &names(&["a", "b", "c"]), &names(&["x"])).unwrap();
        decoder.map = Some(&map);
        assert_eq!(decoder.strongest(&prediction, 1), [0.3, 0.6]);
        assert_eq!(decoder.in_use(1), [Some(0.2)]);
        decoder.rules.thresholds[1] = 0.4;
        assert_eq!(decoder.in_use(1), [None]);
    }
}
