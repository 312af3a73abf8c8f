//! Cost of smoothing, track-wise abstraction and heads.

use super::Part;
use super::encoder::mask;
use crate::model::arch::{
    Architecture, OutputFormat, TemporalConfig, TemporalKind, TemporalPlace, TrackKind, TrackSharing,
    TracksConfig,
};
use crate::model::conformer;
use crate::model::layers::Attention;

/// Values that a recurrent layer keeps for each hidden unit and frame: gates, and states before and after.
const KEPT_OF_GRU: i64 = 12;

/// Smoothing of a sequence of so many frames.
pub(super) fn temporal(config: &TemporalConfig, input: i64, frames: i64) -> Part {
    let &TemporalConfig { hidden, layers, kernel, .. } = config;
    let projection = || if input == hidden { Part::default() } else { Part::linear(input, hidden, frames) };
    match config.kind {
        TemporalKind::None => Part::default(),
        TemporalKind::Gru => {
            let directions = config.directions();
            let layer = |index: i64| {
                let from = if index == 0 { input } else { hidden * directions };
                Part {
                    parameters: directions * 3 * hidden * (from + hidden + 2),
                    macs: directions * 3 * hidden * (from + hidden) * frames,
                    kept: (from + directions * KEPT_OF_GRU * hidden) * frames,
                }
            };
            (0..layers).map(layer).sum()
        }
        TemporalKind::Conformer => {
            projection() + conformer_block(hidden, config.heads, kernel, frames) * layers
        }
        TemporalKind::Tcn => {
            let weights = kernel * hidden * hidden;
            let conv =
                Part { parameters: weights + hidden, macs: weights * frames, kept: 2 * hidden * frames };
            projection() + conv * layers
        }
    }
}

fn conformer_block(width: i64, heads: i64, kernel: i64, frames: i64) -> Part {
    let values = width * frames;
    let norm = || Part::norm(width, values);
    let wide = conformer::EXPANSION * width;
    let feed_forward = norm()
        + Part::linear(width, wide, frames)
        + Part::linear(wide, width, frames)
        + Part::kept(wide * frames);
    let depthwise = Part { parameters: kernel * width, macs: kernel * values, kept: values };
    let conv = norm()
        + Part::linear(width, 2 * width, frames)
        + Part::kept(2 * values)
        + depthwise
        + norm()
        + Part::kept(values)
        + Part::linear(width, width, frames);
    feed_forward * 2 + norm() + attention(width, width, heads, frames, frames) + conv + norm()
}

/// Attention of `own` features on `frames` frames to `other` features on `asked` frames.
pub(super) fn attention(own: i64, other: i64, heads: i64, frames: i64, asked: i64) -> Part {
    let head = Attention::head_width(own, heads);
    let inner = heads * head;
    let products = Part {
        parameters: 0,
        macs: 2 * heads * frames * asked * head,
        kept: heads * frames * asked + inner * (frames + 2 * asked),
    };
    // Key and value are made of the same, which is kept once.
    let value = Part { kept: 0, ..Part::linear(other, inner, asked) };
    Part::linear(own, inner, frames)
        + Part::linear(other, inner, asked)
        + value
        + products
        + Part::linear(inner, own, frames)
}

/// The heads. `semantic`: features of that path, where there is one.
pub(super) fn heads(
    arch: &Architecture,
    semantic: Option<i64>,
    spatial: i64,
    classes: i64,
    frames: i64,
) -> Part {
    let distance = i64::from(arch.output.distance);
    match arch.output.format {
        OutputFormat::Tracks => {
            head(arch, semantic.unwrap_or(spatial), classes, frames)
                + head(arch, spatial, 3 + distance, frames)
        }
        OutputFormat::Accdoa | OutputFormat::MultiAccdoa => {
            head(arch, semantic.unwrap_or(0) + spatial, classes * (3 + distance), frames)
        }
    }
}

fn head(arch: &Architecture, input: i64, outputs: i64, frames: i64) -> Part {
    let config = &arch.tracks;
    let lanes = if config.sharing == TrackSharing::Separate { config.count } else { 1 };
    let mut lane = lane(config, input, frames);
    let mut width = config.width;
    if arch.temporal.place == TemporalPlace::PerTrack {
        lane = lane + temporal(&arch.temporal, width, frames);
        width = arch.temporal.output_width(width);
    }
    let readout = Part {
        parameters: config.count * (width + 1) * outputs,
        macs: config.count * width * outputs * frames,
        kept: (lanes * width + config.count * outputs) * frames,
    };
    lane * lanes + readout
}

fn lane(config: &TracksConfig, input: i64, frames: i64) -> Part {
    let width = config.width;
    let values = width * frames;
    let masked = if config.dropout > 0.0 { Part::kept(mask(values)) } else { Part::default() };
    let layer = |index: i64| {
        let from = if index == 0 { input } else { width };
        let layer = match config.kind {
            TrackKind::Linear => Part::linear(from, width, frames) + Part::kept(values),
            TrackKind::Conv1d => {
                let weights = config.kernel * from * width;
                Part { parameters: weights + width, macs: weights * frames, kept: from * frames + values }
            }
            TrackKind::Attention => {
                let projection =
                    if from == width { Part::default() } else { Part::linear(from, width, frames) };
                projection + attention(width, width, config.heads, frames, frames) + Part::norm(width, values)
            }
        };
        layer + masked
    };
    (0..config.depth).map(layer).sum()
}
