//! YAMNet: a MobileNet for AudioSet (M. Plakal and D. Ellis, tensorflow/models, research/audioset/yamnet, Apache-2.0;
//! architecture: Howard et al., "MobileNets", arXiv 1704.04861).
//!
//! Two layouts of its weights are read: batch norms folded into the convolutions (`layer1.conv.weight`), and those of
//! torch_audioset's `yamnet.pth` (`layer1.fused.bn.weight`).

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::checkpoint::Checkpoint;
use super::class_names;
use super::error::Error;
use super::tagger::{Activation, Head, Tagger, Tap};
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
const EMBEDDING: i64 = 1024;
const CLASSES: i64 = 521;
/// Log-mel frames from frame to frame of the last layer: five strides of two.
const STRIDE: i64 = 32;
const BATCH_NORM_EPSILON: f64 = 1e-4;

/// The network with its weights.
#[derive(Debug)]
pub struct Yamnet {
    sha256: String,
    classes: Vec<String>,
    front_end: LogMel,
    /// The convolutions of every layer.
    layers: Vec<Vec<Convolution>>,
    classifier: Affine,
}

/// A convolution (with its batch norm folded in) or a linear layer.
#[derive(Debug)]
struct Affine {
    weight: Tensor,
    bias: Tensor,
}

/// A convolution and the ReLU after it.
#[derive(Debug)]
struct Convolution {
    affine: Affine,
    stride: i64,
    groups: i64,
}

impl Convolution {
    fn forward(&self, input: &Tensor) -> Tensor {
        let Affine { weight, bias } = &self.affine;
        let reach = weight.size()[2] / 2;
        // TensorFlow's SAME padding: with a stride of two, an even size is filled up at its end only. Odd sizes
        // (never in a patch) are treated alike, so that a frame's place does not depend on the length.
        let mut output = match self.stride {
            1 => input.conv2d(weight, Some(bias), 1, reach, 1, self.groups),
            stride => input.constant_pad_nd([0, reach, 0, reach]).conv2d(
                weight,
                Some(bias),
                stride,
                0,
                1,
                self.groups,
            ),
        };
        output.relu_()
    }
}

impl Yamnet {
    /// Reads weights in either layout, from any kind of file, onto `device`; and the class names beside them.
    pub fn load(path: &Path, device: Device) -> Result<Self, Error> {
        let checkpoint = Checkpoint::read(path)?;
        let layout = match checkpoint.tensors.contains_key("layer1.fused.conv.weight") {
            true => Layout::BatchNorm,
            false => Layout::Folded,
        };
        let mut weights = Weights::new(checkpoint.tensors, device);
        // Some files bring the front-end's constants along; it computes them itself.
        weights.ignore("frontend.window");
        weights.ignore("frontend.mel_weight");
        let mut input = 1;
        let layers = LAYERS.into_iter().zip(1..).map(|((stride, output), number)| {
            let layer = layer(&mut weights, layout, number, stride, [input, output]);
            input = output;
            layer
        });
        let layers = layers.collect();
        let weight = weights.take("classifier.weight", &[CLASSES, EMBEDDING]);
        let bias = weights.take("classifier.bias", &[CLASSES]);
        let classifier = Affine { weight: weights.place(&weight), bias: weights.place(&bias) };
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
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let input = outputs.last().map_or_else(|| log_mel.unsqueeze(1), Tensor::shallow_clone);
            outputs.push(apply(layer, &input));
        }
        outputs
    }

    /// Log-mel frames `[B, T, 64]` to the last layer: `[B, 1024, T / 32, 2]`.
    fn last_layer(&self, log_mel: &Tensor) -> Tensor {
        self.layers.iter().fold(log_mel.unsqueeze(1), |x, layer| apply(layer, &x))
    }

    /// Patches `[N, 96, 64]` to embeddings `[N, 1024]`.
    pub fn embed_patches(&self, patches: &Tensor) -> Tensor {
        tch::no_grad(|| self.last_layer(patches).mean_dim([2, 3].as_slice(), false, Kind::Float))
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

    /// The last layer, averaged over frequency: a frame every 0.32 s.
    fn sequence_tap(&self) -> Tap {
        let seconds = |samples: i64| samples as f64 / f64::from(front_end::SAMPLE_RATE);
        // Each of the five strides centres output j on input 2 j + 1, so the last layer's frame 0 is centred on log-mel
        // frame 31, and that on the middle of its window. Learned kernels are not symmetric: what a burst changes is
        // centred 0.12 s before, about a third of a frame.
        let first = (STRIDE - 1) * front_end::HOP + front_end::WINDOW / 2;
        Tap {
            name: "layer14",
            channels: EMBEDDING,
            hop_s: seconds(STRIDE * front_end::HOP),
            first_s: seconds(first),
        }
    }

    fn shortest_sequence(&self) -> i64 {
        (STRIDE - 1) * front_end::HOP + front_end::WINDOW
    }

    /// The convolutions run over all log-mel frames as over one long patch: no seams every 0.96 s, and a frame sees up
    /// to 1.6 s before and after it, also across what would be the end of a patch.
    fn sequence(&self, waveform: &Tensor) -> Tensor {
        tch::no_grad(|| {
            self.last_layer(&self.log_mel(waveform)).mean_dim([-1].as_slice(), false, Kind::Float)
        })
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

fn apply(layer: &[Convolution], input: &Tensor) -> Tensor {
    layer.iter().fold(input.shallow_clone(), |x, convolution| convolution.forward(&x))
}

/// How a file holds a convolution and its batch norm.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// As one convolution with a bias.
    Folded,
    /// Apart, as torch_audioset has them.
    BatchNorm,
}

/// Takes the convolutions of layer `number`, counted from 1, with `io` = [input, output] channels.
fn layer(
    weights: &mut Weights,
    layout: Layout,
    number: usize,
    stride: i64,
    io: [i64; 2],
) -> Vec<Convolution> {
    let [input, output] = io;
    let mut convolution = |part: &str, shape: [i64; 4], stride: i64, groups: i64| Convolution {
        affine: affine(weights, layout, &format!("layer{number}.{part}"), shape),
        stride,
        groups,
    };
    match (number, layout) {
        (1, Layout::Folded) => vec![convolution("conv", [output, input, 3, 3], stride, 1)],
        (1, Layout::BatchNorm) => vec![convolution("fused", [output, input, 3, 3], stride, 1)],
        _ => vec![
            convolution("depthwise_conv", [input, 1, 3, 3], stride, input),
            convolution("pointwise_conv", [output, input, 1, 1], 1, 1),
        ],
    }
}

/// Takes a convolution, and folds its batch norm (inference statistics) into it, in float64, if it stands apart.
fn affine(weights: &mut Weights, layout: Layout, name: &str, shape: [i64; 4]) -> Affine {
    let channels = [shape[0]];
    let (weight, bias) = match layout {
        Layout::Folded => (
            weights.take(&format!("{name}.weight"), &shape),
            weights.take(&format!("{name}.bias"), &channels),
        ),
        Layout::BatchNorm => {
            let weight = weights.take(&format!("{name}.conv.weight"), &shape).to_kind(Kind::Double);
            let mut norm =
                |part: &str| weights.take(&format!("{name}.bn.{part}"), &channels).to_kind(Kind::Double);
            let (scale, shift) = (norm("weight"), norm("bias"));
            let (mean, variance) = (norm("running_mean"), norm("running_var"));
            weights.ignore(&format!("{name}.bn.num_batches_tracked"));
            let gain = scale / (variance + BATCH_NORM_EPSILON).sqrt();
            let bias = shift - mean * &gain;
            (weight * gain.view([-1, 1, 1, 1]), bias)
        }
    };
    Affine { weight: weights.place(&weight), bias: weights.place(&bias) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_batch_norm_apart_gives_what_it_does_after_the_convolution() {
        let random = |shape: &[i64]| Tensor::rand(shape, (Kind::Float, Device::Cpu));
        let (kernel, input) = (random(&[6, 1, 3, 3]) - 0.5, random(&[2, 6, 8, 4]));
        let norm = [random(&[6]), random(&[6]) - 0.5, random(&[6]) - 0.5, random(&[6]) * 1e-3];
        let parts = ["weight", "bias", "running_mean", "running_var"];
        let named = parts.iter().zip(&norm).map(|(part, t)| (format!("a.bn.{part}"), t.copy()));
        let mut tensors: BTreeMap<String, Tensor> = named.collect();
        tensors.insert("a.conv.weight".into(), kernel.copy());
        tensors.insert("a.bn.num_batches_tracked".into(), Tensor::from(7i64));
        let mut weights = Weights::new(tensors, Device::Cpu);
        let affine = affine(&mut weights, Layout::BatchNorm, "a", [6, 1, 3, 3]);
        assert_eq!(weights.finish(), []);
        let [scale, shift, mean, variance] = &norm;
        let expected = input
            .conv2d(&kernel, None::<Tensor>, 1, 1, 1, 6)
            .batch_norm(Some(scale), Some(shift), Some(mean), Some(variance), false, 0.1, 1e-4, false)
            .relu();
        let got = Convolution { affine, stride: 1, groups: 6 }.forward(&input);
        assert!((expected - got).abs().max().double_value(&[]) < 1e-4);
    }
}
