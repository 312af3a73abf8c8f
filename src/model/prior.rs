//! The semantic path's input: what the frozen tagger makes of the W channel.
//!
//! Taggers normalise the level of each clip, which a SELD system that hears one chunk at a time cannot do. So the
//! level is fixed once: [`level`] finds the gain at which the training recordings peak where the tagger expects
//! it, and the gain belongs to the model.

use tch::{Device, Tensor};

use crate::backbone::resample::ResampleError;
use crate::backbone::{Resampler, Tagger};

/// Recordings are run through the tagger in pieces of about this length, to bound memory.
const PIECE_S: f64 = 30.0;
/// Audio given to the tagger on both sides of a piece: more than the reach of its convolutions, so that pieces
/// join to what the whole recording would have given.
const CONTEXT_S: f64 = 1.5;

/// A frozen tagger behind a resampler.
pub struct Prior {
    tagger: Box<dyn Tagger>,
    resampler: Resampler,
    gain: f64,
}

impl std::fmt::Debug for Prior {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prior").field("tagger", &self.tagger.name()).field("gain", &self.gain).finish()
    }
}

/// The gain that brings the median of the recordings' peaks to 1: the taggers were trained on peak-normalised
/// clips. Rounded to a quarter of a decibel, so that a recording more or less does not give another model.
pub fn level(mut peaks: Vec<f32>) -> f64 {
    peaks.retain(|&peak| peak > 0.0);
    if peaks.is_empty() {
        return 1.0;
    }
    peaks.sort_by(f32::total_cmp);
    let gain_db = -20.0 * f64::from(peaks[peaks.len() / 2]).log10();
    10f64.powf((gain_db * 4.0).round() / 4.0 / 20.0)
}

impl Prior {
    /// Puts a tagger behind a resampler from `sample_rate` (Hz) and a fixed gain.
    ///
    /// # Errors
    /// Sample rates without a usable ratio.
    pub fn new(
        tagger: Box<dyn Tagger>,
        sample_rate: u32,
        gain: f64,
        device: Device,
    ) -> Result<Self, ResampleError> {
        let resampler = Resampler::new(sample_rate, tagger.sample_rate(), device)?;
        Ok(Self { tagger, resampler, gain })
    }

    /// The tagger.
    pub fn tagger(&self) -> &dyn Tagger {
        self.tagger.as_ref()
    }

    /// The gain applied to W.
    pub fn gain(&self) -> f64 {
        self.gain
    }

    /// Features of the tagger's output.
    pub fn width(&self) -> i64 {
        self.tagger.sequence_tap().channels
    }

    /// `[B, S]` of W at the model's sample rate to `[B, P, frames]` at the tagger's own frame rate. Traceable.
    pub fn forward(&self, omni: &Tensor) -> Tensor {
        self.tagger.sequence(&self.prepare(omni))
    }

    /// Level, rate, and silence at the end, so that the shortest input still gives one frame.
    fn prepare(&self, omni: &Tensor) -> Tensor {
        self.resampler.forward(&(omni * self.gain)).constant_pad_nd([0, self.tagger.shortest_sequence()])
    }

    /// The same for one recording of any length, in bounded memory: `[P, frames]`.
    ///
    /// `omni`: samples of W at the model's sample rate.
    pub fn whole_recording(&self, omni: &[f32], device: Device) -> Tensor {
        let _guard = tch::no_grad_guard();
        let tap = self.tagger.sequence_tap();
        let resampled = self.prepare(&Tensor::from_slice(omni).to(device).unsqueeze(0));
        let samples = resampled.size()[1];
        // Pieces begin on the tagger's own frame grid.
        let grid = tap.hop_s * f64::from(self.tagger.sample_rate());
        let frame_samples = grid.round() as i64;
        let piece_frames = ((PIECE_S / tap.hop_s) as i64).max(1);
        let context_frames = (CONTEXT_S / tap.hop_s).ceil() as i64;
        if samples <= (piece_frames + 2 * context_frames) * frame_samples {
            return self.tagger.sequence(&resampled).squeeze_dim(0);
        }
        let mut pieces = Vec::new();
        let mut first = 0;
        while first * frame_samples < samples {
            let begin = (first - context_frames).max(0);
            let end = ((first + piece_frames + context_frames) * frame_samples).min(samples);
            let is_last = end == samples;
            let audio = resampled.narrow(1, begin * frame_samples, end - begin * frame_samples);
            let frames = self.tagger.sequence(&audio).squeeze_dim(0);
            let skip = first - begin;
            let available = frames.size()[1] - skip;
            let keep = if is_last { available } else { piece_frames.min(available) };
            pieces.push(frames.narrow(1, skip, keep));
            if is_last {
                break;
            }
            first += piece_frames;
        }
        Tensor::cat(&pieces, 1)
    }
}
