//! Which chunks of the recordings an epoch sees.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::recording::Recording;

/// How chunks are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Every recording in equal measure.
    Uniform,
    /// Every class in equal measure: as many chunks as with [`Sampling::Uniform`], each around a random moment of
    /// the class whose turn it is. Recordings without events are never drawn.
    Balanced,
}

/// Where a chunk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index of the recording.
    pub recording: usize,
    /// Label frame, from 0.
    pub first_frame: u32,
}

/// Frames in which a class is active without a pause.
#[derive(Debug, Clone, Copy)]
struct Span {
    recording: usize,
    first: u32,
    frames: u32,
}

/// Draws chunks of one length from some recordings.
#[derive(Debug)]
pub struct ChunkSampler {
    chunk: u32,
    /// Label frames of every recording.
    lengths: Vec<u32>,
    /// Of every class that has any.
    activity: Vec<Vec<Span>>,
}

impl ChunkSampler {
    /// For chunks of `chunk` label frames.
    ///
    /// # Errors
    /// Labels cannot be read any more.
    pub fn new(recordings: &[&Recording], chunk: u32) -> Result<Self, Error> {
        let mut activity: BTreeMap<u32, Vec<Span>> = BTreeMap::new();
        for (index, recording) in recordings.iter().enumerate() {
            let mut rows: Vec<(u32, u32)> = recording.events()?.iter().map(|e| (e.class, e.frame)).collect();
            rows.sort_unstable();
            rows.dedup();
            for (class, frame) in rows {
                let spans = activity.entry(class).or_default();
                match spans.last_mut() {
                    Some(last) if last.recording == index && last.first + last.frames == frame => {
                        last.frames += 1;
                    }
                    _ => spans.push(Span { recording: index, first: frame, frames: 1 }),
                }
            }
        }
        let lengths = recordings.iter().map(|recording| recording.frames).collect();
        Ok(Self { chunk: chunk.max(1), lengths, activity: activity.into_values().collect() })
    }

    /// The chunks of one epoch, in random order. `overlap`, in [0, 1), is the mean share of a chunk that the next
    /// one of its recording repeats; more of it gives more chunks.
    pub fn draw(&self, sampling: Sampling, overlap: f64, rng: &mut ChaCha8Rng) -> Vec<Place> {
        let mut places = self.uniform(overlap, rng);
        if sampling == Sampling::Balanced && !self.activity.is_empty() {
            places = self.balanced(places.len(), rng);
        }
        places.shuffle(rng);
        places
    }

    /// Every recording is cut into as many chunks as fit, each placed at random in its share of the recording.
    fn uniform(&self, overlap: f64, rng: &mut ChaCha8Rng) -> Vec<Place> {
        let step = ((f64::from(self.chunk) * (1.0 - overlap)).round() as u32).max(1);
        let mut places = Vec::new();
        for (recording, &length) in self.lengths.iter().enumerate() {
            let slack = length.saturating_sub(self.chunk);
            let count = slack / step + 1;
            let share = |n: u32| (u64::from(slack) * u64::from(n) / u64::from(count)) as u32;
            for part in 0..count {
                let first_frame = rng.random_range(share(part)..=share(part + 1));
                places.push(Place { recording, first_frame });
            }
        }
        places
    }

    fn balanced(&self, count: usize, rng: &mut ChaCha8Rng) -> Vec<Place> {
        let mut deck: Vec<usize> = Vec::new();
        let mut places = Vec::with_capacity(count);
        while places.len() < count {
            if deck.is_empty() {
                deck = (0..self.activity.len()).collect();
                deck.shuffle(rng);
            }
            let Some(class) = deck.pop() else { break };
            let spans = &self.activity[class];
            let total: u64 = spans.iter().map(|span| u64::from(span.frames)).sum();
            let mut pick = rng.random_range(0..total);
            for span in spans {
                if pick < u64::from(span.frames) {
                    let frame = span.first + pick as u32;
                    let slack = self.lengths[span.recording].saturating_sub(self.chunk);
                    let first_frame = frame.saturating_sub(rng.random_range(0..self.chunk)).min(slack);
                    places.push(Place { recording: span.recording, first_frame });
                    break;
                }
                pick -= u64::from(span.frames);
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng;
    use crate::seld::doa::Direction;
    use crate::seld::event::FrameEvent;

    /// A recording in which every class is active in one stretch: (class, first frame, frames).
    fn recording(frames: u32, active: &[(u32, u32, u32)]) -> Recording {
        let direction = Direction { azimuth_deg: 0.0, elevation_deg: 0.0 };
        let event = |class, frame| FrameEvent { frame, class, source: 0, direction, distance_m: None };
        let events =
            active.iter().flat_map(|&(class, first, n)| (first..first + n).map(move |f| event(class, f)));
        Recording::named("a", u64::from(frames) * 2400).with_events(events.collect())
    }

    fn draw(recordings: &[Recording], chunk: u32, sampling: Sampling, overlap: f64) -> Vec<Place> {
        let recordings: Vec<&Recording> = recordings.iter().collect();
        ChunkSampler::new(&recordings, chunk).unwrap().draw(sampling, overlap, &mut rng::stream(1, &["test"]))
    }

    #[test]
    fn overlap_gives_more_chunks() {
        let all = [recording(300, &[]), recording(20, &[])];
        for (overlap, count) in [(0.0, 11), (0.5, 20), (0.9, 92)] {
            assert_eq!(draw(&all, 30, Sampling::Uniform, overlap).len(), count);
        }
    }

    #[test]
    fn balanced_sampling_hears_a_rare_class_as_often_as_a_common_one() {
        let all = [recording(3000, &[(0, 0, 2900), (1, 2950, 20)]), recording(3000, &[])];
        let hears = |place: &Place, first: u32, last: u32| {
            place.recording == 0 && place.first_frame < last && place.first_frame + 30 > first
        };
        let rare = |places: &[Place]| places.iter().filter(|p| hears(p, 2950, 2970)).count();
        let (uniform, balanced) =
            (draw(&all, 30, Sampling::Uniform, 0.0), draw(&all, 30, Sampling::Balanced, 0.0));
        assert_eq!(uniform.len(), balanced.len());
        assert!(rare(&uniform) <= 4, "{}", rare(&uniform));
        assert!((100..=110).contains(&rare(&balanced)), "{} of {}", rare(&balanced), balanced.len());
    }

    proptest! {
        #[test]
        fn chunks_lie_within_their_recording(
            lengths in prop::collection::vec(1u32..400, 1..6), chunk in 1u32..60, overlap in 0.0f64..0.95, balanced: bool)
        {
            let all: Vec<Recording> = lengths.iter().map(|&n| recording(n, &[(n % 3, n / 2, 1)])).collect();
            let sampling = if balanced { Sampling::Balanced } else { Sampling::Uniform };
            let places = draw(&all, chunk, sampling, overlap);
            prop_assert!(!places.is_empty());
            for place in places {
                let frames = all[place.recording].frames;
                prop_assert!(place.first_frame + chunk.min(frames) <= frames);
                if balanced {
                    let active = frames / 2;
                    prop_assert!((place.first_frame..place.first_frame + chunk).contains(&active));
                }
            }
        }
    }
}
