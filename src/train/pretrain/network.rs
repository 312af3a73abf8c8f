//! The network while it is trained.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::Error;
use super::mixture::{CLIP, Mixture};
use crate::backbone::small::{EMBEDDING, HEAD_BIAS, HEAD_WEIGHT, LogMel, SHORTEST, Trunk};
use crate::rng;

/// Share of the embedding that is left out at a time.
const DROPOUT: f64 = 0.2;
/// Deviation of the head's initial weights.
const HEAD_DEVIATION: f64 = 0.01;

/// Trunk and head, all of them variables.
#[derive(Debug)]
pub(super) struct Network {
    vs: VarStore,
    trunk: Trunk,
    weight: Tensor,
    bias: Tensor,
}

/// Clips on the device.
#[derive(Debug)]
pub(super) struct Batch {
    /// `[B, S]`
    waveform: Tensor,
    /// `[B, K]`: 1 where a class is in a clip, else 0.
    target: Tensor,
    /// `[B, 1, T, F]`: 0 where the picture is hidden, else 1.
    shown: Tensor,
}

impl Network {
    /// Random weights; bands normalised to some clips; biases for the share of clips that have a class.
    pub(super) fn new(clips: &[Mixture], classes: usize, seed: u64, device: Device) -> Result<Self, Error> {
        let vs = VarStore::new(device);
        let front_end = LogMel::new(device)?.normalised_to(&waveform(clips).to(device))?;
        let trunk = Trunk::initial(&vs.root(), front_end, &mut rng::stream(seed, &["pretrain", "blocks"]))?;
        let mut rng = rng::stream(seed, &["pretrain", "head"]);
        let values: Vec<f32> = (0..classes * EMBEDDING as usize)
            .map(|_| (rng.sample::<f64, _>(StandardNormal) * HEAD_DEVIATION) as f32)
            .collect();
        let labels: usize = clips.iter().map(|clip| clip.classes.len()).sum();
        let share = (labels as f64 / (clips.len() * classes) as f64).clamp(0.01, 0.99);
        let root = vs.root();
        let head = |name: &str, value: &Tensor| {
            let (layer, part) = name.split_once('.').unwrap_or((name, "weight"));
            (&root / layer).var_copy(part, value)
        };
        let weight = head(HEAD_WEIGHT, &Tensor::from_slice(&values).view([classes as i64, EMBEDDING]));
        let odds = (share / (1.0 - share)).ln();
        let bias = head(HEAD_BIAS, &Tensor::full([classes as i64], odds, (Kind::Float, Device::Cpu)));
        Ok(Self { trunk, weight, bias, vs })
    }

    /// Binary cross-entropy of a batch, mean over clips and classes, with dropout drawn from `rng`.
    pub(super) fn loss(&self, batch: &Batch, rng: &mut ChaCha8Rng) -> Tensor {
        let picture = tch::no_grad(|| self.trunk.picture(&batch.waveform) * &batch.shown);
        let embedding = self.trunk.embedding(&picture, true);
        // Drawn here and not by libtorch, whose one generator belongs to the whole process.
        let kept: Vec<f32> = (0..embedding.numel())
            .map(|_| if rng.random_bool(DROPOUT) { 0.0 } else { (1.0 / (1.0 - DROPOUT)) as f32 })
            .collect();
        let kept = Tensor::from_slice(&kept).view_as(&embedding).to(self.vs.device());
        let logits = (embedding * kept).linear(&self.weight, Some(&self.bias));
        logits.binary_cross_entropy_with_logits::<Tensor>(&batch.target, None, None, tch::Reduction::Mean)
    }

    /// Logits of one sound of any length, as the finished tagger gives them.
    pub(super) fn logits(&self, sound: &[f32]) -> Vec<f32> {
        let _guard = tch::no_grad_guard();
        let waveform = Tensor::from_slice(sound).unsqueeze(0).to(self.vs.device());
        let missing = (SHORTEST - waveform.size()[1]).max(0);
        let picture = self.trunk.picture(&waveform.constant_pad_nd([0, missing]));
        let logits = self.trunk.embedding(&picture, false).linear(&self.weight, Some(&self.bias));
        let logits = logits.squeeze_dim(0).to(Device::Cpu);
        let mut values = vec![0.0; logits.numel()];
        logits.copy_data(&mut values, logits.numel());
        values
    }

    /// Puts clips on the device.
    pub(super) fn batch(&self, clips: &[Mixture]) -> Batch {
        let device = self.vs.device();
        let classes = self.bias.size()[0];
        let picture = &self.trunk.blocks().taps()[0];
        let (frames, bands) = (frames(), picture.bands as usize);
        let mut target = vec![0f32; clips.len() * classes as usize];
        let mut shown = vec![1f32; clips.len() * frames * bands];
        for (n, clip) in clips.iter().enumerate() {
            clip.classes.iter().for_each(|class| target[n * classes as usize + class] = 1.0);
            let picture = &mut shown[n * frames * bands..(n + 1) * frames * bands];
            let [times, hidden_bands] = &clip.hidden;
            for (time, frame) in picture.chunks_mut(bands).enumerate() {
                let hidden = if times.contains(&time) { 0..bands } else { hidden_bands.clone() };
                frame[hidden].fill(0.0);
            }
        }
        Batch {
            waveform: waveform(clips).to(device),
            target: Tensor::from_slice(&target).view([-1, classes]).to(device),
            shown: Tensor::from_slice(&shown).view([-1, 1, frames as i64, bands as i64]).to(device),
        }
    }

    /// Variables that are trained, by name.
    pub(super) fn trainable(&self) -> Vec<(String, Tensor)> {
        self.variables().into_iter().filter(|(_, tensor)| tensor.requires_grad()).collect()
    }

    /// All variables, statistics of batch norms included, by the names that files have them under, in order.
    pub(super) fn variables(&self) -> Vec<(String, Tensor)> {
        let mut variables: Vec<_> = self.vs.variables().into_iter().collect();
        variables.sort_by(|a, b| a.0.cmp(&b.0));
        variables
    }

    /// The front-end's constants, by the names that files have them under.
    pub(super) fn constants(&self) -> Vec<(String, Tensor)> {
        self.trunk.front_end().constants()
    }

    /// Number of weights and biases, the head's included.
    pub(super) fn parameters(&self) -> i64 {
        let head = self.weight.numel() + self.bias.numel();
        self.trunk.blocks().network().parameters() + head as i64
    }

    /// Multiply-adds per second of sound.
    pub(super) fn macs_per_second(&self) -> f64 {
        self.trunk.blocks().network().macs_per_second()
    }
}

/// Frames of a clip's picture.
pub(super) fn frames() -> usize {
    CLIP / crate::backbone::small::HOP as usize + 1
}

/// `[B, S]` on the CPU.
fn waveform(clips: &[Mixture]) -> Tensor {
    let samples: Vec<f32> = clips.iter().flat_map(|clip| &clip.samples).copied().collect();
    Tensor::from_slice(&samples).view([-1, CLIP as i64])
}
