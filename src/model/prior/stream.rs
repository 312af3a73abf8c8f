//! The tagger's output while a recording is being heard.

use tch::{Device, Tensor};

use super::Prior;
use crate::backbone::Tap;
use crate::model::align;
use crate::model::arch::TaggerInput;

/// More than half a window of any tagger's front-end, in seconds.
const HALF_WINDOW_S: f64 = 0.05;

/// What the tagger makes of a recording that comes in pieces, frame by frame of [`Prior::sequence_tap`].
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
    /// `[P, n]`: the frames from `first_frame` on.
    sequence: Option<Tensor>,
    first_frame: i64,
    /// Frames that have been computed.
    computed: i64,
}

impl<'a> PriorStream<'a> {
    /// At the beginning of a recording.
    pub fn new(prior: &'a Prior, device: Device) -> Self {
        let tap = prior.sequence_tap();
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
            sequence: None,
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

    /// Frames needed for [`PriorStream::at`] to know the tagger's output at a time, in seconds from the beginning.
    pub fn frames_until(&self, time_s: f64) -> i64 {
        (((time_s - self.tap.first_s) / self.tap.hop_s).floor() as i64 + 2).max(1)
    }

    /// Samples of the recording, at the model's rate, that must have been pushed before so many frames can be computed.
    pub fn samples_for(&self, frames: i64) -> i64 {
        self.inputs((frames + self.context) * self.frame_samples).1
    }

    /// The longest time, in seconds, from a moment to the last sound that [`PriorStream::at`] needs for it.
    pub fn look_ahead_s(&self) -> f64 {
        // The frame after the moment ends at most two hops after it, less what its centre is late.
        let frames_s = (self.context + 2) as f64 * self.tap.hop_s - self.tap.first_s;
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

    /// The tagger's output `[1, T, P]` at times in seconds from `begin_s`, `[T]`; the last frame is held after the end.
    ///
    /// # Panics
    /// Nothing has been computed, or what is asked for was dropped: a bug of the caller.
    pub fn at(&self, begin_s: f64, times_s: &Tensor) -> Tensor {
        let sequence = self.sequence.as_ref().expect("this is a bug: the tagger has not heard anything");
        let from = ((begin_s - self.tap.first_s) / self.tap.hop_s).floor() as i64;
        assert!(from.max(0) >= self.first_frame, "this is a bug: the tagger's output was dropped");
        let first_s = self.tap.first_s + self.first_frame as f64 * self.tap.hop_s - begin_s;
        align::interpolate(&sequence.unsqueeze(0), first_s, self.tap.hop_s, times_s)
    }

    /// Gives back what times before this one need, in seconds from the beginning.
    pub fn forget_before(&mut self, time_s: f64) {
        let keep = (((time_s - self.tap.first_s) / self.tap.hop_s).floor() as i64 - 1).min(self.computed - 1);
        let Some(sequence) = &self.sequence else { return };
        if keep > self.first_frame {
            let drop = keep - self.first_frame;
            self.sequence = Some(sequence.narrow(1, drop, sequence.size()[1] - drop).copy());
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
        let sequence = self.prior.suffix(&self.prior.prefix_of_signals(&signals), false).squeeze_dim(0);
        let skip = self.computed - begin_frame;
        let keep = (sequence.size()[1] - skip).min(frames - self.computed);
        if keep > 0 {
            let new = sequence.narrow(1, skip, keep);
            self.sequence = Some(match &self.sequence {
                Some(old) => Tensor::cat(&[old, &new], 1),
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
