//! The semantic path's input: what the tagger makes of the scene.
//!
//! Taggers normalise the level of each clip, which a SELD system that hears one chunk at a time cannot do. So the
//! level is fixed once: [`level`] finds the gain at which the training recordings peak where the tagger expects
//! it, and the gain belongs to the model.
//!
//! The tagger has a frozen prefix, which makes the same of a recording in every epoch of every trial and so can be kept,
//! and blocks after it that are trained. Where all are frozen, the prefix ends with the average over bands.

mod stream;

use tch::nn::VarStore;
use tch::{Device, Tensor};

pub use stream::PriorStream;

use super::arch::{BackboneConfig, Freeze, TaggerInput};
use super::signals::Signals;
use crate::backbone::blocks::average;
use crate::backbone::resample::ResampleError;
use crate::backbone::{self, Resampler, Tagger, Tap, Thaw};

/// Recordings are run through the tagger in pieces of about this length, to bound memory.
const PIECE_S: f64 = 30.0;
/// Sound given to the tagger on both sides of a piece: more than the reach of its convolutions, so that pieces
/// join to what the whole recording would have given.
const CONTEXT_S: f64 = 2.0;

/// Name in the store of variables below which the trained blocks of the tagger have theirs.
pub const VARIABLES: &str = "backbone";

/// A tagger behind a resampler.
pub struct Prior {
    tagger: Box<dyn Tagger>,
    resampler: Resampler,
    signals: Signals,
    gain: f64,
}

impl std::fmt::Debug for Prior {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Prior");
        debug.field("tagger", &self.tagger.name()).field("input", &self.signals.input());
        debug.field("frozen", &self.frozen()).field("gain", &self.gain).finish()
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

/// Reads the tagger onto the device of `vs`, where the blocks that are not frozen become variables.
///
/// # Errors
/// Its weights are not there or do not fit; it has not as many blocks as are to be frozen.
pub fn load_tagger(config: &BackboneConfig, vs: &VarStore) -> Result<Box<dyn Tagger>, backbone::Error> {
    let thaw = |frozen| Thaw { path: vs.root() / VARIABLES, frozen };
    let thaw = match config.freeze {
        Freeze::All => None,
        Freeze::None => Some(thaw(0)),
        Freeze::Blocks(frozen) => Some(thaw(frozen)),
    };
    backbone::load(&config.name, config.weights.as_deref(), vs.device(), thaw.as_ref())
}

impl Prior {
    /// Puts a tagger behind a resampler from `sample_rate` (Hz) and a fixed gain.
    ///
    /// # Errors
    /// Sample rates without a usable ratio.
    pub fn new(
        tagger: Box<dyn Tagger>,
        input: TaggerInput,
        sample_rate: u32,
        gain: f64,
        device: Device,
    ) -> Result<Self, ResampleError> {
        let resampler = Resampler::new(sample_rate, tagger.sample_rate(), device)?;
        Ok(Self { tagger, resampler, signals: Signals::new(input, device), gain })
    }

    /// The tagger.
    pub fn tagger(&self) -> &dyn Tagger {
        self.tagger.as_ref()
    }

    /// What the tagger hears.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// The gain applied to the scene.
    pub fn gain(&self) -> f64 {
        self.gain
    }

    /// Features of the tagger's output, about all signals.
    pub fn width(&self) -> i64 {
        self.signals.count() * self.sequence_tap().channels
    }

    /// Multiply-adds of the tagger per second of sound.
    pub fn macs_per_second(&self) -> f64 {
        self.signals.count() as f64 * self.tagger.blocks().network().macs_per_second()
    }

    /// Where the frozen prefix ends.
    pub fn prefix_tap(&self) -> Tap {
        let tap = self.tagger.blocks().taps()[self.frozen()];
        if self.is_frozen() { Tap { bands: 1, ..tap } } else { tap }
    }

    /// Where the tagger ends: bands are averaged.
    pub fn sequence_tap(&self) -> Tap {
        Tap { bands: 1, ..self.tagger.blocks().last() }
    }

    /// Whether none of its blocks is trained.
    pub fn is_frozen(&self) -> bool {
        self.frozen() == self.tagger.blocks().count()
    }

    fn frozen(&self) -> usize {
        self.tagger.blocks().frozen()
    }

    /// Values that [`Prior::prefix_of`] gives for a second of sound.
    pub fn prefix_values_per_second(&self) -> f64 {
        let tap = self.prefix_tap();
        (self.signals.count() * tap.channels * tap.bands) as f64 / tap.hop_s
    }

    /// `[B, 4, S]` at the model's sample rate to `[B, P, frames]` at the tagger's own frame rate. Traceable.
    pub fn forward(&self, waveform: &Tensor) -> Tensor {
        self.suffix(&self.prefix(waveform), false)
    }

    /// `[B, 4, S]` at the model's sample rate to what the frozen blocks make of it, `[B, N, C, T, F]`. Traceable.
    pub fn prefix(&self, waveform: &Tensor) -> Tensor {
        self.prefix_of_signals(&self.prepare(waveform))
    }

    /// `[B, N, C, T, F]` as the frozen blocks give it to the tagger's output `[B, P, T']`. `train`: the batch norms of
    /// trained blocks follow the batch. Traceable.
    pub fn suffix(&self, prefix: &Tensor, train: bool) -> Tensor {
        let blocks = self.tagger.blocks();
        let joined = prefix.flatten(0, 1);
        let last = match self.is_frozen() {
            true => joined.squeeze_dim(-1),
            false => average(&blocks.run(&joined, self.frozen()..blocks.count(), train)),
        };
        last.unflatten(0, [-1, self.signals.count()]).flatten(1, 2)
    }

    /// Frames of the prefix that give the rest of the tagger one frame.
    pub fn shortest_prefix(&self) -> i64 {
        self.sequence_tap().stride / self.prefix_tap().stride
    }

    /// Signals `[B * N, S']` at the tagger's rate: level, rate, and silence at the end, so that the shortest input still
    /// gives one frame.
    fn prepare(&self, waveform: &Tensor) -> Tensor {
        let signals = (self.signals.of(waveform) * self.gain).flatten(0, 1);
        self.resampler.forward(&signals).constant_pad_nd([0, self.tagger.shortest()])
    }

    fn prefix_of_signals(&self, signals: &Tensor) -> Tensor {
        let picture = self.tagger.picture(signals);
        let frames = self.tagger.blocks().run(&picture, 0..self.frozen(), false);
        let frames = if self.is_frozen() { average(&frames).unsqueeze(-1) } else { frames };
        frames.unflatten(0, [-1, self.signals.count()])
    }

    /// [`Prior::prefix`] of one recording of any length, in bounded memory: `[T, N, C, F]`.
    ///
    /// * `waveform`: W, Y, Z, X one after the other, at the model's sample rate; W alone where the tagger hears no more.
    pub fn prefix_of(&self, waveform: &[f32], device: Device) -> Tensor {
        let channels = if self.signals.input() == TaggerInput::Omni { 1 } else { 4 };
        let frames = |signals: &Tensor| self.prefix_of_signals(signals).squeeze_dim(0).permute([2, 0, 1, 3]);
        self.in_pieces(waveform, channels, self.prefix_tap(), device, &frames)
    }

    /// The tagger's output for one recording of any length: `[P, T]`.
    ///
    /// * `waveform`: W, Y, Z, X one after the other, at the model's sample rate.
    pub fn whole_recording(&self, waveform: &[f32], device: Device) -> Tensor {
        let (waveform, channels) = match self.signals.input() {
            TaggerInput::Omni => (&waveform[..waveform.len() / 4], 1),
            _ => (waveform, 4),
        };
        let frames = |signals: &Tensor| {
            self.suffix(&self.prefix_of_signals(signals), false).squeeze_dim(0).transpose(0, 1)
        };
        self.in_pieces(waveform, channels, self.sequence_tap(), device, &frames).transpose(0, 1).contiguous()
    }

    /// Runs `frames`, which gives `[T, ...]` on the grid of `tap` for signals `[N, S']`, over a recording.
    fn in_pieces(
        &self,
        waveform: &[f32],
        channels: usize,
        tap: Tap,
        device: Device,
        frames: &dyn Fn(&Tensor) -> Tensor,
    ) -> Tensor {
        let _guard = tch::no_grad_guard();
        let samples = (waveform.len() / channels) as i64;
        let waveform = Tensor::from_slice(&waveform[..channels * samples as usize]).view([1, -1, samples]);
        let signals = self.prepare(&waveform.to(device));
        let samples = signals.size()[1];
        // Pieces begin on the tap's own frame grid.
        let frame_samples = (tap.hop_s * f64::from(self.tagger.sample_rate())).round() as i64;
        let piece_frames = ((PIECE_S / tap.hop_s) as i64).max(1);
        let context_frames = (CONTEXT_S / tap.hop_s).ceil() as i64;
        if samples <= (piece_frames + 2 * context_frames) * frame_samples {
            return frames(&signals).contiguous();
        }
        let mut pieces = Vec::new();
        let mut first = 0;
        while first * frame_samples < samples {
            let begin = (first - context_frames).max(0);
            let end = ((first + piece_frames + context_frames) * frame_samples).min(samples);
            let is_last = end == samples;
            let piece = frames(&signals.narrow(1, begin * frame_samples, end - begin * frame_samples));
            let skip = first - begin;
            let available = piece.size()[0] - skip;
            let keep = if is_last { available } else { piece_frames.min(available) };
            pieces.push(piece.narrow(0, skip, keep).contiguous());
            if is_last {
                break;
            }
            first += piece_frames;
        }
        Tensor::cat(&pieces, 0)
    }
}
