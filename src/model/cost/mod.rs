//! What an architecture costs, computed from its document alone: parameters, multiply-adds, memory of a training step.

mod encoder;
mod heads;
mod paths;

use super::arch::{Architecture, TemporalPlace};
use super::network::Interface;
use crate::backbone::blocks::Network as Blocks;
use crate::seld::event::FRAMES_PER_SECOND;

/// What a part costs, for one chunk of sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Trainable parameters.
    pub(super) parameters: i64,
    /// Multiply-adds of a forward pass, of matrix products and convolutions.
    pub(super) macs: i64,
    /// Values that a training step keeps for its way back.
    pub(super) kept: i64,
}

impl std::ops::Add for Part {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            parameters: self.parameters + other.parameters,
            macs: self.macs + other.macs,
            kept: self.kept + other.kept,
        }
    }
}

impl std::iter::Sum for Part {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), std::ops::Add::add)
    }
}

impl std::ops::Mul<i64> for Part {
    type Output = Self;

    fn mul(self, by: i64) -> Self {
        Self { parameters: self.parameters * by, macs: self.macs * by, kept: self.kept * by }
    }
}

impl Part {
    /// The same weights, run so many times.
    pub(super) fn run(self, times: i64) -> Self {
        Self { macs: self.macs * times, kept: self.kept * times, ..self }
    }

    /// A fully connected layer on `rows` rows, which are kept.
    pub(super) fn linear(input: i64, output: i64, rows: i64) -> Self {
        Self { parameters: (input + 1) * output, macs: input * output * rows, kept: input * rows }
    }

    /// So many values kept, without weights.
    pub(super) fn kept(kept: i64) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Scales and shifts of so many channels, on so many values.
    pub(super) fn norm(channels: i64, values: i64) -> Self {
        Self { parameters: 2 * channels, macs: 0, kept: values }
    }
}

/// What an architecture costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Trainable parameters, those of the tagger's trained blocks included.
    pub parameters: u64,
    /// Multiply-adds per second of sound: of the network and of all of the tagger's blocks.
    pub macs_per_second: u64,
    /// Bytes of activations that a training step keeps for each of its chunks, of the network and of the tagger's blocks
    /// after its prefix.
    pub activation_bytes: u64,
}

/// The cost of `arch` between descriptors, tagger and classes as `interface` has them. `blocks`: those of the tagger.
pub fn of(arch: &Architecture, interface: &Interface, blocks: Option<&Blocks>) -> Cost {
    let frames = i64::from(arch.train.chunk_frames());
    let network = network(arch, interface, frames) + learned_filters(arch, interface, frames);
    let seconds = frames as f64 / FRAMES_PER_SECOND as f64;
    let tagger = blocks.map_or_else(paths::Tagger::default, |blocks| paths::tagger(arch, blocks, seconds));
    Cost {
        parameters: (network.parameters + tagger.trained_parameters) as u64,
        macs_per_second: (network.macs as f64 / seconds + tagger.macs_per_second) as u64,
        activation_bytes: ((network.kept + tagger.kept) * size_of::<f32>() as i64) as u64,
    }
}

/// Descriptors that are learned, on `frames` label frames: the cosines and sines of each band, over four channels.
fn learned_filters(arch: &Architecture, interface: &Interface, frames: i64) -> Part {
    if !arch.features.is_learned() {
        return Part::default();
    }
    const CHANNELS: i64 = 4;
    let frames = frames * interface.picture.frames_per_label;
    let weights = 2 * interface.picture.bands * arch.features.n_fft;
    let outputs = 2 * interface.picture.bands * CHANNELS * frames;
    Part { parameters: weights, macs: weights * CHANNELS * frames, kept: outputs }
}

/// The trainable network on `frames` label frames.
fn network(arch: &Architecture, interface: &Interface, frames: i64) -> Part {
    let picture = interface.picture;
    let width = arch.encoder.output_width(picture.bands, picture.frames_per_label);
    let smooths = arch.temporal.place == TemporalPlace::BeforeTracks;
    let smoothed = if smooths { arch.temporal.output_width(width) } else { width };
    let paths = 1 + i64::from(interface.prior.is_some());
    let smoothing =
        if smooths { heads::temporal(&arch.temporal, width, frames) * paths } else { Part::default() };
    encoder::encoder(&arch.encoder, picture, frames)
        + interface.prior.map_or_else(Part::default, |prior| paths::projection(prior, width, frames))
        + paths::meetings(arch, interface, [width, smoothed], frames)
        + smoothing
        + heads::heads(arch, interface.prior.map(|_| smoothed), smoothed, interface.classes, frames)
}
