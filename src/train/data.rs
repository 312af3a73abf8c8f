//! Recordings to batches: which chunks an epoch sees in which order, and their tensors.

use rand::RngExt;
use rand::seq::SliceRandom;
use tch::{Device, Tensor};

use super::slots::{self, Slotted};
use crate::backbone::{PriorCache, Tap};
use crate::dataset::augment::rotation::{self, Rotation};
use crate::dataset::{self, Recording};
use crate::loss::Target;
use crate::model::align;
use crate::rng;

/// Recordings of one side of the validation split, ready to be cut.
pub(super) struct Side<'a> {
    recordings: Vec<Source<'a>>,
    shape: Shape,
}

/// Sizes that all chunks share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Samples in a label frame.
    pub(super) samples_per_frame: usize,
    /// Label frames in a chunk.
    pub(super) frames: u32,
    /// Track slots.
    pub(super) tracks: usize,
    /// Classes.
    pub(super) classes: usize,
    /// The tagger's frame grid.
    pub(super) tap: Tap,
    /// Where batches go.
    pub(super) device: Device,
}

struct Source<'a> {
    recording: &'a Recording,
    /// Position in the cache of the tagger's output.
    cached: usize,
    slotted: Vec<Slotted>,
}

/// A piece of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    source: usize,
    first_frame: u32,
    /// Index of the [`Rotation`] applied to it.
    rotation: usize,
}

/// Tensors of some chunks.
pub(super) struct Batch {
    /// `[B, 4, S]`
    pub(super) waveform: Tensor,
    /// The tagger's output `[B, T, P]` at label-frame rate.
    pub(super) prior: Tensor,
    pub(super) target: Target,
}

impl<'a> Side<'a> {
    /// `recordings`: each with its position in the cache of the tagger's output.
    ///
    /// # Errors
    /// Labels cannot be read any more.
    pub(super) fn new(recordings: Vec<(&'a Recording, usize)>, shape: Shape) -> Result<Self, dataset::Error> {
        let source = |(recording, cached): (&'a Recording, usize)| -> Result<Source<'a>, dataset::Error> {
            let slotted = slots::assign(recording.events()?, shape.tracks);
            Ok(Source { recording, cached, slotted })
        };
        Ok(Self { recordings: recordings.into_iter().map(source).collect::<Result<_, _>>()?, shape })
    }

    /// The chunks of one epoch of training in random order: every recording is cut into as many as fit, each
    /// placed at random in its share of the recording.
    pub(super) fn draw(&self, seed: u64, epoch: u32, rotations: bool) -> Vec<Chunk> {
        let mut rng = rng::stream(seed, &["chunks", &epoch.to_string()]);
        let mut chunks = Vec::new();
        for (index, source) in self.recordings.iter().enumerate() {
            let slack = source.recording.frames.saturating_sub(self.shape.frames);
            let count = (source.recording.frames / self.shape.frames).max(1);
            for part in 0..count {
                let share = |n: u32| (u64::from(slack) * u64::from(n) / u64::from(count)) as u32;
                let first_frame = rng.random_range(share(part)..=share(part + 1));
                let rotation = if rotations { rng.random_range(0..rotation::COUNT) } else { 0 };
                chunks.push(Chunk { source: index, first_frame, rotation });
            }
        }
        chunks.shuffle(&mut rng);
        chunks
    }

    /// All of every recording, cut end to end: for validation. The last chunk of a recording reaches past its
    /// end when lengths do not divide.
    pub(super) fn cover(&self) -> Vec<Chunk> {
        let step = self.shape.frames as usize;
        let of = |(index, source): (usize, &Source)| {
            let firsts = (0..source.recording.frames.max(1)).step_by(step);
            firsts
                .map(move |first_frame| Chunk { source: index, first_frame, rotation: 0 })
                .collect::<Vec<_>>()
        };
        self.recordings.iter().enumerate().flat_map(of).collect()
    }

    /// The recordings, in the order that [`Chunk::source`] counts.
    pub(super) fn recordings(&self) -> impl Iterator<Item = &'a Recording> + '_ {
        self.recordings.iter().map(|source| source.recording)
    }

    /// Reads chunks into tensors on the device.
    pub(super) fn load(&self, chunks: &[Chunk], prior: &PriorCache) -> Result<Batch, dataset::Error> {
        let Shape { samples_per_frame, frames, tracks, classes, tap, device } = self.shape;
        let (batch, frames_i) = (chunks.len() as i64, i64::from(frames));
        let samples = samples_per_frame * frames as usize;
        let mut waveform = vec![0f32; chunks.len() * 4 * samples];
        let mut priors = Vec::with_capacity(chunks.len());
        let mut activity = vec![0f32; chunks.len() * frames as usize * tracks * classes];
        let mut direction = vec![0f32; chunks.len() * frames as usize * tracks * 3];
        for (row, chunk) in chunks.iter().enumerate() {
            let source = &self.recordings[chunk.source];
            let start = chunk.first_frame as usize * samples_per_frame;
            source.recording.read_into(start as u64, &mut waveform[row * 4 * samples..][..4 * samples])?;
            let times = align::frame_centres(i64::from(chunk.first_frame), frames_i);
            let sequence = prior.get(source.cached).unsqueeze(0);
            priors.push(align::interpolate(&sequence, tap.first_s, tap.hop_s, &times));
            let turn = Rotation::new(chunk.rotation).direction_matrix();
            for event in source.events(chunk.first_frame, frames) {
                let frame = (event.frame - chunk.first_frame) as usize;
                let slot = (row * frames as usize + frame) * tracks + event.slot;
                activity[slot * classes + event.class as usize] = 1.0;
                for (axis, weights) in turn.iter().enumerate() {
                    let turned = weights.iter().zip(event.direction).map(|(w, d)| w * d).sum();
                    direction[slot * 3 + axis] = turned;
                }
            }
        }
        let turns: Vec<f32> =
            chunks.iter().flat_map(|chunk| Rotation::new(chunk.rotation).channel_matrix().concat()).collect();
        let turns = Tensor::from_slice(&turns).view([batch, 4, 4]).to(device);
        let waveform = Tensor::from_slice(&waveform).view([batch, 4, samples as i64]).to(device);
        let (tracks, classes) = (tracks as i64, classes as i64);
        Ok(Batch {
            waveform: turns.bmm(&waveform),
            prior: Tensor::cat(&priors, 0).to(device),
            target: Target {
                activity: Tensor::from_slice(&activity).view([batch, frames_i, tracks, classes]).to(device),
                direction: Tensor::from_slice(&direction).view([batch, frames_i, tracks, 3]).to(device),
            },
        })
    }
}

impl Source<'_> {
    /// Its events from label frame `first` on.
    fn events(&self, first: u32, frames: u32) -> &[Slotted] {
        let begin = self.slotted.partition_point(|s| s.frame < first);
        let end = self.slotted.partition_point(|s| s.frame < first + frames);
        &self.slotted[begin..end]
    }
}

impl Chunk {
    /// Which of the side's recordings it is cut from.
    pub(super) fn source(&self) -> usize {
        self.source
    }
}
