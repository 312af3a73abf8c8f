//! The spatial path's early encoder: descriptors to features at label-frame rate.
//!
//! Every stage is some blocks, a reduction of time and bands, and dropout. It can be run stage by stage, so that the
//! other path is heard in between.

use tch::nn::{self, Module};
use tch::{Device, Kind, Tensor};

use super::arch::{Activation, Block, EncoderConfig, PoolKind, Reduction};
use super::layers::{ConvUnit, SqueezeExcitation, activate, batch_norm, linear};

/// See the module.
#[derive(Debug)]
pub(super) struct SpatialEncoder {
    input_norm: nn::BatchNorm,
    stages: Vec<Stage>,
    /// Frames that are left in a label frame after the last stage.
    left: i64,
    projection: Option<nn::Linear>,
    dropout: f64,
}

#[derive(Debug)]
struct Stage {
    blocks: Vec<EncoderBlock>,
    pool: [i64; 2],
    pool_kind: PoolKind,
}

#[derive(Debug)]
struct EncoderBlock {
    units: Vec<ConvUnit>,
    /// Around the units of a residual block; `None` within: the input as it is.
    shortcut: Option<Shortcut>,
    squeeze: Option<SqueezeExcitation>,
    activation: Activation,
    /// Chance of being left out of a training step.
    drop: f64,
}

#[derive(Debug)]
struct Shortcut(Option<nn::Conv2D>);

/// The descriptors that the encoder is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Channels.
    pub channels: i64,
    /// Bands.
    pub bands: i64,
    /// Frames in a label frame; what the stages do to time must divide it.
    pub frames_per_label: i64,
}

impl SpatialEncoder {
    pub(super) fn new(path: &nn::Path, config: &EncoderConfig, picture: Picture) -> Self {
        let Picture { channels, bands, frames_per_label } = picture;
        let input_norm = nn::batch_norm1d(path / "input_norm", channels * bands, Default::default());
        let (mut from, mut left, mut stages) = (channels, frames_per_label, Vec::new());
        let factors = config.factors(bands, frames_per_label);
        for (index, (width, factors)) in config.widths().into_iter().zip(factors).enumerate() {
            let path = path / format!("stage{}", index + 1);
            stages.push(Stage::new(&path, config, index as i64, [from, width], factors));
            from = width;
            left /= factors[0];
        }
        let bands_left = config.bands(bands, frames_per_label).last().copied().unwrap_or(bands);
        let projection =
            (config.output > 0).then(|| linear(path / "projection", from * bands_left, config.output));
        Self { input_norm, stages, left, projection, dropout: config.dropout }
    }

    /// Descriptors `[B, C, T, F]` as the first stage takes them.
    pub(super) fn begin(&self, descriptors: &Tensor, train: bool) -> Tensor {
        let [_, channels, _, bands] = sizes(descriptors);
        // One scale for each channel and band, as levels differ by tens of dB between bands.
        let rows = descriptors.permute([0, 1, 3, 2]).flatten(1, 2);
        let normal = batch_norm(&self.input_norm, &rows, train).unflatten(1, [channels, bands]);
        channels_last(&normal.permute([0, 1, 3, 2]))
    }

    /// Number of stages.
    pub(super) fn stages(&self) -> usize {
        self.stages.len()
    }

    /// `[B, C, T, F]` as the stage before gave it, to what this one makes of it. From 0.
    pub(super) fn stage(&self, index: usize, x: &Tensor, train: bool) -> Tensor {
        self.stages[index].forward(x, train).dropout(self.dropout, train)
    }

    /// What the last stage gave to features at label-frame rate, `[B, T, output]`.
    pub(super) fn finish(&self, x: &Tensor) -> Tensor {
        let rows = match self.left {
            1 => x.shallow_clone(),
            left => x.avg_pool2d([left, 1], [left, 1], [0, 0], true, false, None::<i64>),
        };
        let features = rows.transpose(1, 2).flatten(2, 3);
        match &self.projection {
            Some(projection) => projection.forward(&features).relu(),
            None => features,
        }
    }
}

impl Stage {
    fn new(
        path: &nn::Path,
        config: &EncoderConfig,
        index: i64,
        [from, width]: [i64; 2],
        factors: [i64; 2],
    ) -> Self {
        let by = [config.time_by, config.band_by];
        let part = |reduction| [0, 1].map(|axis| if by[axis] == reduction { factors[axis] } else { 1 });
        let block = |block: i64| {
            let (from, step) = if block == 0 { (from, part(Reduction::Stride)) } else { (width, [1, 1]) };
            let depth = (index * config.blocks + block + 1) as f64 / (config.stages * config.blocks) as f64;
            let path = path / format!("block{}", block + 1);
            EncoderBlock::new(&path, config, [from, width], step, config.stochastic_depth * depth)
        };
        Self {
            blocks: (0..config.blocks).map(block).collect(),
            pool: part(Reduction::Pool),
            pool_kind: config.pool,
        }
    }

    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let x = self.blocks.iter().fold(x.shallow_clone(), |x, block| block.forward(&x, train));
        let pool = self.pool;
        match (pool, self.pool_kind) {
            ([1, 1], _) => x,
            (_, PoolKind::Max) => x.max_pool2d(pool, pool, [0, 0], [1, 1], true),
            (_, PoolKind::Mean) => x.avg_pool2d(pool, pool, [0, 0], true, false, None::<i64>),
        }
    }
}

impl EncoderBlock {
    fn new(path: &nn::Path, config: &EncoderConfig, [from, to]: [i64; 2], step: [i64; 2], drop: f64) -> Self {
        let unit = |name: &str, from, step| ConvUnit::new(&(path / name), config, from, to, step);
        let is_residual = config.block == Block::Residual;
        let mut units = vec![unit("unit1", from, step)];
        if is_residual {
            units.push(unit("unit2", to, [1, 1]));
        }
        let projects = from != to || step != [1, 1];
        let shortcut = || {
            let config = nn::ConvConfigND::<[i64; 2]> { stride: step, bias: false, ..Default::default() };
            Shortcut(projects.then(|| nn::conv(path / "shortcut", from, to, [1, 1], config)))
        };
        let reduction = config.squeeze_excitation;
        Self {
            units,
            shortcut: is_residual.then(shortcut),
            squeeze: (reduction > 0).then(|| SqueezeExcitation::new(&(path / "squeeze"), to, reduction)),
            activation: config.activation,
            drop,
        }
    }

    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let mut inner = self.units[0].forward(x, train);
        for unit in &self.units[1..] {
            inner = unit.forward(&activate(self.activation, &inner), train);
        }
        if let Some(squeeze) = &self.squeeze {
            inner = squeeze.forward(&inner);
        }
        if let Some(Shortcut(shortcut)) = &self.shortcut {
            if train && self.drop > 0.0 {
                inner *= kept(x, self.drop);
            }
            inner += shortcut.as_ref().map_or_else(|| x.shallow_clone(), |conv| conv.forward(x));
        }
        activate(self.activation, &inner)
    }
}

/// For each row of a batch, 0 with a chance of `drop`, else what keeps the mean: `[B, 1, 1, 1]`.
fn kept(x: &Tensor, drop: f64) -> Tensor {
    let draw = Tensor::rand([x.size()[0], 1, 1, 1], (Kind::Float, Device::Cpu));
    draw.ge(drop).to_kind(Kind::Float).to(x.device()) / (1.0 - drop)
}

/// Channels last in memory: convolutions and all after them keep the order and run faster in it (see benches/encoder.rs).
pub(super) fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// The sizes of a 4-d tensor. Only the channel and band axes may be used: the others are symbolic in a trace.
fn sizes(x: &Tensor) -> [i64; 4] {
    debug_assert_eq!(x.kind(), Kind::Float, "the encoder takes [B, C, T, F] float32");
    let size = x.size();
    assert_eq!(size.len(), 4, "this is a bug: the encoder takes [B, C, T, F], got {size:?}");
    [size[0], size[1], size[2], size[3]]
}
