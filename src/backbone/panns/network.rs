//! The whole network, as a tagger.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::front_end::{FrontEnd, HOP, SAMPLE_RATE};
use super::variant::Variant;
use crate::backbone::blocks::{Blocks, Thaw};
use crate::backbone::checkpoint::Checkpoint;
use crate::backbone::class_names;
use crate::backbone::error::Error;
use crate::backbone::tagger::{Head, Tagger};
use crate::backbone::weights::{Weights, sha256};

/// Classes of AudioSet.
pub(super) const CLASSES: i64 = 527;

/// One of the networks with its weights.
#[derive(Debug)]
pub struct Panns {
    variant: Variant,
    sha256: String,
    classes: Vec<String>,
    front_end: FrontEnd,
    blocks: Blocks,
    fc1: Linear,
    fc_audioset: Linear,
}

#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn load(weights: &mut Weights, name: &str, input: i64, output: i64) -> Self {
        let weight = weights.take(&format!("{name}.weight"), &[output, input]);
        let bias = weights.take(&format!("{name}.bias"), &[output]);
        Self { weight: weights.place(&weight), bias: weights.place(&bias) }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&self.bias))
    }
}

impl Panns {
    /// Reads the authors' checkpoint, or the same tensors in any other layout, onto `device`; blocks that `thaw` names
    /// become variables.
    ///
    /// The front-end's tensors may be missing: they are computed then.
    ///
    /// # Errors
    /// If the file cannot be read, or holds other tensors than the network has: all of them are named.
    pub fn load(variant: &Variant, path: &Path, device: Device, thaw: Option<&Thaw>) -> Result<Self, Error> {
        let checkpoint = Checkpoint::read(path)?;
        let sha256 = sha256(path)?;
        let mut weights = Weights::new(checkpoint.tensors, device);
        let front_end = FrontEnd::load(&mut weights, device)?;
        let blocks = Blocks::load(variant.network(), &mut weights, thaw)?;
        let fc1 = Linear::load(&mut weights, "fc1", variant.channels(), variant.embedding);
        let fc_audioset = Linear::load(&mut weights, "fc_audioset", variant.embedding, CLASSES);
        let problems = weights.finish();
        if !problems.is_empty() {
            return Err(Error::Mismatch { name: variant.name, path: path.to_owned(), problems });
        }
        let classes = class_names::beside(path, CLASSES as usize)?;
        Ok(Self { variant: *variant, sha256, classes, front_end, blocks, fc1, fc_audioset })
    }

    /// Which network it is.
    pub fn variant(&self) -> &Variant {
        &self.variant
    }

    /// Waveform `[B, S]` at 32 kHz, of more than 512 samples, to the log-mel spectrogram in dB `[B, T, 64]`,
    /// T = floor(S / 320) + 1.
    pub fn log_mel(&self, waveform: &Tensor) -> Tensor {
        self.front_end.log_mel(waveform)
    }

    /// Log-mel spectrogram in dB `[B, T, 64]` to what the first block is given, `[B, 1, T, 64]`.
    pub fn normalised(&self, log_mel: &Tensor) -> Tensor {
        self.front_end.normalise(log_mel)
    }

    /// Log-mel spectrogram in dB `[B, T, 64]` to the output of every block, after pooling:
    /// `[B, C, floor(T / n), floor(64 / n)]` with the n of the block, a power of two.
    pub fn block_outputs(&self, log_mel: &Tensor) -> Vec<Tensor> {
        self.blocks.outputs(&self.normalised(log_mel))
    }

    /// Of a waveform `[B, S]` the authors' embedding `[B, E]`. One too short for a single frame of the last block is
    /// continued by silence.
    fn embedding(&self, waveform: &Tensor) -> Result<Tensor, Error> {
        let got = waveform.size();
        if got.len() != 2 || got[1] < 1 {
            return Err(Error::Shape { got });
        }
        let missing = (self.shortest() - got[1]).max(0);
        let waveform = waveform.f_constant_pad_nd([0, missing])?;
        let features = self.sequence(&waveform);
        let (strongest, _) = features.max_dim(2, false);
        let pooled = strongest + features.mean_dim([2].as_slice(), false, Kind::Float);
        Ok(self.fc1.forward(&pooled).relu())
    }
}

impl Tagger for Panns {
    fn name(&self) -> &'static str {
        self.variant.name
    }

    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn heads(&self) -> Vec<Head> {
        let classes = self.classes.clone();
        vec![Head { name: "audioset", classes, activation: self.variant.activation }]
    }

    fn weights_sha256(&self) -> &str {
        &self.sha256
    }

    fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    fn picture(&self, waveform: &Tensor) -> Tensor {
        self.normalised(&self.log_mel(waveform))
    }

    fn shortest(&self) -> i64 {
        (self.blocks.last().stride - 1) * HOP
    }

    fn embed(&self, waveform: &Tensor) -> Result<Tensor, Error> {
        Ok(tch::no_grad(|| self.embedding(waveform))?.unsqueeze(1))
    }

    fn logits(&self, waveform: &Tensor) -> Result<Vec<(Head, Tensor)>, Error> {
        let embedding = self.embed(waveform)?;
        let logits = tch::no_grad(|| self.fc_audioset.forward(&embedding));
        Ok(self.heads().into_iter().zip([logits]).collect())
    }
}
