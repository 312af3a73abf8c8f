//! The spatial path's encoder: its part of the architecture document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a block of the encoder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Two convolutions and a shortcut around them (He et al., arXiv 1512.03385).
    Residual,
    /// One convolution.
    Plain,
}

/// How a convolution is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Convolution {
    /// Over time, bands and channels at once.
    Full,
    /// Over time and bands for each channel, then over channels (Howard et al., arXiv 1704.04861).
    Separable,
}

/// What follows a convolution before the activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Over the batch (Ioffe and Szegedy, arXiv 1502.03167).
    Batch,
    /// Over groups of eight channels within each chunk (Wu and He, arXiv 1803.08494).
    Group,
    /// None; convolutions have a bias then.
    None,
}

/// The nonlinearity of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// max(x, x / 100).
    LeakyRelu,
    /// x, or exp(x) - 1 below 0.
    Elu,
    /// x times the normal distribution function.
    Gelu,
    /// x times the logistic function.
    Silu,
}

/// How an axis is made shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// By pooling after the stage.
    Pool,
    /// By the step of the stage's first convolution.
    Stride,
}

/// What pooling takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// The largest value.
    Max,
    /// The mean.
    Mean,
}

/// The spatial path's encoder: descriptors to features at label-frame rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// Stages.
    pub stages: i64,
    /// Blocks per stage.
    pub blocks: i64,
    /// What a block is.
    pub block: Block,
    /// How its convolutions are made.
    pub convolution: Convolution,
    /// Channels of the first stage; doubled by every further stage up to `max_width`.
    pub width: i64,
    /// Upper limit of the channels.
    pub max_width: i64,
    /// Frames and bands under a convolution, both odd.
    pub kernel: [i64; 2],
    /// For each stage, by how much it makes time shorter. What is left down to one frame a label frame is averaged after
    /// the last stage. `null`: the first stage does it all, so that what comes after costs a fraction.
    pub time_factors: Option<Vec<i64>>,
    /// For each stage, by how much it makes the bands fewer, never below one. `null`: the first by 4, the others by 2.
    pub band_factors: Option<Vec<i64>>,
    /// How time is made shorter.
    pub time_by: Reduction,
    /// How bands are made fewer.
    pub band_by: Reduction,
    /// What pooling takes.
    pub pool: PoolKind,
    /// Squeeze and excitation (Hu et al., arXiv 1709.01507) at the end of each block: by how much it narrows the
    /// channels; 0 has none.
    pub squeeze_excitation: i64,
    /// What follows each convolution.
    pub norm: Norm,
    /// The nonlinearity.
    pub activation: Activation,
    /// Dropout after every stage, in [0, 1).
    pub dropout: f64,
    /// Chance that the last residual block is left out of a training step, in [0, 1); the ones before in proportion to
    /// their place (Huang et al., arXiv 1603.09382).
    pub stochastic_depth: f64,
    /// Features per label frame that this and the semantic path hand on; 0 hands on all channels and bands that the last
    /// stage leaves.
    pub output: i64,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            stages: 3,
            blocks: 1,
            block: Block::Residual,
            convolution: Convolution::Full,
            width: 32,
            max_width: 128,
            kernel: [3, 3],
            time_factors: None,
            band_factors: None,
            time_by: Reduction::Pool,
            band_by: Reduction::Pool,
            pool: PoolKind::Max,
            squeeze_excitation: 0,
            norm: Norm::Batch,
            activation: Activation::Relu,
            dropout: 0.1,
            stochastic_depth: 0.0,
            output: 128,
        }
    }
}

/// By how much the first stage makes the bands fewer, where nothing is said.
const FIRST_BAND_FACTOR: i64 = 4;

impl EncoderConfig {
    /// Channels of every stage.
    pub fn widths(&self) -> Vec<i64> {
        let limit = self.max_width.max(self.width);
        (0..self.stages).map(|stage| (self.width << stage.min(16)).min(limit)).collect()
    }

    /// `[time, bands]` factor of every stage, for descriptors of so many bands with so many frames in a label frame.
    pub fn factors(&self, bands: i64, frames_per_label: i64) -> Vec<[i64; 2]> {
        let mut left = bands;
        let factor = |stage: usize| {
            let given = |factors: &Option<Vec<i64>>, default| {
                factors.as_ref().map_or(default, |factors| factors.get(stage).copied().unwrap_or(1))
            };
            let band = given(&self.band_factors, if stage == 0 { FIRST_BAND_FACTOR } else { 2 }).min(left);
            left = (left + band - 1) / band;
            [given(&self.time_factors, if stage == 0 { frames_per_label } else { 1 }), band]
        };
        (0..self.stages as usize).map(factor).collect()
    }

    /// Bands that every stage leaves.
    pub fn bands(&self, bands: i64, frames_per_label: i64) -> Vec<i64> {
        let fewer = |left: &mut i64, [_, factor]: [i64; 2]| {
            *left = (*left + factor - 1) / factor;
            Some(*left)
        };
        self.factors(bands, frames_per_label).into_iter().scan(bands, fewer).collect()
    }

    /// Features per label frame that it hands on.
    pub fn output_width(&self, bands: i64, frames_per_label: i64) -> i64 {
        if self.output > 0 {
            return self.output;
        }
        let last = |values: Vec<i64>| values.last().copied().unwrap_or(1);
        last(self.widths()) * last(self.bands(bands, frames_per_label))
    }
}
