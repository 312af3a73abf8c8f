//! From activities and directions of tracks to events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// Activity above which an event counts when nothing was calibrated.
pub const DEFAULT_THRESHOLD: f64 = 0.5;
/// Two tracks that say the same class closer than this, in degrees, mean one event.
pub const DEFAULT_MERGE_DEG: f64 = 30.0;

/// How activities become events. Kept in thresholds.json, next to the class names it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoding {
    /// Activity above which an event of a class counts, by class name.
    pub thresholds: BTreeMap<String, f64>,
    /// Two tracks that say the same class closer than this, in degrees, mean one event; 0 merges nothing.
    pub merge_deg: f64,
}

impl Decoding {
    /// One threshold for all classes.
    pub fn uniform(classes: &[String], threshold: f64) -> Self {
        let thresholds = classes.iter().map(|name| (name.clone(), threshold)).collect();
        Self { thresholds, merge_deg: DEFAULT_MERGE_DEG }
    }

    /// Thresholds in the order of `classes`; the default for a class that has none.
    pub fn by_class(&self, classes: &[String]) -> Vec<f32> {
        let of = |name| self.thresholds.get(name).copied().unwrap_or(DEFAULT_THRESHOLD) as f32;
        classes.iter().map(of).collect()
    }
}

/// What a network says about one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Tracks N.
    pub tracks: usize,
    /// Classes K.
    pub classes: usize,
    /// Activities `[T, N, K]`, row-major, in 0..1.
    pub activity: Vec<f32>,
    /// Unit vectors `[T, N, 3]`, row-major.
    pub direction: Vec<f32>,
}

impl Prediction {
    /// Label frames.
    pub fn frames(&self) -> usize {
        self.direction.len() / (self.tracks * 3)
    }

    /// The events whose activity is above the threshold of their class. The source is the track's number.
    pub fn events(&self, thresholds: &[f32], merge_deg: f64) -> Vec<FrameEvent> {
        let frame_rows = self.activity.chunks_exact(self.tracks * self.classes);
        let mut out = Vec::new();
        for (frame, (activity, direction)) in
            frame_rows.zip(self.direction.chunks_exact(self.tracks * 3)).enumerate()
        {
            for (class, &threshold) in thresholds.iter().enumerate() {
                let candidates = (0..self.tracks).filter_map(|track| {
                    let p = activity[track * self.classes + class];
                    let d = &direction[track * 3..track * 3 + 3];
                    (p > threshold).then(|| Candidate {
                        track,
                        weight: f64::from(p),
                        vector: [d[0], d[1], d[2]].map(f64::from),
                    })
                });
                for event in merge(candidates.collect(), merge_deg) {
                    out.push(FrameEvent {
                        frame: frame as u32,
                        class: class as u32,
                        source: event.track as u32,
                        direction: Direction::from_vector(event.vector),
                        distance_m: None,
                    });
                }
            }
        }
        out
    }
}

impl Prediction {
    /// What the tracks would say if activity were known: every true event of `truth`, with the direction of the
    /// track that best hears its class. In the order of `truth`, each event takes the free track with the
    /// greatest activity of its class; events beyond the number of tracks are left out. Localization scores of the
    /// result are those of the directions alone.
    pub fn events_with_known_activity(&self, truth: &[FrameEvent]) -> Vec<FrameEvent> {
        let mut by_frame: BTreeMap<usize, Vec<&FrameEvent>> = BTreeMap::new();
        for event in truth.iter().filter(|e| (e.frame as usize) < self.frames()) {
            by_frame.entry(event.frame as usize).or_default().push(event);
        }
        let mut out = Vec::with_capacity(truth.len());
        for (frame, events) in by_frame {
            let activity = |track: usize, event: &FrameEvent| {
                let row = (frame * self.tracks + track) * self.classes;
                self.activity.get(row + event.class as usize).copied().unwrap_or(0.0)
            };
            let mut free: Vec<usize> = (0..self.tracks).collect();
            for event in events {
                let Some(best) = (0..free.len())
                    .max_by(|&a, &b| activity(free[a], event).total_cmp(&activity(free[b], event)))
                else {
                    break;
                };
                let track = free.swap_remove(best);
                let at = (frame * self.tracks + track) * 3;
                let vector = [0, 1, 2].map(|axis| f64::from(self.direction[at + axis]));
                out.push(FrameEvent {
                    direction: Direction::from_vector(vector),
                    source: track as u32,
                    ..*event
                });
            }
        }
        out
    }
}

struct Candidate {
    track: usize,
    weight: f64,
    vector: [f64; 3],
}

/// Joins candidates to the strongest one near them; their directions are averaged by activity.
fn merge(mut candidates: Vec<Candidate>, merge_deg: f64) -> Vec<Candidate> {
    candidates.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let direction = Direction::from_vector(candidate.vector);
        let near = kept.iter_mut().find(|k| Direction::from_vector(k.vector).angle_to(direction) < merge_deg);
        match near {
            Some(stronger) => {
                for (s, c) in stronger.vector.iter_mut().zip(candidate.vector) {
                    *s = *s * stronger.weight + c * candidate.weight;
                }
                stronger.weight += candidate.weight;
                let length = stronger.vector.iter().map(|c| c * c).sum::<f64>().sqrt().max(1e-12);
                stronger.vector = stronger.vector.map(|c| c / length);
            }
            None => kept.push(candidate),
        }
    }
    kept.sort_by_key(|k| k.track);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(angles_deg: [f64; 2]) -> Prediction {
        let vector =
            |azimuth_deg| Direction { azimuth_deg, elevation_deg: 0.0 }.to_vector().map(|c| c as f32);
        let direction = angles_deg.iter().flat_map(|&a| vector(a)).collect();
        Prediction { tracks: 2, classes: 2, activity: vec![0.9, 0.1, 0.9, 0.6], direction }
    }

    #[test]
    fn near_tracks_of_one_class_are_one_event() {
        let events = prediction([10.0, 20.0]).events(&[0.5, 0.5], 30.0);
        assert_eq!(events.iter().map(|e| (e.class, e.source)).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
        assert!((events[0].direction.azimuth_deg - 15.0).abs() < 1e-3);
    }

    #[test]
    fn distant_tracks_of_one_class_are_two() {
        let events = prediction([10.0, 80.0]).events(&[0.5, 0.7], 30.0);
        assert_eq!(events.iter().map(|e| (e.class, e.source)).collect::<Vec<_>>(), [(0, 0), (0, 1)]);
    }
}
