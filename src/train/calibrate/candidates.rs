//! Held-out recordings class by class, without what no threshold would let through.

use super::HeldOut;
use crate::model::decode::{Prediction, Rules};
use crate::seld::event::FrameEvent;
use crate::seld::metric::{ClassShare, Options, Pair, VALIDATION_METRIC};

/// Activities below this of the network's own are never events.
pub(super) const LEAST_ACTIVITY: f32 = 0.002;

/// What one class is and was heard as in one recording. Class indices are 0.
#[derive(Debug)]
struct Heard {
    labels: Vec<FrameEvent>,
    /// The tracks that ever hear the class.
    prediction: Prediction,
    scored_frames: usize,
}

/// One class in all recordings.
#[derive(Debug)]
pub(super) struct Candidates(Vec<Heard>);

impl Candidates {
    /// Those of a class.
    pub(super) fn of(class: usize, recordings: &[HeldOut]) -> Self {
        Self(recordings.iter().map(|recording| Heard::of(class, recording)).collect())
    }

    /// What the class adds to the scores when it is decoded by these rules, which are for one class.
    pub(super) fn share(&self, rules: &Rules) -> ClassShare {
        let predicted: Vec<Vec<FrameEvent>> =
            self.0.iter().map(|heard| heard.prediction.decode(rules)).collect();
        let pairs = self.0.iter().zip(&predicted).map(|(heard, prediction)| Pair {
            reference: &heard.labels,
            prediction,
            scored_frames: heard.scored_frames,
        });
        ClassShare::of(Options::official(VALIDATION_METRIC), pairs)
    }
}

impl Heard {
    fn of(class: usize, recording: &HeldOut) -> Self {
        let HeldOut { labels, frames, prediction } = recording;
        let scored_frames = VALIDATION_METRIC.scored_frames(labels, *frames as usize);
        let own = labels.iter().filter(|event| event.class as usize == class);
        let classes = prediction.classes;
        let hears = |track: &usize| {
            let activities = prediction.activity[track * classes + class..].iter();
            activities.step_by(prediction.tracks * classes).any(|activity| *activity > LEAST_ACTIVITY)
        };
        // Class-wise networks have a track for every class: only those of this one are looked at.
        let tracks: Vec<usize> = if prediction.frames() == 0 {
            Vec::new()
        } else {
            (0..prediction.tracks).filter(hears).collect()
        };
        let mut kept = Prediction::empty(tracks.len(), 1, false);
        for row in prediction.rows().take(if tracks.is_empty() { 0 } else { usize::MAX }) {
            for &track in &tracks {
                kept.activity.push(row.activity[track * classes + class]);
                kept.direction.extend_from_slice(&row.direction[track * 3..track * 3 + 3]);
            }
        }
        let labels = own.map(|event| FrameEvent { class: 0, ..*event }).collect();
        Self { labels, prediction: kept, scored_frames }
    }
}
