//! A detector that hears a recording piece by piece.

use tch::{Device, Kind, Tensor};

use super::stitch::Stitcher;
use super::turns::Turns;
use super::windows::{Layout, Window};
use crate::model::align::LABEL_FRAME_S;
use crate::model::decode::Prediction;
use crate::model::detector::Detector;
use crate::model::prior::PriorStream;
use crate::seld::event::FRAMES_PER_SECOND;

/// Hears one recording. Between calls it holds a window or two of sound, of the tagger's output and of tracks, however
/// long the recording is.
///
/// The tagger hears the whole recording, as in training. A window is run as soon as all that it needs is there, so what
/// is found does not depend on how the recording is cut into pieces.
#[derive(Debug)]
pub struct Listener<'a> {
    detector: &'a Detector,
    device: Device,
    layout: Layout,
    turns: Turns,
    /// None without a tagger.
    prior: Option<PriorStream<'a>>,
    stitcher: Stitcher,
    /// Of each channel, the samples from `first_sample` on.
    samples: [Vec<f32>; 4],
    first_sample: i64,
    /// Label frames that have been judged.
    covered: i64,
}

/// Label frames in seconds.
fn seconds(frames: i64) -> f64 {
    frames as f64 * LABEL_FRAME_S
}

impl<'a> Listener<'a> {
    /// At the beginning of a recording.
    pub fn new(detector: &'a Detector, layout: Layout, turns: Turns, device: Device) -> Self {
        Self {
            detector,
            device,
            layout,
            turns,
            prior: detector.prior().map(|prior| PriorStream::new(prior, device)),
            stitcher: Stitcher::default(),
            samples: Default::default(),
            first_sample: 0,
            covered: 0,
        }
    }

    /// The longest time, in seconds, from the beginning of a label frame until all that its tracks depend on has been
    /// heard: (until the window that judges it ends, what the tagger hears beyond that). At the beginning of a recording,
    /// where the first window has to fill, [`Layout::margin`] more.
    pub fn latency_s(&self) -> (f64, f64) {
        let window = (self.layout.length() - self.layout.margin()) as f64 * LABEL_FRAME_S;
        (window, self.prior.as_ref().map_or(0.0, PriorStream::look_ahead_s))
    }

    /// Takes the next samples of W, Y, Z, X, at the detector's sample rate and as many of each; `found` gets the label
    /// frames that can be judged now, in order.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn push(
        &mut self,
        planes: &[&[f32]; 4],
        found: &mut dyn FnMut(Prediction),
    ) -> Result<(), tch::TchError> {
        if let Some(prior) = &mut self.prior {
            prior.push(planes);
        }
        for (kept, plane) in self.samples.iter_mut().zip(planes) {
            kept.extend_from_slice(plane);
        }
        loop {
            let window = self.layout.next(self.covered);
            let end = window.first + window.frames;
            let frames = self.prior.as_ref().map(|prior| {
                let frames = prior.frames_for(seconds(window.first), seconds(window.frames));
                (frames, prior.samples_for(frames))
            });
            let needed = frames.map_or(0, |(_, samples)| samples).max(end * self.frame_samples());
            if self.received() < needed {
                return Ok(());
            }
            if let Some((prior, (frames, _))) = self.prior.as_mut().zip(frames) {
                prior.advance(frames);
            }
            found(self.judge(window)?);
            self.forget();
        }
    }

    /// The end of the recording: `found` gets the label frames that are left. A last one that is cut short counts. The
    /// listener must not be given more.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn finish(&mut self, found: &mut dyn FnMut(Prediction)) -> Result<(), tch::TchError> {
        let frames = (self.received() + self.frame_samples() - 1) / self.frame_samples();
        if frames == 0 {
            return Ok(());
        }
        if let Some(prior) = &mut self.prior {
            prior.finish();
        }
        // Silence follows what is too short.
        let total = frames.max(self.detector.shortest());
        while self.covered < frames {
            let before = self.covered;
            let mut judged = self.judge(self.layout.next_of(before, total))?;
            judged.truncate((frames - before) as usize);
            found(judged);
        }
        Ok(())
    }

    /// Samples in a label frame.
    fn frame_samples(&self) -> i64 {
        i64::from(self.detector.sample_rate()) / FRAMES_PER_SECOND as i64
    }

    /// Samples of the recording so far.
    fn received(&self) -> i64 {
        self.first_sample + self.samples[0].len() as i64
    }

    /// The tracks of the part of a window that counts.
    fn judge(&mut self, window: Window) -> Result<Prediction, tch::TchError> {
        let _guard = tch::no_grad_guard();
        let waveform = self.turns.waveform(&self.waveform(window)?, self.device);
        let heard = |prior: &PriorStream| prior.window(seconds(window.first), seconds(window.frames));
        // What the tagger hears is the same however the scene is turned.
        let heard = self.prior.as_ref().map(|prior| heard(prior).repeated(self.turns.count() as i64));
        let found = self.detector.detect(&self.detector.describe(&waveform), heard.as_ref());
        let values = |x: &Tensor| {
            Vec::<f32>::try_from(x.flatten(0, -1).to_kind(Kind::Float).to(Device::Cpu).contiguous())
        };
        let [_, _, tracks, classes] = <[i64; 4]>::try_from(found.activity.size())
            .map_err(|size| tch::TchError::Shape(format!("activity has shape {size:?}")))?;
        let turned = |index: i64| {
            Ok(Prediction {
                tracks: tracks as usize,
                classes: classes as usize,
                activity: values(&found.activity.get(index))?,
                direction: values(&found.direction.get(index))?,
                distance: found.distance.as_ref().map(|distance| values(&distance.get(index))).transpose()?,
            })
        };
        let whole = (0..self.turns.count() as i64).map(turned).collect::<Result<_, tch::TchError>>()?;
        let mut whole = self.stitcher.align(window.first, self.turns.merge(whole));
        whole.truncate((window.keep_from + window.keep) as usize);
        self.covered += window.keep;
        Ok(whole.without_first(window.keep_from as usize))
    }

    /// The sound of a window, `[1, 4, S]`; silence is after the end of the recording.
    fn waveform(&self, window: Window) -> Result<Tensor, tch::TchError> {
        let length = (window.frames * self.frame_samples()) as usize;
        let skip = (window.first * self.frame_samples() - self.first_sample) as usize;
        let mut all = vec![0f32; 4 * length];
        for (plane, out) in self.samples.iter().zip(all.chunks_exact_mut(length)) {
            let there = &plane[skip.min(plane.len())..];
            let count = there.len().min(length);
            out[..count].copy_from_slice(&there[..count]);
        }
        Ok(Tensor::f_from_slice(&all)?.f_view([1, 4, length as i64])?.to(self.device))
    }

    /// Gives back what no window to come needs. The last one may begin before the next one would, to be whole.
    fn forget(&mut self) {
        let first = (self.covered - self.layout.length()).max(0);
        if let Some(prior) = &mut self.prior {
            prior.forget_before(seconds(first));
        }
        let drop = (first * self.frame_samples() - self.first_sample).max(0);
        for plane in &mut self.samples {
            plane.drain(..drop as usize);
        }
        self.first_sample += drop;
    }
}
