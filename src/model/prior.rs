//! The semantic path's input: what the tagger makes of the scene.
//!
//! Taggers normalise the level of each clip, which a SELD system that hears one chunk at a time cannot do. So the
//! level is fixed once: [`level`] finds the gain at which the training recordings peak where the tagger expects
//! it, and the gain belongs to the model.
//!
//! The tagger has a prefix, which makes the same of a recording in every epoch of every trial and so can be kept: the
//! frozen blocks before anything of the spatial path is heard. Where these are all, it ends with the averages over bands.

mod outlet;
mod stream;

use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use outlet::Outlet;
pub use stream::PriorStream;

use super::align::{self, Starts, TimeGrid};
use super::arch::{Architecture, BackboneConfig, Freeze, TaggerInput};
use super::meeting_place::meeting_places;
use super::signals::Signals;
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
    outlet: Outlet,
    gain: f64,
    /// Blocks of the prefix.
    prefix: usize,
}

/// What the prefix made of some sound.
#[derive(Debug)]
pub struct Heard {
    /// `[B, N, C, T, F]`, N signals.
    pub frames: Tensor,
    /// Centre of the first frame, from the beginning of the sound.
    pub starts: Starts,
}

impl Heard {
    /// The same for so many copies of one sound.
    pub fn repeated(self, count: i64) -> Self {
        if count == 1 {
            return self;
        }
        let starts = match self.starts {
            Starts::Each(starts) => Starts::Each(starts.repeat(count as usize)),
            all @ Starts::All(_) => all,
        };
        Self { frames: self.frames.repeat([count, 1, 1, 1, 1]), starts }
    }
}

/// The semantic path within the tagger.
pub(super) struct Semantic {
    /// `[B * N, C, T, F]`.
    pub(super) map: Tensor,
    /// Blocks it has been through.
    pub(super) block: usize,
    /// Where its frames begin.
    pub(super) starts: Starts,
}

impl std::fmt::Debug for Prior {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Prior");
        debug.field("tagger", &self.tagger.name()).field("input", &self.signals.input());
        debug.field("prefix", &self.prefix).field("gain", &self.gain).finish()
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

/// The first frame of a recording, as a tap has it, to be looked at from `begin_s` on, and its time from there.
pub fn first_frame(tap: &Tap, begin_s: f64) -> (i64, f64) {
    let first = ((begin_s - tap.first_s) / tap.hop_s).floor().max(0.0) as i64;
    (first, tap.first_s + first as f64 * tap.hop_s - begin_s)
}

/// Reads the tagger onto the device of `vs`, where the blocks that are not frozen become variables; `None` where the
/// architecture has no tagger.
///
/// # Errors
/// Its weights are not there or do not fit; it has not as many blocks as are to be frozen.
pub fn load_tagger(
    config: &BackboneConfig,
    vs: &VarStore,
) -> Result<Option<Box<dyn Tagger>>, backbone::Error> {
    if config.is_none() {
        return Ok(None);
    }
    let thaw = |frozen| Thaw { path: vs.root() / VARIABLES, frozen };
    let thaw = match config.freeze {
        Freeze::All => None,
        Freeze::None => Some(thaw(0)),
        Freeze::Blocks(frozen) => Some(thaw(frozen)),
    };
    backbone::load(&config.name, config.weights.as_deref(), vs.device(), thaw.as_ref()).map(Some)
}

impl Prior {
    /// Puts a tagger behind a resampler from `sample_rate` (Hz) and a fixed gain.
    ///
    /// # Errors
    /// Sample rates without a usable ratio.
    pub fn new(
        tagger: Box<dyn Tagger>,
        arch: &Architecture,
        sample_rate: u32,
        gain: f64,
        device: Device,
    ) -> Result<Self, ResampleError> {
        let resampler = Resampler::new(sample_rate, tagger.sample_rate(), device)?;
        let blocks = tagger.blocks();
        let meets = meeting_places(arch, blocks.count()).first().map_or(usize::MAX, |place| place.block);
        let prefix = blocks.frozen().min(meets);
        let signals = Signals::new(arch.backbone.input, device);
        let outlet = Outlet::new(&arch.backbone, blocks.last().bands, device);
        Ok(Self { tagger, resampler, signals, outlet, gain, prefix })
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
        self.outlet.width(self.signals.count(), self.tagger.blocks().last().channels)
    }

    /// Multiply-adds of the tagger per second of sound.
    pub fn macs_per_second(&self) -> f64 {
        self.signals.count() as f64 * self.tagger.blocks().network().macs_per_second()
    }

    /// Where the prefix ends.
    pub fn prefix_tap(&self) -> Tap {
        let tap = self.tagger.blocks().taps()[self.prefix];
        if self.is_all_prefix() { self.sequence_tap() } else { tap }
    }

    /// Where the tagger ends: groups of bands are averaged.
    pub fn sequence_tap(&self) -> Tap {
        Tap { bands: self.outlet.bands(), ..self.tagger.blocks().last() }
    }

    /// Blocks of the prefix.
    pub fn prefix_blocks(&self) -> usize {
        self.prefix
    }

    /// Whether nothing comes after the prefix.
    pub fn is_all_prefix(&self) -> bool {
        self.prefix == self.tagger.blocks().count()
    }

    /// Values that [`Prior::prefix_of`] gives for a second of sound.
    pub fn prefix_values_per_second(&self) -> f64 {
        let tap = self.prefix_tap();
        (self.signals.count() * tap.channels * tap.bands) as f64 / tap.hop_s
    }

    /// `[B, 4, S]` at the model's sample rate to what the prefix makes of it. Traceable.
    pub fn hear(&self, waveform: &Tensor) -> Heard {
        let frames = self.prefix_of_signals(&self.prepare(waveform));
        Heard { frames, starts: Starts::All(self.prefix_tap().first_s) }
    }

    /// What the blocks after the prefix begin with.
    pub(super) fn begin(&self, heard: &Heard) -> Semantic {
        Semantic { map: heard.frames.flatten(0, 1), block: self.prefix, starts: heard.starts.clone() }
    }

    /// Runs the blocks up to `block`, counted from the tagger's first. `train`: the batch norms of trained blocks follow
    /// the batch.
    pub(super) fn run_until(&self, semantic: &mut Semantic, block: usize, train: bool) {
        let (blocks, from) = (self.tagger.blocks(), semantic.block);
        let taps = blocks.taps();
        semantic.map = blocks.run(&semantic.map, from..block, train);
        semantic.starts = semantic.starts.later(taps[block].first_s - taps[from].first_s);
        semantic.block = block;
    }

    /// What the tagger says of what its prefix heard, at the times `[T]` in seconds: `[B, T, P]`. Traceable.
    pub fn say(&self, heard: &Heard, times_s: &Tensor) -> Tensor {
        self.finish(self.begin(heard), times_s, false)
    }

    /// Runs the rest, and brings what the tagger says to the times `[T]`: `[B, T, P]`.
    pub(super) fn finish(&self, mut semantic: Semantic, times_s: &Tensor, train: bool) -> Tensor {
        let averages = !self.is_all_prefix();
        self.run_until(&mut semantic, self.tagger.blocks().count(), train);
        let last = match averages {
            true => self.outlet.average(&semantic.map),
            false => semantic.map,
        };
        let rows = self.outlet.join(&last.unflatten(0, [-1, self.signals.count()]));
        let hop_s = self.sequence_tap().hop_s;
        let at = |x: &Tensor, first_s| align::at_times(x, TimeGrid { first_s, hop_s }, times_s);
        semantic.starts.map(&rows, at).transpose(1, 2).flatten(2, 3)
    }

    /// Frames of the prefix that give the rest of the tagger one frame.
    pub fn shortest_prefix(&self) -> i64 {
        self.sequence_tap().stride / self.prefix_tap().stride
    }

    /// Frames of the prefix that are looked at for so many seconds: one more at the beginning than lie in them, and as
    /// many at the end as the rest of the tagger makes one frame of.
    pub fn prefix_frames(&self, seconds: f64) -> i64 {
        (seconds / self.prefix_tap().hop_s).ceil() as i64 + 1 + self.shortest_prefix()
    }

    /// What lies in some seconds from `begin_s` on of the prefix of a whole recording, `[T, N, C, F]`; after its end the
    /// last frame is held.
    pub fn window(&self, recording: &Tensor, begin_s: f64, seconds: f64) -> Heard {
        let (first, first_s) = first_frame(&self.prefix_tap(), begin_s);
        let last = recording.size()[0] - 1;
        let frames = Tensor::arange(self.prefix_frames(seconds), (Kind::Int64, recording.device())) + first;
        let frames = recording.index_select(0, &frames.clamp_max(last));
        Heard { frames: frames.permute([1, 2, 0, 3]).unsqueeze(0), starts: Starts::All(first_s) }
    }

    /// Signals `[B * N, S']` at the tagger's rate: level, rate, and silence at the end, so that the shortest input still
    /// gives one frame.
    fn prepare(&self, waveform: &Tensor) -> Tensor {
        let signals = (self.signals.of(waveform) * self.gain).flatten(0, 1);
        self.resampler.forward(&signals).constant_pad_nd([0, self.tagger.shortest()])
    }

    fn prefix_of_signals(&self, signals: &Tensor) -> Tensor {
        let picture = self.tagger.picture(signals);
        let frames = self.tagger.blocks().run(&picture, 0..self.prefix, false);
        let frames = if self.is_all_prefix() { self.outlet.average(&frames) } else { frames };
        frames.unflatten(0, [-1, self.signals.count()])
    }

    /// The prefix of one recording of any length, in bounded memory: `[T, N, C, F]`.
    ///
    /// * `waveform`: W, Y, Z, X one after the other, at the model's sample rate.
    pub fn prefix_of(&self, waveform: &[f32], device: Device) -> Tensor {
        match self.signals.input() {
            TaggerInput::Omni => self.prefix_of_heard(&waveform[..waveform.len() / 4], device),
            _ => self.prefix_of_heard(waveform, device),
        }
    }

    /// [`Prior::prefix_of`] a recording of the channels that the tagger hears: W alone where it hears no more.
    pub fn prefix_of_heard(&self, waveform: &[f32], device: Device) -> Tensor {
        let channels = if self.signals.input() == TaggerInput::Omni { 1 } else { 4 };
        let frames = |signals: &Tensor| self.prefix_of_signals(signals).squeeze_dim(0).permute([2, 0, 1, 3]);
        self.in_pieces(waveform, channels, self.prefix_tap(), device, &frames)
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
