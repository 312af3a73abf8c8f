//! The spatial path's early residual encoder: descriptors to features at label-frame rate.
//!
//! Every stage is `blocks` residual blocks (He et al., arXiv 1512.03385: conv-norm-activation twice and a
//! shortcut), max pooling and dropout. The first stage pools time down to label frames: everything after it runs
//! at a fraction of the cost.

use tch::nn::{self, Module, ModuleT};
use tch::{Kind, Tensor};

use super::arch::EncoderConfig;

/// Frequency pooling of the first stage; the others halve.
const FIRST_BAND_POOL: i64 = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct SpatialEncoder {
    input_norm: nn::BatchNorm,
    stages: Vec<Stage>,
    projection: nn::Linear,
    dropout: f64,
}

#[derive(Debug)]
struct Stage {
    blocks: Vec<ResidualBlock>,
    pool: [i64; 2],
}

#[derive(Debug)]
struct ResidualBlock {
    conv1: nn::Conv2D,
    norm1: nn::BatchNorm,
    conv2: nn::Conv2D,
    norm2: nn::BatchNorm,
    shortcut: Option<nn::Conv2D>,
}

impl SpatialEncoder {
    /// `channels` x `bands`: the descriptors; `frames_per_label`: descriptor frames in a label frame.
    pub(super) fn new(
        path: &nn::Path,
        config: &EncoderConfig,
        channels: i64,
        bands: i64,
        frames_per_label: i64,
    ) -> Self {
        let input_norm = nn::batch_norm1d(path / "input_norm", channels * bands, Default::default());
        let (mut width_in, mut bands_left) = (channels, bands);
        let mut stages = Vec::new();
        for (index, pool) in pools(config, bands, frames_per_label).into_iter().enumerate() {
            let width = stage_width(config, index as u32);
            let path = path / format!("stage{}", index + 1);
            let block = |b| {
                let from = if b == 0 { width_in } else { width };
                ResidualBlock::new(&(&path / format!("block{}", b + 1)), from, width)
            };
            stages.push(Stage { blocks: (0..config.blocks).map(block).collect(), pool });
            width_in = width;
            bands_left = (bands_left + pool[1] - 1) / pool[1];
        }
        let projection =
            nn::linear(path / "projection", width_in * bands_left, config.output, Default::default());
        Self { input_norm, stages, projection, dropout: config.dropout }
    }

    /// `[B, C, frames, F]` to `[B, T, output]`.
    pub(super) fn forward(&self, descriptors: &Tensor, train: bool) -> Tensor {
        let [_, channels, _, bands] = sizes(descriptors);
        // One scale for each channel and band, as levels differ by tens of dB between bands.
        let mut x = descriptors
            .permute([0, 1, 3, 2])
            .flatten(1, 2)
            .apply_t(&self.input_norm, train)
            .unflatten(1, [channels, bands])
            // Channels last in memory: convolutions and all after them keep the order and run faster in it.
            .permute([0, 3, 2, 1])
            .contiguous()
            .permute([0, 3, 1, 2]);
        for stage in &self.stages {
            for block in &stage.blocks {
                x = block.forward(&x, train);
            }
            x = x.max_pool2d(stage.pool, stage.pool, [0, 0], [1, 1], true).dropout(self.dropout, train);
        }
        self.projection.forward(&x.transpose(1, 2).flatten(2, 3)).relu()
    }
}

/// Multiply-adds of one label frame.
pub(super) fn macs_per_frame(
    config: &EncoderConfig,
    channels: i64,
    bands: i64,
    frames_per_label: i64,
) -> i64 {
    let (mut width_in, mut bands_left, mut frames, mut macs) = (channels, bands, frames_per_label, 0);
    for (index, pool) in pools(config, bands, frames_per_label).into_iter().enumerate() {
        let width = stage_width(config, index as u32);
        for block in 0..config.blocks {
            let from = if block == 0 { width_in } else { width };
            let shortcut = if from == width { 0 } else { from * width };
            macs += (9 * from * width + 9 * width * width + shortcut) * bands_left * frames;
        }
        width_in = width;
        bands_left = (bands_left + pool[1] - 1) / pool[1];
        frames = (frames + pool[0] - 1) / pool[0];
    }
    macs + width_in * bands_left * config.output
}

fn stage_width(config: &EncoderConfig, index: u32) -> i64 {
    (config.width << index.min(16)).min(config.max_width.max(config.width))
}

/// `[time, band]` pooling of every stage; bands are never pooled below one.
fn pools(config: &EncoderConfig, bands: i64, frames_per_label: i64) -> Vec<[i64; 2]> {
    let mut bands_left = bands;
    let pool = |stage| {
        let band = if stage == 0 { FIRST_BAND_POOL } else { 2 }.min(bands_left);
        bands_left = (bands_left + band - 1) / band;
        [if stage == 0 { frames_per_label } else { 1 }, band]
    };
    (0..config.stages).map(pool).collect()
}

impl ResidualBlock {
    fn new(path: &nn::Path, from: i64, to: i64) -> Self {
        let conv = |name: &str, from| {
            let config = nn::ConvConfig { padding: 1, bias: false, ..Default::default() };
            nn::conv2d(path / name, from, to, 3, config)
        };
        let norm = |name: &str| nn::batch_norm2d(path / name, to, Default::default());
        let shortcut = (from != to).then(|| {
            let config = nn::ConvConfig { bias: false, ..Default::default() };
            nn::conv2d(path / "shortcut", from, to, 1, config)
        });
        Self {
            conv1: conv("conv1", from),
            norm1: norm("norm1"),
            conv2: conv("conv2", to),
            norm2: norm("norm2"),
            shortcut,
        }
    }

    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let inner = self.norm1.forward_t(&self.conv1.forward(x), train).relu();
        let inner = self.norm2.forward_t(&self.conv2.forward(&inner), train);
        match &self.shortcut {
            Some(shortcut) => inner + shortcut.forward(x),
            None => inner + x,
        }
        .relu()
    }
}

/// The sizes of a 4-d tensor. Only the channel and band axes may be used: the others are symbolic in a trace.
fn sizes(x: &Tensor) -> [i64; 4] {
    debug_assert_eq!(x.kind(), Kind::Float, "the encoder takes [B, C, T, F] float32");
    let size = x.size();
    assert_eq!(size.len(), 4, "this is a bug: the encoder takes [B, C, T, F], got {size:?}");
    [size[0], size[1], size[2], size[3]]
}
