//! What a network says about a recording.

use std::collections::BTreeMap;

use super::{Decoder, Detected, Rules};
use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// What a network says about one recording, or about some consecutive label frames of it.
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
    /// Distances `[T, N]` in metres, row-major, of networks that say how far away sounds are.
    pub distance: Option<Vec<f32>>,
}

/// One label frame of a [`Prediction`].
#[derive(Debug, Clone, Copy)]
pub struct FrameRow<'a> {
    /// `[N, K]`.
    pub activity: &'a [f32],
    /// `[N, 3]`.
    pub direction: &'a [f32],
    /// `[N]`.
    pub distance: Option<&'a [f32]>,
}

impl Prediction {
    /// Nothing yet, of a network of so many tracks and classes; with distances or not.
    pub fn empty(tracks: usize, classes: usize, with_distance: bool) -> Self {
        let distance = with_distance.then(Vec::new);
        Self { tracks, classes, activity: Vec::new(), direction: Vec::new(), distance }
    }

    /// Label frames.
    pub fn frames(&self) -> usize {
        self.direction.len() / (self.tracks * 3).max(1)
    }

    /// A label frame, below [`Prediction::frames`].
    pub fn row(&self, frame: usize) -> FrameRow<'_> {
        let (tracks, classes) = (self.tracks, self.classes);
        FrameRow {
            activity: &self.activity[frame * tracks * classes..(frame + 1) * tracks * classes],
            direction: &self.direction[frame * tracks * 3..(frame + 1) * tracks * 3],
            distance: self.distance.as_ref().map(|all| &all[frame * tracks..(frame + 1) * tracks]),
        }
    }

    /// A label frame by itself, below [`Prediction::frames`].
    pub fn frame(&self, frame: usize) -> Self {
        let FrameRow { activity, direction, distance } = self.row(frame);
        Self {
            activity: activity.to_vec(),
            direction: direction.to_vec(),
            distance: distance.map(<[f32]>::to_vec),
            ..*self
        }
    }

    /// All label frames in order.
    pub fn rows(&self) -> impl Iterator<Item = FrameRow<'_>> {
        (0..self.frames()).map(|frame| self.row(frame))
    }

    /// Adds the label frames of another after those of this one.
    pub fn append(&mut self, other: &Self) {
        self.activity.extend_from_slice(&other.activity);
        self.direction.extend_from_slice(&other.direction);
        if let (Some(mine), Some(more)) = (&mut self.distance, &other.distance) {
            mine.extend_from_slice(more);
        }
    }

    /// Drops the label frames from `frames` on.
    pub fn truncate(&mut self, frames: usize) {
        self.activity.truncate(frames * self.tracks * self.classes);
        self.direction.truncate(frames * self.tracks * 3);
        if let Some(distance) = &mut self.distance {
            distance.truncate(frames * self.tracks);
        }
    }

    /// The label frames from `frames` on.
    pub fn without_first(mut self, frames: usize) -> Self {
        self.activity.drain(..frames * self.tracks * self.classes);
        self.direction.drain(..frames * self.tracks * 3);
        if let Some(distance) = &mut self.distance {
            distance.drain(..frames * self.tracks);
        }
        self
    }

    /// The events by these rules, by frame, class and track.
    pub fn decode(&self, rules: &Rules) -> Vec<FrameEvent> {
        self.detect(rules).into_iter().map(|detected| detected.event).collect()
    }

    /// The events by these rules with their activities, by frame, class and track.
    pub fn detect(&self, rules: &Rules) -> Vec<Detected> {
        let mut decoder = Decoder::new(rules, self.tracks);
        let mut out = Vec::new();
        self.rows().for_each(|row| decoder.push(row, &mut out));
        decoder.finish(&mut out);
        out
    }

    /// The events whose activity is above the threshold of their class, and no more done than merging: as validation
    /// after every epoch has them. The source is the track's number.
    pub fn events(&self, thresholds: &[f32], merge_deg: f64) -> Vec<FrameEvent> {
        self.decode(&Rules::plain(thresholds.to_vec(), merge_deg))
    }

    /// What the tracks would say if activity were known: every true event of `truth`, with the direction of the
    /// track that best hears its class. In the order of `truth`, each event takes the free track with the
    /// greatest activity of its class; events beyond the number of tracks are left out. Localization scores of the
    /// result are those of the directions alone. Distances are the network's, where it has them.
    pub fn events_with_known_activity(&self, truth: &[FrameEvent]) -> Vec<FrameEvent> {
        let mut by_frame: BTreeMap<usize, Vec<&FrameEvent>> = BTreeMap::new();
        for event in truth.iter().filter(|e| (e.frame as usize) < self.frames()) {
            by_frame.entry(event.frame as usize).or_default().push(event);
        }
        let mut out = Vec::with_capacity(truth.len());
        for (frame, events) in by_frame {
            let row = self.row(frame);
            let activity = |track: usize, event: &FrameEvent| {
                row.activity.get(track * self.classes + event.class as usize).copied().unwrap_or(0.0)
            };
            let mut free: Vec<usize> = (0..self.tracks).collect();
            for event in events {
                let Some(best) = (0..free.len())
                    .max_by(|&a, &b| activity(free[a], event).total_cmp(&activity(free[b], event)))
                else {
                    break;
                };
                let track = free.swap_remove(best);
                let vector = [0, 1, 2].map(|axis| f64::from(row.direction[track * 3 + axis]));
                out.push(FrameEvent {
                    direction: Direction::from_vector(vector),
                    source: track as u32,
                    distance_m: row.distance.map(|distance| f64::from(distance[track])),
                    ..*event
                });
            }
        }
        out
    }
}
