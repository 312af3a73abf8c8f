//! What the tagger's prefix makes of a recording while it is being heard.

use tch::{Device, Kind, Tensor};

use super::{Heard, Prior, first_frame};
use crate::backbone::Tap;
use crate::model::align::{LABEL_FRAME_S, Starts};
use crate::model::arch::TaggerInput;

/// More than half a window of any tagger's front-end, in seconds.
const HALF_WINDOW_S: f64 = 0.05;

/// What the tagger's prefix makes of a recording that comes in pieces, frame by frame of [`Prior::prefix_tap`].
///
/// Frames are computed from as much sound on both sides as they depend on, so that they do not depend on where pieces lie,
/// but for rounding. Sound and frames that are of no more use are given back.
#[derive(Debug)]
pub struct PriorStream<'a> {
    prior: &'a Prior,
    device: Device,
    tap: Tap,
    /// Samples from frame to frame, at the tagger's rate.
    frame_samples: i64,
    /// Frames on both sides of a piece that it depends on.
    context: i64,
    /// Of each channel that is heard, the samples from `first_sample` on, at the model's rate.
    samples: Vec<Vec<f32>>,
    first_sample: i64,
    /// `[n, N, C, F]`: the frames from `first_frame` on.
    frames: Option<Tensor>,
    first_frame: i64,
    /// Frames that have been computed.
    computed: i64,
}

impl<'a> PriorStream<'a> {
    /// At the beginning of a recording.
    pub fn new(prior: &'a Prior, device: Device) -> Self {
        let tap = prior.prefix_tap();
        let reach_s = prior.tagger().blocks().network().reach_s() + HALF_WINDOW_S;
        let channels = if prior.signals().input() == TaggerInput::Omni { 1 } else { 4 };
        Self {
            prior,
            device,
            tap,
            frame_samples: (tap.hop_s * f64::from(prior.tagger().sample_rate())).round() as i64,
            context: (reach_s / tap.hop_s).ceil() as i64,
            samples: vec![Vec::new(); channels],
            first_sample: 0,
            frames: None,
            first_frame: 0,
            computed: 0,
        }
    }

    /// Takes the next samples of W, Y, Z, X, at the model's rate.
    pub fn push(&mut self, planes: &[&[f32]; 4]) {
        for (kept, plane) in self.samples.iter_mut().zip(planes) {
            kept.extend_from_slice(plane);
        }
    }

    /// Frames needed before [`PriorStream::window`] can be asked for some seconds, which end with a label frame.
    pub fn frames_for(&self, begin_s: f64, seconds: f64) -> i64 {
        if self.prior.is_all_prefix() {
            // Those on both sides of the centre of the last label frame.
            let last_s = begin_s + seconds - LABEL_FRAME_S / 2.0;
            return (((last_s - self.tap.first_s) / self.tap.hop_s).floor() as i64 + 2).max(1);
        }
        first_frame(&self.tap, begin_s).0 + self.prior.prefix_frames(seconds)
    }

    /// Samples of the recording, at the model's rate, that must have been pushed before so many frames can be computed.
    pub fn samples_for(&self, frames: i64) -> i64 {
        self.inputs((frames + self.context) * self.frame_samples).1
    }

    /// The longest time, in seconds, from the end of a window to the last sound that [`PriorStream::window`] needs for it.
    pub fn look_ahead_s(&self) -> f64 {
        // The frame after the last moment ends at most two hops after it, less what its centre is late; what comes after
        // the prefix looks at some more.
        let after = if self.prior.is_all_prefix() { 2 } else { 2 + self.prior.shortest_prefix() };
        let frames_s = (self.context + after) as f64 * self.tap.hop_s - self.tap.first_s;
        let (from, _) = self.prior.resampler.ratio();
        let rate = f64::from(self.prior.tagger().sample_rate()) * from as f64
            / self.prior.resampler.ratio().1 as f64;
        frames_s + (self.prior.resampler.reach() + from) as f64 / rate
    }

    /// Computes frames up to `frames`, which [`PriorStream::samples_for`] says can be computed.
    pub fn advance(&mut self, frames: i64) {
        if frames > self.computed {
            let end = (frames + self.context) * self.frame_samples;
            self.compute(frames, end, 0);
        }
    }

    /// Computes the frames up to the end of the recording, after which is silence.
    pub fn finish(&mut self) {
        let received = self.first_sample + self.samples[0].len() as i64;
        let end = self.prior.resampler.output_len(received);
        let silence = self.prior.tagger().shortest();
        // More than there can be: what there is, is kept.
        let frames = (end + silence) / self.frame_samples + 1;
        if end + silence > self.computed * self.frame_samples {
            self.compute(frames, end, silence);
        }
    }

    /// What was made of some seconds from `begin_s` on; the last frame is held after the end.
    ///
    /// # Panics
    /// Nothing has been computed, or what is asked for was dropped: a bug of the caller.
    pub fn window(&self, begin_s: f64, seconds: f64) -> Heard {
        let kept = self.frames.as_ref().expect("this is a bug: the tagger has not heard anything");
        let (first, first_s) = first_frame(&self.tap, begin_s);
        assert!(first >= self.first_frame, "this is a bug: what the tagger heard was dropped");
        let places = Tensor::arange(self.prior.prefix_frames(seconds), (Kind::Int64, kept.device()));
        let places = (places + (first - self.first_frame)).clamp_max(kept.size()[0] - 1);
        let frames = kept.index_select(0, &places).permute([1, 2, 0, 3]).unsqueeze(0);
        Heard { frames, starts: Starts::All(first_s) }
    }

    /// Gives back what times before this one need, in seconds from the beginning.
    pub fn forget_before(&mut self, time_s: f64) {
        let keep = (((time_s - self.tap.first_s) / self.tap.hop_s).floor() as i64 - 1).min(self.computed - 1);
        let Some(frames) = &self.frames else { return };
        if keep > self.first_frame {
            let drop = keep - self.first_frame;
            self.frames = Some(frames.narrow(0, drop, frames.size()[0] - drop).copy());
            self.first_frame = keep;
        }
    }

    /// Input samples `[begin, end)` that the signals at the tagger's rate need around `sample`: those before it begin at
    /// the first, those up to it end at the second.
    fn inputs(&self, sample: i64) -> (i64, i64) {
        let (from, to) = self.prior.resampler.ratio();
        let reach = self.prior.resampler.reach();
        let begin = sample.div_euclid(to) * from - reach.div_euclid(from) * from - from;
        (begin.max(0), (sample + to - 1).div_euclid(to) * from + reach)
    }

    /// Runs the tagger from the first frame that is not computed on, over signals up to sample `end` at the tagger's rate
    /// and some silence, and keeps its frames up to `frames`, or as many as there are.
    fn compute(&mut self, frames: i64, end: i64, silence: i64) {
        let _guard = tch::no_grad_guard();
        let begin_frame = (self.computed - self.context).max(0);
        let begin = begin_frame * self.frame_samples;
        let signals = self.signals(begin, end).constant_pad_nd([0, silence]);
        let heard = self.prior.prefix_of_signals(&signals).squeeze_dim(0).permute([2, 0, 1, 3]);
        let skip = self.computed - begin_frame;
        let keep = (heard.size()[0] - skip).min(frames - self.computed);
        if keep > 0 {
            let new = heard.narrow(0, skip, keep);
            self.frames = Some(match &self.frames {
                Some(old) => Tensor::cat(&[old, &new], 0),
                None => new.copy(),
            });
            self.computed += keep;
        }
        let needed = self.inputs((self.computed - self.context).max(0) * self.frame_samples).0;
        let drop = (needed - self.first_sample).clamp(0, self.samples[0].len() as i64);
        for plane in &mut self.samples {
            plane.drain(..drop as usize);
        }
        self.first_sample += drop;
    }

    /// Signals `[N, end - begin]` at the tagger's rate, which is what [`Prior::prepare`] makes of the whole recording
    /// there; silence is before its beginning and after its end.
    fn signals(&self, begin: i64, end: i64) -> Tensor {
        let (from, to) = self.prior.resampler.ratio();
        let (first, last) = (self.inputs(begin).0, self.inputs(end).1);
        let length = (last - first).max(0) as usize;
        let skip = (first - self.first_sample) as usize;
        let mut input = vec![0f32; self.samples.len() * length];
        for (plane, out) in self.samples.iter().zip(input.chunks_exact_mut(length.max(1))) {
            let there = &plane[skip.min(plane.len())..];
            let count = there.len().min(length);
            out[..count].copy_from_slice(&there[..count]);
        }
        let waveform = Tensor::from_slice(&input).view([1, self.samples.len() as i64, length as i64]);
        let signals = (self.prior.signals.of(&waveform.to(self.device)) * self.prior.gain).flatten(0, 1);
        let resampled = self.prior.resampler.forward(&signals);
        resampled.narrow(1, begin - first / from * to, end - begin)
    }
}
