//! Descriptors of a whole recording, however long, in bounded memory.

use tch::{Device, Tensor};

use crate::dataset::{self, Recording};
use crate::features::{FeatureConfig, FrontEnd};
use crate::seld::event::FRAMES_PER_SECOND;

/// Label frames that are described at a time: a minute.
const PIECE: i64 = 600;
/// Label frames on both sides of a piece that are described with it and dropped, beside half a transform: five seconds,
/// more than any descriptor looks back or ahead. Only the noise floor of the eigenvector remembers more, and forgets it,
/// and the loudest value that `range_db` is counted from is that of the piece.
const CONTEXT: i64 = 50;
/// Label frames of silence after the end, beside a transform: the last of them stand for all silence that follows.
const SILENCE: i64 = 10;

/// How recordings are cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    samples_per_label: i64,
    frames_per_label: i64,
    context: i64,
    silence: i64,
}

impl Cut {
    /// For descriptors whose frames line up with label frames, at this sample rate in Hz.
    pub(super) fn new(features: &FeatureConfig, sample_rate: u32) -> Self {
        let samples_per_label = i64::from(sample_rate) / FRAMES_PER_SECOND as i64;
        let transform = (features.n_fft as u64).div_ceil(samples_per_label as u64) as i64;
        Self {
            samples_per_label,
            frames_per_label: samples_per_label / features.hop,
            context: CONTEXT + transform,
            silence: SILENCE + transform,
        }
    }

    /// Descriptor frames of a recording, with the silence after it.
    pub(super) fn frames(&self, recording: &Recording) -> i64 {
        (i64::from(recording.frames) + self.silence) * self.frames_per_label
    }

    /// Gives `take` the descriptors `[C, T, F]` float32 of a recording, piece by piece, on the device. They are not
    /// normalised.
    pub(super) fn describe<E: From<dataset::Error>>(
        &self,
        recording: &Recording,
        front_end: &FrontEnd,
        device: Device,
        mut take: impl FnMut(Tensor) -> Result<(), E>,
    ) -> Result<(), E> {
        let total = i64::from(recording.frames) + self.silence;
        for first in (0..total).step_by(PIECE as usize) {
            let length = PIECE.min(total - first);
            let begin = (first - self.context).max(0);
            let end = (first + length + self.context).min(total);
            let samples = (end - begin) * self.samples_per_label;
            let sound = recording.read((begin * self.samples_per_label) as u64, samples as usize)?;
            let sound = Tensor::from_slice(&sound).view([1, dataset::CHANNELS as i64, samples]).to(device);
            let described = tch::no_grad(|| front_end.describe(&sound)).squeeze_dim(0);
            let skip = (first - begin) * self.frames_per_label;
            take(described.narrow(1, skip, length * self.frames_per_label))?;
        }
        Ok(())
    }
}
