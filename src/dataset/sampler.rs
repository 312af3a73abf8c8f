//! Which chunks of the recordings an epoch sees.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::recording::Recording;

/// How chunks are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Every recording in equal measure.
    Uniform,
    /// Every class in equal measure: as many chunks as with [`Sampling::Uniform`], each around a random moment of
    /// the class whose turn it is. Recordings without events are never drawn.
    Balanced,
    /// As [`Sampling::Balanced`], but a class of n label frames in the measure of n over its [`effective_number`]: between
    /// how often it occurs (beta of 0) and equal measure (beta near 1).
    EffectiveNumber,
}

/// The effective number of `frames` label frames that resemble each other (Cui et al., arXiv 1901.05555): (1 - beta^n) / (1 -
/// beta), with `beta` in [0, 1). At least 1 where there are any.
pub fn effective_number(beta: f64, frames: u64) -> f64 {
    if frames == 0 {
        return 0.0;
    }
    // Exact also where beta is near 1.
    let none_new = (frames as f64 * beta.ln()).exp_m1();
    none_new / (beta - 1.0)
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
    activity: BTreeMap<u32, Vec<Span>>,
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
        Ok(Self { chunk: chunk.max(1), lengths, activity })
    }

    /// Label frames with each of the first `classes` classes.
    pub fn class_frames(&self, classes: usize) -> Vec<u64> {
        (0..classes as u32)
            .map(|class| self.activity.get(&class).map_or(0, |spans| frames_in(spans)))
            .collect()
    }

    /// The chunks of one epoch, in random order.
    ///
    /// * `overlap`: in [0, 1), the mean share of a chunk that the next one of its recording repeats; more of it gives more
    ///   chunks.
    /// * `beta`: of [`Sampling::EffectiveNumber`].
    pub fn draw(&self, sampling: Sampling, overlap: f64, beta: f64, rng: &mut ChaCha8Rng) -> Vec<Place> {
        let mut places = self.uniform(overlap, rng);
        let classes: Vec<&[Span]> = self.activity.values().map(Vec::as_slice).collect();
        let turns = match sampling {
            Sampling::Balanced if !classes.is_empty() => Some(in_turn(classes.len(), places.len(), rng)),
            Sampling::EffectiveNumber if !classes.is_empty() => {
                let measure = |spans: &&[Span]| {
                    let frames = frames_in(spans);
                    frames as f64 / effective_number(beta, frames)
                };
                Some(in_measure(&classes.iter().map(measure).collect::<Vec<f64>>(), places.len(), rng))
            }
            _ => None,
        };
        if let Some(turns) = turns {
            places = turns.into_iter().filter_map(|class| self.around(classes[class], rng)).collect();
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

    /// A chunk around a random moment of a class.
    fn around(&self, spans: &[Span], rng: &mut ChaCha8Rng) -> Option<Place> {
        let mut pick = rng.random_range(0..frames_in(spans));
        for span in spans {
            if pick < u64::from(span.frames) {
                let frame = span.first + pick as u32;
                let slack = self.lengths[span.recording].saturating_sub(self.chunk);
                let first_frame = frame.saturating_sub(rng.random_range(0..self.chunk)).min(slack);
                return Some(Place { recording: span.recording, first_frame });
            }
            pick -= u64::from(span.frames);
        }
        None
    }
}

fn frames_in(spans: &[Span]) -> u64 {
    spans.iter().map(|span| u64::from(span.frames)).sum()
}

/// `count` turns of `classes` classes: all of them in random order, again and again.
fn in_turn(classes: usize, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut turns = Vec::with_capacity(count + classes);
    while turns.len() < count {
        let mut round: Vec<usize> = (0..classes).collect();
        round.shuffle(rng);
        turns.extend(round);
    }
    turns.truncate(count);
    turns
}

/// `count` turns, every class as often as its measure says, up to one (systematic sampling).
fn in_measure(measures: &[f64], count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let step = measures.iter().sum::<f64>() / count as f64;
    let start = rng.random_range(0.0..1.0);
    let (mut class, mut until) = (0, measures[0]);
    let turn = |index: usize| {
        while (index as f64 + start) * step >= until && class + 1 < measures.len() {
            class += 1;
            until += measures[class];
        }
        class
    };
    (0..count).map(turn).collect()
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
        ChunkSampler::new(&recordings, chunk).unwrap().draw(
            sampling,
            overlap,
            0.999,
            &mut rng::stream(1, &["test"]),
        )
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

    #[test]
    fn the_effective_number_is_that_of_the_paper() {
        for (beta, frames, expected) in [(0.0, 7, 1.0), (0.5, 1, 1.0), (0.5, 3, 1.75), (0.9, 0, 0.0)] {
            assert!((effective_number(beta, frames) - expected).abs() < 1e-12, "{beta} {frames}");
        }
        assert!((effective_number(1.0 - 1e-15, 1_000_000) - 1e6).abs() < 1.0);
    }

    #[test]
    fn by_effective_number_a_class_is_heard_between_its_share_and_an_equal_one() {
        let all = [recording(30_000, &[(0, 0, 20_000), (2, 25_000, 100)]), recording(3000, &[])];
        let recordings: Vec<&Recording> = all.iter().collect();
        let sampler = ChunkSampler::new(&recordings, 30).unwrap();
        assert_eq!(sampler.class_frames(4), [20_000, 0, 100, 0]);
        let rare = |beta: f64| {
            let places = sampler.draw(Sampling::EffectiveNumber, 0.0, beta, &mut rng::stream(1, &["test"]));
            let rare = places.iter().filter(|p| p.first_frame > 24_000).count();
            rare as f64 / places.len() as f64
        };
        assert!(rare(0.0) < 0.01, "{}", rare(0.0));
        // Of 20 000 frames 1000 (1 - e^-20), of 100 frames 95: 20 to 1.05.
        assert!((rare(0.999) - 1.05 / 21.05).abs() < 0.002, "{}", rare(0.999));
        assert!((rare(1.0 - 1e-9) - 0.5).abs() < 0.002, "{}", rare(1.0 - 1e-9));
    }

    proptest! {
        #[test]
        fn chunks_lie_within_their_recording(
            lengths in prop::collection::vec(1u32..400, 1..6), chunk in 1u32..60, overlap in 0.0f64..0.95,
            kind in 0usize..3)
        {
            let all: Vec<Recording> = lengths.iter().map(|&n| recording(n, &[(n % 3, n / 2, 1)])).collect();
            let sampling = [Sampling::Uniform, Sampling::Balanced, Sampling::EffectiveNumber][kind];
            let places = draw(&all, chunk, sampling, overlap);
            prop_assert!(!places.is_empty());
            for place in places {
                let frames = all[place.recording].frames;
                prop_assert!(place.first_frame + chunk.min(frames) <= frames);
                if sampling != Sampling::Uniform {
                    let active = frames / 2;
                    prop_assert!((place.first_frame..place.first_frame + chunk).contains(&active));
                }
            }
        }
    }
}
