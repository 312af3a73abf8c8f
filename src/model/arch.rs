//! The architecture document: everything that determines a candidate, as plain data.
//!
//! This one document is what is searched, hashed, stored and exported. Keys of a search space are paths into it
//! ("encoder.width"). Every field has a default, so that a document names only what it changes; an unknown key
//! is an error.

use serde::{Deserialize, Serialize};

use crate::dataset::augment::{AugmentConfig, RotationKind};
use crate::dataset::sampler::Sampling;
use crate::features::{Descriptor, FeatureConfig};
use crate::seld::event::FRAMES_PER_SECOND;

mod backbone;

pub use backbone::{BackboneConfig, Freeze, TaggerInput};

/// A candidate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Architecture {
    /// What the spatial path sees.
    pub features: FeatureConfig,
    /// The pretrained tagger of the semantic path.
    pub backbone: BackboneConfig,
    /// The spatial path's residual encoder.
    pub encoder: EncoderConfig,
    /// Where and how the two paths exchange what they know.
    pub fusion: FusionConfig,
    /// Recurrent smoothing over label frames.
    pub temporal: TemporalConfig,
    /// Track-wise abstraction and heads.
    pub tracks: TracksConfig,
    /// What training minimises.
    pub loss: LossConfig,
    /// How it is trained.
    pub train: TrainConfig,
}

impl Architecture {
    /// Whether training reads descriptors from the cache on disk; on a GPU or not.
    ///
    /// A function of the document and the kind of device alone, because values of 16 bits are others than those computed
    /// on the spot. The rule that stands for [`Source::Auto`] is measured in benches/descriptors.rs: on a CPU
    /// reading wins whenever it is allowed; a GPU computes a batch in less time than copying it there takes, but for the
    /// eigenvector, which is a decomposition for every frame and bin.
    pub fn caches_descriptors(&self, on_gpu: bool) -> bool {
        match self.train.descriptors {
            Source::Computed => false,
            Source::Cached => true,
            Source::Auto if self.why_not_cached().is_some() => false,
            Source::Auto => !on_gpu || self.features.descriptors.contains(&Descriptor::Eigenvector),
        }
    }

    /// Whether training reads from the cache on disk what the frozen blocks of the tagger make of a recording. A function
    /// of the document alone: within a chunk they do not know what comes before and after it.
    pub fn caches_prefix(&self) -> bool {
        match self.train.prefix {
            Source::Computed => false,
            Source::Cached => true,
            Source::Auto => self.why_prefix_not_cached().is_none(),
        }
    }

    /// The setting, with its key, because of which the tagger does not hear a recording as it is.
    ///
    /// Rotations of the [swap](RotationKind::Swap) kind exchange channels or beams, and with them what is cached of each; W
    /// no rotation changes. What is mixed goes through the tagger again, chunk by chunk.
    pub fn why_prefix_not_cached(&self) -> Option<(&'static str, &'static str)> {
        let turns =
            self.train.augment.rotation == RotationKind::Yaw && self.backbone.input != TaggerInput::Omni;
        turns.then_some(("train.augment.rotation", "it turns what the tagger hears by any angle"))
    }

    /// The setting, with its key, because of which descriptors of whole recordings are not those of the chunks that are
    /// trained on.
    pub(super) fn why_not_cached(&self) -> Option<(&'static str, &'static str)> {
        let augment = &self.train.augment;
        let reasons = [
            (self.features.is_learned(), "features.descriptors", "the filters of waveform are learned"),
            (augment.rotation != RotationKind::None, "train.augment.rotation", "it turns the sound"),
            (augment.mixup > 0.0, "train.augment.mixup", "it mixes sounds"),
            (augment.gain_db > 0.0, "train.augment.gain_db", "it changes the level of the sound"),
        ];
        reasons.into_iter().find(|(applies, ..)| *applies).map(|(_, key, why)| (key, why))
    }
}

/// The spatial path's residual encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// Stages; each halves the bands at least once.
    pub stages: i64,
    /// Residual blocks per stage.
    pub blocks: i64,
    /// Channels of the first stage; doubled by every further stage up to `max_width`.
    pub width: i64,
    /// Upper limit of the channels.
    pub max_width: i64,
    /// Features per label frame that this and the semantic path hand on.
    pub output: i64,
    /// Dropout after every stage, in [0, 1).
    pub dropout: f64,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self { stages: 3, blocks: 1, width: 32, max_width: 128, output: 128, dropout: 0.1 }
    }
}

/// How the paths exchange what they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FusionOperator {
    /// A learnable 2x2 mixing per channel (Misra et al., arXiv 1604.03539).
    CrossStitch,
}

/// Where the paths exchange what they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FusionPlacement {
    /// At label-frame rate: before the temporal layers and again before the track heads.
    Late,
}

/// Where and how the two paths are coupled. No placement: not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FusionConfig {
    /// Any set of places; empty means that the semantic path alone decides on activity, the spatial path alone
    /// on direction.
    pub placement: Vec<FusionPlacement>,
    /// What is done at each place.
    pub operator: FusionOperator,
}

impl Default for FusionConfig {
    fn default() -> Self {
        Self { placement: vec![FusionPlacement::Late], operator: FusionOperator::CrossStitch }
    }
}

/// Kind of temporal smoothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemporalKind {
    /// None: label frames are independent after the encoder.
    None,
    /// Gated recurrent units.
    Gru,
}

/// Recurrent smoothing over label frames, per path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemporalConfig {
    /// Kind of smoothing.
    pub kind: TemporalKind,
    /// Hidden units per direction.
    pub hidden: i64,
    /// Layers.
    pub layers: i64,
    /// Both directions in time.
    pub bidirectional: bool,
}

impl Default for TemporalConfig {
    fn default() -> Self {
        Self { kind: TemporalKind::Gru, hidden: 64, layers: 1, bidirectional: true }
    }
}

/// Track-wise abstraction: each track names one event at a time, with its class activities and direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracksConfig {
    /// Output tracks, 1 to 5.
    pub count: i64,
    /// Hidden features per track and path.
    pub width: i64,
    /// Dropout before the heads, in [0, 1).
    pub dropout: f64,
}

impl Default for TracksConfig {
    fn default() -> Self {
        Self { count: 3, width: 64, dropout: 0.1 }
    }
}

/// Over what the assignment of tracks to events is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permutation {
    /// One assignment for a whole chunk (PIT).
    Chunk,
    /// One assignment for every label frame (tPIT).
    Frame,
}

/// Distance between predicted and true direction vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoaDistance {
    /// Mean squared error of the Cartesian vectors.
    Mse,
    /// One minus the cosine of the angle.
    Cosine,
}

/// What training minimises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Over what tracks are assigned to events.
    pub permutation: Permutation,
    /// Distance of directions, on active targets only.
    pub doa: DoaDistance,
    /// Weight of the direction loss against the activity loss, which has weight 1.
    pub doa_weight: f64,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self { permutation: Permutation::Frame, doa: DoaDistance::Mse, doa_weight: 1.0 }
    }
}

/// Where training and validation take something from that does not change from epoch to epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// What is better where it is allowed: see [`Architecture::caches_descriptors`] and [`Architecture::caches_prefix`].
    Auto,
    /// Computed on the device from the sound of every batch.
    Computed,
    /// Computed once from whole recordings, kept on disk, and read.
    Cached,
}

/// How a candidate is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training data; a stage's budget replaces it.
    pub epochs: u32,
    /// Chunks per step.
    pub batch: usize,
    /// Length of a training chunk in seconds.
    pub chunk_s: f64,
    /// Peak learning rate of AdamW.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Epochs of linear warm-up, before the cosine decay to zero.
    pub warmup_epochs: f64,
    /// Largest norm of the gradient; larger ones are scaled down.
    pub clip_norm: f64,
    /// Share of the moving average of the weights that stays with every step, in [0, 1); the average is what is
    /// validated and exported. 0 takes the weights themselves.
    pub average_decay: f64,
    /// How chunks are chosen.
    pub sampling: Sampling,
    /// Mean share of a chunk that the next one of its recording repeats, in [0, 1): more of it, more chunks an epoch.
    pub chunk_overlap: f64,
    /// How chunks are varied.
    pub augment: AugmentConfig,
    /// Where descriptors come from. They are kept at 16 bits; only when nothing varies the sound and none is learned.
    pub descriptors: Source,
    /// Where comes from what the frozen blocks of the tagger make of the sound.
    pub prefix: Source,
    /// Stop after this many epochs without a better validation SELD score; 0 never stops.
    pub patience: u32,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 30,
            batch: 16,
            chunk_s: 5.0,
            learning_rate: 2e-3,
            weight_decay: 1e-2,
            warmup_epochs: 1.0,
            clip_norm: 1.0,
            average_decay: 0.99,
            sampling: Sampling::Uniform,
            chunk_overlap: 0.0,
            augment: AugmentConfig::default(),
            descriptors: Source::Auto,
            prefix: Source::Auto,
            patience: 0,
        }
    }
}

impl TrainConfig {
    /// Label frames in a training chunk.
    pub fn chunk_frames(&self) -> u32 {
        (self.chunk_s * FRAMES_PER_SECOND as f64).round().max(1.0) as u32
    }
}
