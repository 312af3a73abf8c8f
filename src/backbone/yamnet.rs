//! YAMNet: a MobileNet for AudioSet (M. Plakal and D. Ellis, tensorflow/models, research/audioset/yamnet, Apache-2.0;
//! architecture: Howard et al., "MobileNets", arXiv 1704.04861).
//!
//! Two layouts of its weights are read: batch norms folded into the convolutions (`layer1.conv.weight`), and those of
//! torch_audioset's `yamnet.pth` (`layer1.fused.bn.weight`).

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::blocks::{BatchNorm, BlockPlan, Blocks, Conv, Network, Pool, Thaw};
use super::checkpoint::Checkpoint;
use super::class_names;
use super::error::Error;
use super::tagger::{Activation, Head, Tagger};
use super::weights::{Weights, sha256};
use front_end::LogMel;

mod front_end;

const NAME: &str = "yamnet";
/// Frames of a patch, and from patch to patch: 0.96 s and 0.48 s.
const PATCH: i64 = 96;
const PATCH_HOP: i64 = 48;
/// Patches that go through the network together.
const PATCHES_AT_ONCE: i64 = 32;
/// Stride and output channels of every layer. The first is a full convolution, the others are separable.
const LAYERS: [(i64, i64); 14] = [
    (2, 32),
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (2, 1024),
    (1, 1024),
];
const NAMES: [&str; 14] = [
    "layer1", "layer2", "layer3", "layer4", "layer5", "layer6", "layer7", "layer8", "layer9", "layer10",
    "layer11", "layer12", "layer13", "layer14",
];
const EMBEDDING: i64 = 1024;
const CLASSES: i64 = 521;
const BATCH_NORM_EPSILON: f64 = 1e-4;

/// The network with its weights.
#[derive(Debug)]
pub struct Yamnet {
    sha256: String,
    classes: Vec<String>,
    front_end: LogMel,
    layers: Blocks,
    classifier: Linear,
}

/// A linear layer.
#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Yamnet {
    /// Reads weights in either layout, from any kind of file, onto `device`; and the class names beside them. Layers that
    /// `thaw` names become variables.
    pub fn load(path: &Path, device: Device, thaw: Option<&Thaw>) -> Result<Self, Error> {
        let checkpoint = Checkpoint::read(path)?;
        let layout = match checkpoint.tensors.contains_key("layer1.fused.conv.weight") {
            true => Layout::BatchNorm,
            false => Layout::Folded,
        };
        let mut weights = Weights::new(checkpoint.tensors, device);
        // Some files bring the front-end's constants along; it computes them itself.
        weights.ignore("frontend.window");
        weights.ignore("frontend.mel_weight");
        let layers = Blocks::load(layout.network(), &mut weights, thaw)?;
        let weight = weights.take("classifier.weight", &[CLASSES, EMBEDDING]);
        let bias = weights.take("classifier.bias", &[CLASSES]);
        let classifier = Linear { weight: weights.place(&weight), bias: weights.place(&bias) };
        let problems = weights.finish();
        if !problems.is_empty() {
            return Err(Error::Mismatch { name: NAME, path: path.to_owned(), problems });
        }
        Ok(Self {
            sha256: sha256(path)?,
            classes: class_names::beside(path, CLASSES as usize)?,
            front_end: LogMel::new(device)?,
            layers,
            classifier,
        })
    }

    /// Waveform `[B, S]` at 16 kHz, at least 400 samples, to log-mel frames `[B, T, 64]`,
    /// T = floor((S - 400) / 160) + 1.
    pub fn log_mel(&self, waveform: &Tensor) -> Tensor {
        self.front_end.forward(waveform)
    }

    /// Log-mel frames `[B, T, 64]` to the authors' patches `[B, P, 96, 64]`, one every 48 frames. Frames after the
    /// last whole patch are dropped.
    pub fn patches(&self, log_mel: &Tensor) -> Result<Tensor, Error> {
        Ok(log_mel.f_unfold(1, PATCH, PATCH_HOP)?.transpose(2, 3))
    }

    /// Log-mel frames `[B, T, 64]`, one patch or more, to the output of each of the 14 layers: `[B, C, frames, bands]`.
    pub fn layer_outputs(&self, log_mel: &Tensor) -> Vec<Tensor> {
        self.layers.outputs(&log_mel.unsqueeze(1))
    }

    /// Patches `[N, 96, 64]` to embeddings `[N, 1024]`.
    pub fn embed_patches(&self, patches: &Tensor) -> Tensor {
        let last = |patches: &Tensor| self.layers.run(&patches.unsqueeze(1), 0..self.layers.count(), false);
        tch::no_grad(|| last(patches).mean_dim([2, 3].as_slice(), false, Kind::Float))
    }

    /// Embeddings `[..., 1024]` to logits `[..., 521]`.
    pub fn classify(&self, embedding: &Tensor) -> Tensor {
        tch::no_grad(|| embedding.linear(&self.classifier.weight, Some(&self.classifier.bias)))
    }

    fn head(&self) -> Head {
        Head { name: "audioset", classes: self.classes.clone(), activation: Activation::Sigmoid }
    }
}

impl Tagger for Yamnet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample_rate(&self) -> u32 {
        front_end::SAMPLE_RATE
    }

    fn heads(&self) -> Vec<Head> {
        vec![self.head()]
    }

    fn weights_sha256(&self) -> &str {
        &self.sha256
    }

    fn blocks(&self) -> &Blocks {
        &self.layers
    }

    /// The convolutions run over all log-mel frames as over one long patch: no seams every 0.96 s, and a frame of the
    /// last layer sees up to 1.6 s before and after it, also across what would be the end of a patch.
    fn picture(&self, waveform: &Tensor) -> Tensor {
        self.log_mel(waveform).unsqueeze(1)
    }

    fn shortest(&self) -> i64 {
        (self.layers.last().stride - 1) * front_end::HOP + front_end::WINDOW
    }

    /// A block is a patch. A waveform shorter than a patch is filled up with zeros.
    fn embed(&self, waveform: &Tensor) -> Result<Tensor, Error> {
        let got = waveform.size();
        if got.len() != 2 || got[1] < 1 {
            return Err(Error::Shape { got });
        }
        let one_patch = (PATCH - 1) * front_end::HOP + front_end::WINDOW;
        let filled = waveform.f_constant_pad_nd([0, (one_patch - got[1]).max(0)])?;
        let patches = self.patches(&self.log_mel(&filled))?;
        let count = patches.size()[1];
        let patches = patches.flatten(0, 1);
        let parts: Vec<Tensor> =
            patches.split(PATCHES_AT_ONCE, 0).iter().map(|part| self.embed_patches(part)).collect();
        Ok(Tensor::f_cat(&parts, 0)?.f_view([-1, count, EMBEDDING])?)
    }

    fn logits(&self, waveform: &Tensor) -> Result<Vec<(Head, Tensor)>, Error> {
        Ok(vec![(self.head(), self.classify(&self.embed(waveform)?))])
    }
}

/// How a file holds a convolution and its batch norm.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// As one convolution with a bias.
    Folded,
    /// Apart, as torch_audioset has them.
    BatchNorm,
}

impl Layout {
    /// The network as data, with this layout's names.
    fn network(self) -> Network {
        let mut input = 1;
        let layer = |(index, (stride, output)): (usize, (i64, i64))| {
            let conv = |part: &str, shape| self.conv(&format!("layer{}.{part}", index + 1), shape);
            let convs = match (index, self) {
                (0, Self::Folded) => vec![Conv { stride, ..conv("conv", [output, input, 3, 3]) }],
                (0, Self::BatchNorm) => vec![Conv { stride, ..conv("fused", [output, input, 3, 3]) }],
                _ => vec![
                    Conv { stride, groups: input, ..conv("depthwise_conv", [input, 1, 3, 3]) },
                    conv("pointwise_conv", [output, input, 1, 1]),
                ],
            };
            input = output;
            BlockPlan { name: NAMES[index], convs, pool: Pool::Keep }
        };
        let blocks = LAYERS.into_iter().enumerate().map(layer).collect();
        Network { picture: front_end::PICTURE, blocks, other_parameters: (EMBEDDING + 1) * CLASSES }
    }

    fn conv(self, name: &str, shape: [i64; 4]) -> Conv {
        match self {
            Self::Folded => Conv::plain(name.to_owned(), None, shape),
            Self::BatchNorm => {
                let norm = BatchNorm { name: format!("{name}.bn"), epsilon: BATCH_NORM_EPSILON };
                Conv::plain(format!("{name}.conv"), Some(norm), shape)
            }
        }
    }
}

/// The network as data, with the names of torch_audioset's file.
pub fn network() -> Network {
    Layout::BatchNorm.network()
}

/// The network as data, with the names of a file whose batch norms are folded into the convolutions.
pub fn folded_network() -> Network {
    Layout::Folded.network()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_operations_are_those_that_the_authors_count() {
        // Its README: 3.7 million weights and 69.2 million multiplications for each 960 ms.
        let network = network();
        assert!((3.65e6..3.78e6).contains(&(network.parameters() as f64)), "{}", network.parameters());
        let counted = network.macs_per_second() * 0.96 / 69.2e6;
        assert!((0.97..1.03).contains(&counted), "{counted}");
    }
}
