//! aiSFX: a convolutional network for sound effects (A. B. Ma and A. Lerch, "Representation Learning for the
//! Automatic Indexing of Sound Effects Libraries", ISMIR 2022; package `aisfx` 0.1.2, weights CC BY 4.0).

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::blocks::{BatchNorm, BlockPlan, Blocks, Conv, Network, Pool, Thaw};
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
const NAMES: [&str; 4] = ["conv_block1", "conv_block2", "conv_block3", "conv_block4"];
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
    blocks: Blocks,
    /// One a head of [`HEADS`].
    heads: Vec<[Linear; 3]>,
}

/// A linear layer.
#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Aisfx {
    /// Reads the authors' checkpoint, or the same tensors in any other layout, onto `device`; blocks that `thaw` names
    /// become variables.
    pub fn load(path: &Path, device: Device, thaw: Option<&Thaw>) -> Result<Self, Error> {
        let checkpoint = Checkpoint::read(path)?;
        let sha256 = sha256(path)?;
        let mut weights = Weights::new(checkpoint.tensors, device);
        let blocks = Blocks::load(network(), &mut weights, thaw)?;
        let heads = HEADS.iter().zip(0..).map(|((_, classes), head)| {
            let [a, b, c] = HEAD_WIDTHS;
            let mut layer = |index, input, output| {
                let name = format!("fc.{head}.{index}");
                let weight = weights.take(&format!("{name}.weight"), &[output, input]);
                let bias = weights.take(&format!("{name}.bias"), &[output]);
                Linear { weight: weights.place(&weight), bias: weights.place(&bias) }
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
        self.blocks.outputs(&spectrogram.unsqueeze(1))
    }

    /// The authors' patches of a waveform `[B, S]`, its peak normalised: `[B, patches, 100, 96]`.
    pub fn patches(&self, waveform: &Tensor) -> Result<Tensor, Error> {
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

    fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    fn picture(&self, waveform: &Tensor) -> Tensor {
        self.spectrogram(waveform).unsqueeze(1)
    }

    fn shortest(&self) -> i64 {
        (self.blocks.last().stride - 1) * HOP
    }

    fn embed(&self, waveform: &Tensor) -> Result<Tensor, Error> {
        let patches = self.patches(waveform)?;
        let count = patches.size()[1];
        let pooled = |patch| {
            let (strongest, _) =
                self.blocks.sequence(&patches.select(1, patch).unsqueeze(1)).max_dim(2, false);
            strongest
        };
        let embeddings: Vec<Tensor> = tch::no_grad(|| (0..count).map(pooled).collect());
        Ok(Tensor::f_stack(&embeddings, 1)?)
    }

    fn logits(&self, waveform: &Tensor) -> Result<Vec<(Head, Tensor)>, Error> {
        let embedding = self.embed(waveform)?;
        let logits = |[a, b, c]: &[Linear; 3]| {
            let apply = |layer: &Linear, x: &Tensor| x.linear(&layer.weight, Some(&layer.bias));
            apply(c, &apply(b, &apply(a, &embedding).relu()).relu())
        };
        Ok(self.heads().into_iter().zip(self.heads.iter().map(logits)).collect())
    }
}

/// The network as data.
pub fn network() -> Network {
    // Spectrogram frame t is centred on t hops.
    let picture = Tap::log_mel(BANDS, HOP, SAMPLE_RATE, 0, [0.0, f64::from(SAMPLE_RATE) / 2.0]);
    let block = |(index, io): (usize, &[i64])| {
        let prefix = format!("embedding_net.conv_block{}", index + 1);
        let conv = |layer: i64, input| {
            let norm = BatchNorm { name: format!("{prefix}.bn{layer}"), epsilon: BATCH_NORM_EPSILON };
            Conv::plain(format!("{prefix}.conv{layer}"), Some(norm), [io[1], input, 3, 3])
        };
        let pool = if index + 1 < NAMES.len() { Pool::Max } else { Pool::Keep };
        BlockPlan { name: NAMES[index], convs: vec![conv(1, io[0]), conv(2, io[1])], pool }
    };
    let [a, b, c] = HEAD_WIDTHS;
    let head = |(_, classes): &(&str, i64)| (a + 1) * b + (b + 1) * c + (c + 1) * classes;
    let blocks = CHANNELS.windows(2).enumerate().map(block).collect();
    Network { picture, blocks, other_parameters: HEADS.iter().map(head).sum() }
}
