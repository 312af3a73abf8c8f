//! Sound in, events out, of recordings of any length and rate.

use tch::{Device, TchError};

use super::listener::Listener;
use super::turns::Turns;
use super::windows::Layout;
use crate::audio::StreamResampler;
use crate::model::align::LABEL_FRAME_S;
use crate::model::decode::{Decoder, Detected, Prediction, Rules};
use crate::model::detector::Detector;

/// A recording that is heard, from its samples to its events. Between calls it holds a window or two, however long the
/// recording is; what it finds does not depend on the pieces that the recording comes in.
#[derive(Debug)]
pub struct EventStream<'a> {
    resampler: StreamResampler,
    listener: Listener<'a>,
    events: Events,
}

/// The longest time from the beginning of a label frame until its events are decided, in seconds of sound. What computing
/// takes is not in it, nor that the first window of a recording has to fill.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Latency {
    /// Blocks of the change of the sample rate; 0 at the network's own rate.
    pub resampling_s: f64,
    /// Until the window that judges the frame is over.
    pub window_s: f64,
    /// What the tagger hears after it.
    pub tagger_s: f64,
    /// Half the median filter, and the least duration.
    pub decoding_s: f64,
}

impl Latency {
    /// All together.
    pub fn total_s(self) -> f64 {
        self.resampling_s + self.window_s + self.tagger_s + self.decoding_s
    }
}

impl<'a> EventStream<'a> {
    /// At the beginning of a recording of four channels at `sample_rate` (Hz, above 0).
    pub fn new(
        detector: &'a Detector,
        rules: &Rules,
        layout: Layout,
        turns: Turns,
        sample_rate: u32,
        device: Device,
    ) -> Self {
        Self {
            resampler: StreamResampler::new(sample_rate, detector.sample_rate(), 4),
            listener: Listener::new(detector, layout, turns, device),
            events: Events { rules: rules.clone(), decoder: None },
        }
    }

    /// How late events are.
    pub fn latency(&self) -> Latency {
        let (window_s, tagger_s) = self.listener.latency_s();
        Latency {
            resampling_s: self.resampler.latency_s(),
            window_s,
            tagger_s,
            decoding_s: self.events.rules.delay_frames() as f64 * LABEL_FRAME_S,
        }
    }

    /// Takes the next samples of W, Y, Z, X, as many of each; `out` gets the events that are decided, in order of time.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn push(&mut self, planes: &[Vec<f32>], out: &mut Vec<Detected>) -> Result<(), TchError> {
        let resampled = self.resampler.push(planes);
        self.hear(&resampled, out)
    }

    /// The end of the recording: `out` gets the events that are left. The stream must not be given more.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn finish(&mut self, out: &mut Vec<Detected>) -> Result<(), TchError> {
        let rest = self.resampler.finish();
        self.hear(&rest, out)?;
        self.listener.finish(&mut |found| self.events.take(&found, out))?;
        self.events.finish(out);
        Ok(())
    }

    fn hear(&mut self, planes: &[Vec<f32>], out: &mut Vec<Detected>) -> Result<(), TchError> {
        let [w, y, z, x] = planes else {
            return Err(TchError::Shape(format!("{} channels where 4 are expected", planes.len())));
        };
        self.listener.push(&[w, y, z, x], &mut |found| self.events.take(&found, out))
    }
}

/// The decoder, once it is known how many tracks there are.
#[derive(Debug)]
struct Events {
    rules: Rules,
    decoder: Option<Decoder>,
}

impl Events {
    fn take(&mut self, found: &Prediction, out: &mut Vec<Detected>) {
        let decoder = self.decoder.get_or_insert_with(|| Decoder::new(&self.rules, found.tracks));
        found.rows().for_each(|row| decoder.push(row, out));
    }

    fn finish(&mut self, out: &mut Vec<Detected>) {
        if let Some(decoder) = &mut self.decoder {
            decoder.finish(out);
        }
    }
}
