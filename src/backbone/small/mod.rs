//! A small tagger to be trained on one's own sounds: depthwise separable convolutions (A. G. Howard et al., "MobileNets",
//! arXiv 1704.04861) at 24 kHz, the rate of the SELD datasets.
//!
//! Time is halved three times only, so that a frame of the last block stands for 0.16 s. Any number of classes: the
//! file's head decides. Files are written by [`pretrain`](crate::train::pretrain); class names stand beside the weights,
//! one a line: `mine_classes.txt` for `mine.safetensors`.

mod front_end;
mod initial;
mod network;
mod trunk;

use std::path::{Path, PathBuf};

use tch::{Device, Tensor};

use super::blocks::{Blocks, Thaw};
use super::checkpoint::Checkpoint;
use super::class_names;
use super::error::Error;
use super::tagger::{Activation, Head, Tagger};
use super::weights::{Weights, sha256};

pub use front_end::{HOP, LogMel, SAMPLE_RATE};
pub use network::{EMBEDDING, network};
pub use trunk::Trunk;

const NAME: &str = "small";
/// Shortest sound that is embedded, in samples: 2 s, as long as those it was trained on. Shorter ones are continued by
/// silence.
pub const SHORTEST: i64 = 2 * SAMPLE_RATE as i64;
/// Name in a file of the head's weights, `[K, 512]`.
pub const HEAD_WEIGHT: &str = "classifier.weight";
/// Name in a file of the head's biases, `[K]`.
pub const HEAD_BIAS: &str = "classifier.bias";

/// The network with its weights.
#[derive(Debug)]
pub struct Small {
    sha256: String,
    classes: Vec<String>,
    trunk: Trunk,
    weight: Tensor,
    bias: Tensor,
}

impl Small {
    /// Reads weights and the class names beside them; blocks that `thaw` names become variables.
    ///
    /// # Errors
    /// A file cannot be read, or holds other tensors than the network has: all of them are named.
    pub fn load(path: &Path, device: Device, thaw: Option<&Thaw>) -> Result<Self, Error> {
        let checkpoint = Checkpoint::read(path)?;
        let head = checkpoint.tensors.get(HEAD_WEIGHT).map(Tensor::size);
        let classes = head.and_then(|size| size.first().copied()).unwrap_or(1);
        let mut weights = Weights::new(checkpoint.tensors, device);
        let trunk = Trunk::take(&mut weights, device, thaw)?;
        let weight = weights.take(HEAD_WEIGHT, &[classes, EMBEDDING]);
        let bias = weights.take(HEAD_BIAS, &[classes]);
        let (weight, bias) = (weights.place(&weight), weights.place(&bias));
        let problems = weights.finish();
        if !problems.is_empty() {
            return Err(Error::Mismatch { name: NAME, path: path.to_owned(), problems });
        }
        Ok(Self {
            sha256: sha256(path)?,
            classes: class_names::beside(path, classes as usize)?,
            trunk,
            weight,
            bias,
        })
    }

    fn head(&self) -> Head {
        Head { name: "events", classes: self.classes.clone(), activation: Activation::Sigmoid }
    }
}

impl Tagger for Small {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn heads(&self) -> Vec<Head> {
        vec![self.head()]
    }

    fn weights_sha256(&self) -> &str {
        &self.sha256
    }

    fn blocks(&self) -> &Blocks {
        self.trunk.blocks()
    }

    fn picture(&self, waveform: &Tensor) -> Tensor {
        self.trunk.picture(waveform)
    }

    fn shortest(&self) -> i64 {
        (self.blocks().last().stride - 1) * HOP
    }

    /// Of the whole waveform, as one patch.
    fn embed(&self, waveform: &Tensor) -> Result<Tensor, Error> {
        let got = waveform.size();
        if got.len() != 2 || got[1] < 1 {
            return Err(Error::Shape { got });
        }
        let filled = waveform.f_constant_pad_nd([0, (SHORTEST - got[1]).max(0)])?;
        Ok(tch::no_grad(|| self.trunk.embedding(&self.picture(&filled), false)).unsqueeze(1))
    }

    fn logits(&self, waveform: &Tensor) -> Result<Vec<(Head, Tensor)>, Error> {
        let embedding = self.embed(waveform)?;
        let logits = tch::no_grad(|| embedding.linear(&self.weight, Some(&self.bias)));
        Ok(vec![(self.head(), logits)])
    }
}

/// Where the class names of a file of weights are written: `mine_classes.txt` for `mine.safetensors`.
pub fn classes_file(weights: &Path) -> PathBuf {
    class_names::path_beside(weights, "txt")
}

#[cfg(test)]
mod tests;
