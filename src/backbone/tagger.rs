//! What a pretrained tagger is.

use tch::Tensor;

use super::Error;
use super::blocks::Blocks;

/// An intermediate output of a tagger: `[B, channels, frames, bands]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tap {
    /// Name of the block.
    pub name: &'static str,
    /// Features of a frame and band.
    pub channels: i64,
    /// Bands of a frame.
    pub bands: i64,
    /// Distance of frames in seconds.
    pub hop_s: f64,
    /// Time of the centre of frame 0 in seconds.
    pub first_s: f64,
    /// Frames of the front-end's picture from frame to frame.
    pub stride: i64,
    /// Lower edge of the lowest and upper edge of the highest band in Hz; bands are evenly spaced in mel between them.
    pub range_hz: [f64; 2],
}

impl Tap {
    /// A log-mel spectrogram, whose frame 0 is centred on this sample.
    pub(super) const fn log_mel(
        bands: i64,
        hop_samples: i64,
        sample_rate: u32,
        first_sample: i64,
        range_hz: [f64; 2],
    ) -> Self {
        let rate = sample_rate as f64;
        let (hop_s, first_s) = (hop_samples as f64 / rate, first_sample as f64 / rate);
        Self { name: "log_mel", channels: 1, bands, hop_s, first_s, stride: 1, range_hz }
    }

    /// Centres of its bands in Hz.
    pub fn centres_hz(&self) -> Vec<f64> {
        let [low, high] = self.range_hz.map(hz_to_mel);
        let mel = |band: i64| low + (high - low) * (band as f64 + 0.5) / self.bands as f64;
        (0..self.bands).map(|band| mel_to_hz(mel(band))).collect()
    }
}

/// The mel scale of O'Shaughnessy (Speech Communication: Human and Machine, 1987), as HTK has it.
fn hz_to_mel(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

fn mel_to_hz(mel: f64) -> f64 {
    700.0 * (10f64.powf(mel / 2595.0) - 1.0)
}

/// How the logits of a head become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// One class at a time.
    Softmax,
    /// Any number of classes at a time.
    Sigmoid,
}

/// A set of classes that a tagger tells apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Name of the set.
    pub name: &'static str,
    /// Name of each class, in the order of the logits.
    pub classes: Vec<String>,
    /// How its logits become probabilities.
    pub activation: Activation,
}

impl Activation {
    /// Logits to probabilities along the last axis.
    pub fn apply(self, logits: &Tensor) -> Tensor {
        match self {
            Self::Softmax => logits.softmax(-1, logits.kind()),
            Self::Sigmoid => logits.sigmoid(),
        }
    }
}

/// A pretrained audio tagger: a front-end that makes a picture of the sound, blocks of convolutions, and heads.
pub trait Tagger: std::fmt::Debug + Send {
    /// Name of the network.
    fn name(&self) -> &'static str;

    /// Sample rate of the waveforms it takes, in Hz.
    fn sample_rate(&self) -> u32;

    /// Its sets of classes.
    fn heads(&self) -> Vec<Head>;

    /// Digest of the file of weights, in hexadecimal; for cache keys.
    fn weights_sha256(&self) -> &str;

    /// Its blocks, with their taps.
    fn blocks(&self) -> &Blocks;

    /// Waveform `[B, S]` float32 at the tagger's rate to the picture that the first block is given, `[B, 1, T, F]`.
    ///
    /// Of the whole input in one go, not of the patches of the authors' code, and at the level given: nothing is
    /// normalised, so that what is heard at a time does not depend on what comes later. Survives tracing with other
    /// batches and lengths. A waveform with all signs changed gives the same picture.
    fn picture(&self, waveform: &Tensor) -> Tensor;

    /// Shortest waveform whose picture gives every block a frame, in samples at the tagger's rate.
    fn shortest(&self) -> i64;

    /// The semantic prior: waveform `[B, S]` float32 at the tagger's rate to the last block averaged over bands,
    /// `[B, channels, T]`.
    fn sequence(&self, waveform: &Tensor) -> Tensor {
        self.blocks().sequence(&self.picture(waveform))
    }

    /// The authors' embedding: waveform `[B, S]` to `[B, patches, features]`, with their normalisation and patches.
    fn embed(&self, waveform: &Tensor) -> Result<Tensor, Error>;

    /// The authors' logits, one tensor `[B, patches, classes]` a head.
    fn logits(&self, waveform: &Tensor) -> Result<Vec<(Head, Tensor)>, Error>;
}
