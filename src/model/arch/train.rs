//! How a candidate is trained: its part of the architecture document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset::augment::AugmentConfig;
use crate::dataset::sampler::Sampling;
use crate::seld::event::FRAMES_PER_SECOND;

/// Where training and validation take something from that does not change from epoch to epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// What is better where it is allowed: see [`Architecture::caches_descriptors`](super::Architecture::caches_descriptors) and
    /// [`Architecture::caches_prefix`](super::Architecture::caches_prefix).
    Auto,
    /// Computed on the device from the sound of every batch.
    Computed,
    /// Computed once from whole recordings, kept on disk, and read.
    Cached,
}

/// In which numbers a training step is computed. Weights, gradients and the optimizer are float32 in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits.
    Float32,
    /// Convolutions and products of matrices in bfloat16, what is sensitive in float32 (mixed precision, Micikevicius et
    /// al., arXiv 1710.03740); on devices whose hardware has it.
    Bf16,
}

/// How a candidate is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Numbers of a training step.
    pub precision: Precision,
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
            precision: Precision::Float32,
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
