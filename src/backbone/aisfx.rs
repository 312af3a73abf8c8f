//! aiSFX: a convolutional network for sound effects (A. B. Ma and A. Lerch, "Representation Learning for the
//! Automatic Indexing of Sound Effects Libraries", ISMIR 2022; package `aisfx` 0.1.2, weights CC BY 4.0).

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::checkpoint::Checkpoint;
use super::error::Error;
use super::tagger::{Activation, Head, Tagger, Tap};
use super::weights::{Weights, sha256};
use crate::features::Scale;
use crate::features::filterbank::{BankConfig, Norm};
use crate::features::stft::{Padding, Stft, StftConfig, Window};

const NAME: &str = "aisfx";
const SAMPLE_RATE: u32 = 44100;
const N_FFT: i64 = 2048;
const HOP: i64 = 1024;
const BANDS: i64 = 96;
/// Compression and scale of the mel spectrogram: log10(10000 mel + 1) / 9.4578.
const COMPRESSION: f64 = 10000.0;
const LOG_SCALE: f64 = 9.457_798_957_824_707;
/// Frames of one block of the authors' code, and from block to block.
const BLOCK: i64 = 100;
const BLOCK_HOP: i64 = 50;
const CHANNELS: [i64; 5] = [1, 64, 128, 256, 512];
/// Spectrogram frames that one frame of the last block stands for: three poolings by two.
const POOLED: i64 = 8;
const BATCH_NORM_EPSILON: f64 = 1e-5;
/// The libraries it was trained on, with their numbers of classes; index is the head's in the checkpoint.
const HEADS: [(&str, i64); 9] = [
    ("prosfx", 78),
    ("soundlyTrain", 79),
    ("ucsMixed", 69),
    ("soundstormBalanced", 81),
    ("productionelementsBalanced", 10),
    ("cartoonexpressBalanced", 27),
    ("hpxdigitalBalanced", 3),
    ("series6000Balanced", 23),
    ("series9000Balanced", 8),
];
const HEAD_WIDTHS: [i64; 3] = [512, 256, 128];

/// The network with its weights.
#[derive(Debug)]
pub struct Aisfx {
    sha256: String,
    stft: Stft,
    mel: Tensor,
    blocks: Vec<[Affine; 2]>,
    /// One a head of [`HEADS`].
    heads: Vec<[Affine; 3]>,
}

/// A convolution (with its batch norm folded in) or a linear layer.
#[derive(Debug)]
struct Affine {
    weight: Tensor,
    bias: Tensor,
}

impl Aisfx {
    /// Reads the authors' checkpoint, or the same tensors in any other layout, onto `device`.
    pub fn load(path: &Path, device: Device) -> Result<Self, Error> {
        let checkpoint = Checkpoint::read(path)?;
        let sha256 = sha256(path)?;
        let mut weights = Weights::new(checkpoint.tensors, device);
        let blocks = CHANNELS.windows(2).zip(1..).map(|(io, block)| {
            let mut conv = |layer, input| convolution(&mut weights, block, layer, input, io[1]);
            [conv(1, io[0]), conv(2, io[1])]
        });
        let blocks = blocks.collect();
        let heads = HEADS.iter().zip(0..).map(|((_, classes), head)| {
            let [a, b, c] = HEAD_WIDTHS;
            let mut layer = |index, input, output| {
                let name = format!("fc.{head}.{index}");
                let weight = weights.take(&format!("{name}.weight"), &[output, input]);
                let bias = weights.take(&format!("{name}.bias"), &[output]);
                Affine { weight: weights.place(&weight), bias: weights.place(&bias) }
            };
            [layer(0, a, b), layer(2, b, c), layer(4, c, *classes)]
        });
        let heads = heads.collect();
        let problems = weights.finish();
        if !problems.is_empty() {
            return Err(Error::Mismatch { name: NAME, path: path.to_owned(), problems });
        }
        let stft = StftConfig {
            n_fft: N_FFT,
            hop: HOP,
            win_length: N_FFT,
            window: Window::Hann,
            padding: Padding::Zeros,
        };
        let mel = BankConfig {
            sample_rate: SAMPLE_RATE,
            n_fft: N_FFT,
            bands: BANDS,
            fmin_hz: 0.0,
            fmax_hz: f64::from(SAMPLE_RATE) / 2.0,
            scale: Scale::Htk,
            linear_below_hz: 0.0,
            norm: Norm::SumOne,
        };
        Ok(Self {
            sha256,
            stft: Stft::new(stft, Kind::Double, device)?,
            mel: mel.matrix(device)?,
            blocks,
            heads,
        })
    }

    /// Waveform `[B, S]` at 44.1 kHz to the compressed mel spectrogram `[B, T, 96]`, T = floor(S / 1024) + 1, as
    /// the authors' librosa variant, at the level given.
    pub fn spectrogram(&self, waveform: &Tensor) -> Tensor {
        // In float64: a float32 transform's rounding shows in the quiet bands, and the network costs far more.
        let waveform = waveform.to_kind(Kind::Double).unsqueeze(1);
        let complex = self.stft.forward(&waveform).select(1, 0).transpose(1, 2);
        let power = (complex.select(-1, 0).square() + complex.select(-1, 1).square()).to_kind(Kind::Float);
        (power.matmul(&self.mel) * COMPRESSION + 1.0).log10() / LOG_SCALE
    }

    /// Spectrogram `[B, T, 96]` to the output of every block, after pooling: `[B, C, T / n, F]`.
    pub fn block_outputs(&self, spectrogram: &Tensor) -> Vec<Tensor> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.blocks.len());
        for (index, _) in self.blocks.iter().enumerate() {
            let input = outputs.last().map_or_else(|| spectrogram.unsqueeze(1), Tensor::shallow_clone);
            outputs.push(self.block(index, &input));
        }
        outputs
    }

    fn block(&self, index: usize, input: &Tensor) -> Tensor {
        let mut x = input.shallow_clone();
        for layer in &self.blocks[index] {
            x = x.conv2d(&layer.weight, Some(&layer.bias), 1, 1, 1, 1).relu_();
        }
        match index + 1 < self.blocks.len() {
            true => x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false),
            false => x,
        }
    }

    /// Spectrogram `[B, T, 96]` to the last block averaged over frequency: `[B, 512, T / 8]`.
    fn features(&self, spectrogram: &Tensor) -> Tensor {
        let mut x = spectrogram.unsqueeze(1);
        for index in 0..self.blocks.len() {
            x = self.block(index, &x);
        }
        x.mean_dim([-1].as_slice(), false, Kind::Float)
    }

    /// The authors' blocks of a waveform `[B, S]`, its peak normalised: `[B, blocks, 100, 96]`.
    pub fn blocks(&self, waveform: &Tensor) -> Result<Tensor, Error> {
        let got = waveform.size();
        if got.len() != 2 || got[1] < 1 {
            return Err(Error::Shape { got });
        }
        let waveform = waveform.to_kind(Kind::Double);
        let peak = waveform.abs().amax([1].as_slice(), true);
        let peak = peak.where_self(&peak.not_equal(0.0), &peak.ones_like());
        let spectrogram = self.spectrogram(&(waveform / peak));
        let missing = (BLOCK - spectrogram.size()[1]).max(0);
        let filled = spectrogram.f_constant_pad_nd([0, 0, 0, missing])?;
        Ok(filled.f_unfold(1, BLOCK, BLOCK_HOP)?.transpose(2, 3))
    }
}

impl Tagger for Aisfx {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn heads(&self) -> Vec<Head> {
        // The package names its classes by number only.
        let classes = |count: i64| (0..count).map(|class| class.to_string()).collect();
        let head = |(name, count)| Head { name, classes: classes(count), activation: Activation::Softmax };
        HEADS.into_iter().map(head).collect()
    }

    fn weights_sha256(&self) -> &str {
        &self.sha256
    }

    fn sequence_tap(&self) -> Tap {
        let frame_s = HOP as f64 / f64::from(SAMPLE_RATE);
        // Spectrogram frame t is centred on t hops; a pooled frame stands for eight of them.
        let first_s = (POOLED - 1) as f64 / 2.0 * frame_s;
        Tap { name: "conv_block4", channels: CHANNELS[4], hop_s: POOLED as f64 * frame_s, first_s }
    }

    fn shortest_sequence(&self) -> i64 {
        (POOLED - 1) * HOP
    }

    fn sequence(&self, waveform: &Tensor) -> Tensor {
        tch::no_grad(|| self.features(&self.spectrogram(waveform)))
    }

    fn embed(&self, waveform: &Tensor) -> Result<Tensor, Error> {
        let blocks = self.blocks(waveform)?;
        let count = blocks.size()[1];
        let pooled = |block| {
            let (strongest, _) = self.features(&blocks.select(1, block)).max_dim(2, false);
            strongest
        };
        let embeddings: Vec<Tensor> = tch::no_grad(|| (0..count).map(pooled).collect());
        Ok(Tensor::f_stack(&embeddings, 1)?)
    }

    fn logits(&self, waveform: &Tensor) -> Result<Vec<(Head, Tensor)>, Error> {
        let embedding = self.embed(waveform)?;
        let logits = |[a, b, c]: &[Affine; 3]| {
            let apply = |layer: &Affine, x: &Tensor| x.linear(&layer.weight, Some(&layer.bias));
            apply(c, &apply(b, &apply(a, &embedding).relu()).relu())
        };
        Ok(self.heads().into_iter().zip(self.heads.iter().map(logits)).collect())
    }
}

/// A convolution with its batch norm (inference statistics) folded in, computed in float64.
fn convolution(weights: &mut Weights, block: i64, layer: i64, input: i64, output: i64) -> Affine {
    let prefix = format!("embedding_net.conv_block{block}");
    let weight = weights.take(&format!("{prefix}.conv{layer}.weight"), &[output, input, 3, 3]);
    let mut norm =
        |part: &str| weights.take(&format!("{prefix}.bn{layer}.{part}"), &[output]).to_kind(Kind::Double);
    let (scale, shift) = (norm("weight"), norm("bias"));
    let (mean, variance) = (norm("running_mean"), norm("running_var"));
    weights.ignore(&format!("{prefix}.bn{layer}.num_batches_tracked"));
    let gain = scale / (variance + BATCH_NORM_EPSILON).sqrt();
    let bias = shift - mean * &gain;
    let weight = weight.to_kind(Kind::Double) * gain.view([-1, 1, 1, 1]);
    Affine { weight: weights.place(&weight), bias: weights.place(&bias) }
}
