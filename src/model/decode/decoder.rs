//! Frames of activities and directions in, events out.

use std::collections::VecDeque;

use super::Rules;
use super::filter::ActivityFilter;
use super::merge::{Candidate, merge};
use super::prediction::FrameRow;
use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// An event in one label frame, and how sure the network is of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detected {
    /// The event; its source is the number of a track.
    pub event: FrameEvent,
    /// Activity of the class after temperature and median filter, in 0..1.
    pub activity: f64,
}

/// Decides on events while label frames come in. Holds [`Rules::delay_frames`] frames, however many there are.
#[derive(Debug, Clone)]
pub struct Decoder {
    rules: Rules,
    /// By class, for the network's activities as they are.
    thresholds: Vec<f32>,
    tracks: usize,
    /// `[N, K]`.
    filters: Vec<ActivityFilter>,
    /// Directions `[N, 3]` and distances `[N]` (NaN: not known) of the frames that are not decided, one after the other.
    undecided: VecDeque<f32>,
    /// Frames taken so far, those after the end included.
    taken: usize,
    /// Class, track, activity, age of what is active in the frame that is decided.
    active: Vec<(usize, usize, f32, u32)>,
}

impl Decoder {
    /// For networks of so many tracks, from label frame 0 on.
    pub fn new(rules: &Rules, tracks: usize) -> Self {
        let filter = ActivityFilter::new(rules.median_frames, rules.min_frames);
        Self {
            thresholds: rules.thresholds_of_network(),
            filters: vec![filter; tracks * rules.thresholds.len()],
            rules: rules.clone(),
            tracks,
            undecided: VecDeque::new(),
            taken: 0,
            active: Vec::new(),
        }
    }

    /// Takes the next label frame; `out` gets the events of the frame [`Rules::delay_frames`] before it, by class, then
    /// by track.
    ///
    /// # Panics
    /// The row has not the tracks and classes of this decoder, which is a bug of the caller.
    pub fn push(&mut self, row: FrameRow, out: &mut Vec<Detected>) {
        assert_eq!(row.activity.len(), self.filters.len(), "this is a bug: a row of another network");
        self.undecided.extend(row.direction);
        match row.distance {
            Some(distance) => self.undecided.extend(distance),
            None => self.undecided.extend(std::iter::repeat_n(f32::NAN, self.tracks)),
        }
        self.step(Some(row.activity), out);
    }

    /// Decides the rest. The decoder must not be given more.
    pub fn finish(&mut self, out: &mut Vec<Detected>) {
        for _ in 0..self.rules.delay_frames() {
            self.step(None, out);
        }
    }

    /// `activity`: `[N, K]`; none after the end.
    fn step(&mut self, activity: Option<&[f32]>, out: &mut Vec<Detected>) {
        self.active.clear();
        let classes = self.thresholds.len();
        // One pass over the row in the order of memory: most activities are below their thresholds.
        for (track, filters) in self.filters.chunks_exact_mut(classes.max(1)).enumerate() {
            for (class, (filter, &threshold)) in filters.iter_mut().zip(&self.thresholds).enumerate() {
                let heard = activity.map_or(0.0, |row| row[track * classes + class]);
                let heard = if heard > threshold { heard } else { 0.0 };
                if heard == 0.0 && filter.is_quiet() {
                    continue;
                }
                let decided = filter.push(heard);
                if decided > 0.0 {
                    self.active.push((class, track, decided, filter.age()));
                }
            }
        }
        self.taken += 1;
        if let Some(frame) = self.taken.checked_sub(1 + self.rules.delay_frames()) {
            self.emit(frame, out);
            self.undecided.drain(..4 * self.tracks);
        }
    }

    /// The events of the oldest frame that is not decided.
    fn emit(&mut self, frame: usize, out: &mut Vec<Detected>) {
        let undecided = &self.undecided;
        let distance =
            |track: usize| Some(f64::from(undecided[3 * self.tracks + track])).filter(|d| !d.is_nan());
        self.active.sort_by_key(|(class, track, ..)| (*class, *track));
        let mut candidates = Vec::new();
        for of_class in self.active.chunk_by(|a, b| a.0 == b.0) {
            candidates.extend(of_class.iter().map(|&(_, track, activity, age)| {
                let activity = self.rules.calibrated(f64::from(activity));
                Candidate {
                    track,
                    activity,
                    weight: activity,
                    age,
                    vector: [0, 1, 2].map(|axis| f64::from(undecided[track * 3 + axis])),
                    distance_m: distance(track),
                }
            }));
            merge(&mut candidates, self.rules.merge_deg);
            out.extend(candidates.drain(..).map(|candidate| Detected {
                event: FrameEvent {
                    frame: u32::try_from(frame).unwrap_or(u32::MAX),
                    class: of_class[0].0 as u32,
                    source: candidate.track as u32,
                    direction: Direction::from_vector(candidate.vector),
                    distance_m: candidate.distance_m,
                },
                activity: candidate.activity,
            }));
        }
    }
}
