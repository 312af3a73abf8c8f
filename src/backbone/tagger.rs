//! What a pretrained tagger is.

use tch::Tensor;

use super::Error;

/// An intermediate output of a tagger, as a sequence in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tap {
    /// Name of the layer.
    pub name: &'static str,
    /// Features per frame.
    pub channels: i64,
    /// Distance of frames in seconds.
    pub hop_s: f64,
    /// Time of the centre of frame 0 in seconds.
    pub first_s: f64,
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

/// A frozen pretrained audio tagger.
pub trait Tagger: std::fmt::Debug + Send {
    /// Name in the registry.
    fn name(&self) -> &'static str;

    /// Sample rate of the waveforms it takes, in Hz.
    fn sample_rate(&self) -> u32;

    /// Its sets of classes.
    fn heads(&self) -> Vec<Head>;

    /// Digest of the file of weights, in hexadecimal; for cache keys.
    fn weights_sha256(&self) -> &str;

    /// The layer that serves as semantic prior.
    fn sequence_tap(&self) -> Tap;

    /// Shortest waveform that gives [`Tagger::sequence`] one frame, in samples at the tagger's rate.
    fn shortest_sequence(&self) -> i64;

    /// The semantic prior: waveform `[B, S]` float32 at the tagger's rate to `[B, channels, T]`.
    ///
    /// Computed on the whole input in one go, not in the blocks of the authors' code, and at the level given:
    /// nothing is normalised, so that the prior of a time does not depend on what comes later. Survives tracing
    /// with other batches and lengths.
    fn sequence(&self, waveform: &Tensor) -> Tensor;

    /// The authors' embedding: waveform `[B, S]` to `[B, blocks, features]`, with their normalisation and blocks.
    fn embed(&self, waveform: &Tensor) -> Result<Tensor, Error>;

    /// The authors' logits, one tensor `[B, blocks, classes]` a head.
    fn logits(&self, waveform: &Tensor) -> Result<Vec<(Head, Tensor)>, Error>;
}
