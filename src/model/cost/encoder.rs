//! Cost of the spatial encoder.

use super::Part;
use crate::model::arch::{Activation, Block, Convolution, EncoderConfig, Norm, PoolKind, Reduction};
use crate::model::encoder::Picture;
use crate::model::layers::SqueezeExcitation;

/// A map: channels, frames, bands.
#[derive(Clone, Copy)]
struct Map {
    channels: i64,
    frames: i64,
    bands: i64,
}

impl Map {
    fn cells(self) -> i64 {
        self.frames * self.bands
    }

    fn values(self) -> i64 {
        self.channels * self.cells()
    }

    /// After steps or pools of these sizes, with `channels`.
    fn after(self, [time, band]: [i64; 2], channels: i64) -> Self {
        let fewer = |count: i64, by: i64| (count + by - 1) / by;
        Self { channels, frames: fewer(self.frames, time), bands: fewer(self.bands, band) }
    }
}

/// The encoder on so many label frames of descriptors.
pub(super) fn encoder(config: &EncoderConfig, picture: Picture, label_frames: i64) -> Part {
    let Picture { channels, bands, frames_per_label } = picture;
    let mut map = Map { channels, frames: label_frames * frames_per_label, bands };
    let mut part = Part::norm(channels * bands, map.values());
    let factors = config.factors(bands, frames_per_label);
    for (width, factors) in config.widths().into_iter().zip(factors) {
        let by = [config.time_by, config.band_by];
        let of = |reduction| [0, 1].map(|axis| if by[axis] == reduction { factors[axis] } else { 1 });
        for block in 0..config.blocks {
            let step = if block == 0 { of(Reduction::Stride) } else { [1, 1] };
            part = part + self::block(config, map, step, width);
            map = map.after(step, width);
        }
        let pool = of(Reduction::Pool);
        let pooled = map.after(pool, width);
        if pool != [1, 1] {
            // Where the largest was, in 64 bits.
            let places = if config.pool == PoolKind::Max { 2 * pooled.values() } else { 0 };
            part = part + Part::kept(map.values() + places);
        }
        map = pooled;
        if config.dropout > 0.0 {
            part = part + Part::kept(mask(map.values()));
        }
    }
    let features = map.channels * map.bands;
    if map.frames > label_frames {
        part = part + Part::kept(map.values());
    }
    if config.output > 0 {
        part = part
            + Part::linear(features, config.output, label_frames)
            + Part::kept(config.output * label_frames);
    }
    part
}

/// Values of 32 bits that a mask of so many bytes takes.
pub(super) fn mask(values: i64) -> i64 {
    values / 4
}

fn block(config: &EncoderConfig, map: Map, step: [i64; 2], width: i64) -> Part {
    let inner = map.after(step, width);
    let mut part = unit(config, map, step, width);
    if config.block == Block::Residual {
        // What the activation between both gave is the input of the second.
        part = part + activation(config, inner.values()) + unit(config, inner, [1, 1], width);
        if map.channels != width || step != [1, 1] {
            let weights = map.channels * width;
            part = part + Part { parameters: weights, macs: weights * inner.cells(), kept: 0 };
        }
    }
    if config.squeeze_excitation > 0 {
        let narrow = SqueezeExcitation::inner(width, config.squeeze_excitation);
        part = part
            + Part::linear(width, narrow, 1)
            + Part::linear(narrow, width, 1)
            + Part::kept(inner.values());
    }
    part + activation(config, inner.values())
}

/// A rectifier keeps its output, which what follows keeps too; the others keep their input.
fn activation(config: &EncoderConfig, values: i64) -> Part {
    match config.activation {
        Activation::Relu => Part::default(),
        Activation::LeakyRelu | Activation::Elu | Activation::Gelu | Activation::Silu => Part::kept(values),
    }
}

fn unit(config: &EncoderConfig, map: Map, step: [i64; 2], width: i64) -> Part {
    let kernel = config.kernel[0] * config.kernel[1];
    let output = map.after(step, width);
    let conv =
        |weights: i64, cells: i64, kept: i64| Part { parameters: weights, macs: weights * cells, kept };
    let mut part = match config.convolution {
        Convolution::Full => conv(kernel * map.channels * width, output.cells(), map.values()),
        Convolution::Separable => {
            let between = Map { channels: map.channels, ..output };
            conv(kernel * map.channels, output.cells(), map.values())
                + conv(map.channels * width, output.cells(), between.values())
        }
    };
    match config.norm {
        Norm::Batch | Norm::Group => part = part + Part::norm(width, output.values()),
        Norm::None => part.parameters += width,
    }
    part
}
