//! The whole network, as a tagger.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::conv::{self, Block};
use super::frontend::{Frontend, HOP, SAMPLE_RATE};
use super::mobilenet;
use super::variant::{Family, Variant};
use crate::backbone::checkpoint::Checkpoint;
use crate::backbone::class_names;
use crate::backbone::error::Error;
use crate::backbone::tagger::{Head, Tagger, Tap};
use crate::backbone::weights::{Weights, sha256};

/// Classes of AudioSet.
const CLASSES: i64 = 527;

/// One of the networks with its weights.
#[derive(Debug)]
pub struct Panns {
    variant: Variant,
    sha256: String,
    classes: Vec<String>,
    frontend: Frontend,
    blocks: Vec<Block>,
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
    /// Reads the authors' checkpoint, or the same tensors in any other layout, onto `device`.
    ///
    /// The front-end's tensors may be missing: they are computed then.
    ///
    /// # Errors
    /// If the file cannot be read, or holds other tensors than the network has: all of them are named.
    pub fn load(variant: &Variant, path: &Path, device: Device) -> Result<Self, Error> {
        let checkpoint = Checkpoint::read(path)?;
        let sha256 = sha256(path)?;
        let mut weights = Weights::new(checkpoint.tensors, device);
        let frontend = Frontend::load(&mut weights, device)?;
        let blocks = match variant.family {
            Family::Cnn { .. } => conv::blocks(&mut weights, variant),
            Family::MobileNet => mobilenet::blocks(&mut weights),
        };
        let fc1 = Linear::load(&mut weights, "fc1", variant.channels(), variant.embedding);
        let fc_audioset = Linear::load(&mut weights, "fc_audioset", variant.embedding, CLASSES);
        let problems = weights.finish();
        if !problems.is_empty() {
            return Err(Error::Mismatch { name: variant.name, path: path.to_owned(), problems });
        }
        let classes = class_names::beside(path, CLASSES as usize)?;
        Ok(Self { variant: *variant, sha256, classes, frontend, blocks, fc1, fc_audioset })
    }

    /// Which network it is.
    pub fn variant(&self) -> &Variant {
        &self.variant
    }

    /// Waveform `[B, S]` at 32 kHz, of more than 512 samples, to the log-mel spectrogram in dB `[B, T, 64]`,
    /// T = floor(S / 320) + 1.
    pub fn log_mel(&self, waveform: &Tensor) -> Tensor {
        self.frontend.log_mel(waveform)
    }

    /// Log-mel spectrogram in dB `[B, T, 64]` to what the first block is given, `[B, 1, T, 64]`.
    pub fn normalised(&self, log_mel: &Tensor) -> Tensor {
        self.frontend.normalise(log_mel)
    }

    /// Log-mel spectrogram in dB `[B, T, 64]` to the output of every block, after pooling:
    /// `[B, C, floor(T / n), floor(64 / n)]` with the n of the block, a power of two.
    pub fn block_outputs(&self, log_mel: &Tensor) -> Vec<Tensor> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let input = outputs.last().map_or_else(|| self.normalised(log_mel), Tensor::shallow_clone);
            outputs.push(block.forward(&input));
        }
        outputs
    }

    /// Distance of the frames of every block's output, and time of the centre of frame 0: both in seconds.
    pub fn block_times_s(&self) -> Vec<(f64, f64)> {
        let frame_s = HOP as f64 / f64::from(SAMPLE_RATE);
        let mut pooled = 1;
        let time = |block: &Block| {
            pooled *= if block.halves() { 2 } else { 1 };
            // Spectrogram frame t is centred on t hops; a pooled frame stands for so many of them.
            (f64::from(pooled) * frame_s, f64::from(pooled - 1) / 2.0 * frame_s)
        };
        self.blocks.iter().map(time).collect()
    }

    /// Spectrogram frames that one frame of the last block stands for.
    fn pooled(&self) -> i64 {
        1 << self.blocks.iter().filter(|block| block.halves()).count()
    }

    /// Log-mel spectrogram in dB `[B, T, 64]` to the last block averaged over frequency, `[B, C, floor(T / n)]`.
    fn features(&self, log_mel: &Tensor) -> Tensor {
        let mut x = self.normalised(log_mel);
        for block in &self.blocks {
            x = block.forward(&x);
        }
        x.mean_dim([-1].as_slice(), false, Kind::Float)
    }

    /// Of a waveform `[B, S]` the authors' embedding `[B, E]`. One too short for a single frame of the last block is
    /// continued by silence.
    fn embedding(&self, waveform: &Tensor) -> Result<Tensor, Error> {
        let got = waveform.size();
        if got.len() != 2 || got[1] < 1 {
            return Err(Error::Shape { got });
        }
        let missing = (self.shortest_sequence() - got[1]).max(0);
        let waveform = waveform.f_constant_pad_nd([0, missing])?;
        let features = self.features(&self.log_mel(&waveform));
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

    fn sequence_tap(&self) -> Tap {
        let (hop_s, first_s) = self.block_times_s().pop().unwrap_or_default();
        let name = self.variant.blocks.last().copied().unwrap_or_default();
        Tap { name, channels: self.variant.channels(), hop_s, first_s }
    }

    fn shortest_sequence(&self) -> i64 {
        (self.pooled() - 1) * HOP
    }

    fn sequence(&self, waveform: &Tensor) -> Tensor {
        tch::no_grad(|| self.features(&self.log_mel(waveform)))
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
