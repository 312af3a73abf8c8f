//! The blocks of MobileNetV1: depthwise separable convolutions (A. G. Howard et al., arXiv 1704.04861), with pooling
//! where the original has strides.

use super::variant::norm;
use crate::backbone::blocks::{BlockPlan, Conv, Pool};

/// Names of the blocks.
pub(super) const NAMES: [&str; 14] = [
    "features.0",
    "features.1",
    "features.2",
    "features.3",
    "features.4",
    "features.5",
    "features.6",
    "features.7",
    "features.8",
    "features.9",
    "features.10",
    "features.11",
    "features.12",
    "features.13",
];

/// Channels after each block, and whether it halves time and frequency.
const BLOCKS: [(i64, bool); 14] = [
    (32, true),
    (64, false),
    (128, true),
    (128, false),
    (256, true),
    (256, false),
    (512, true),
    (512, false),
    (512, false),
    (512, false),
    (512, false),
    (512, false),
    (1024, true),
    (1024, false),
];

/// Channels of the last block.
pub(super) const CHANNELS: i64 = BLOCKS[13].0;

pub(super) fn blocks() -> Vec<BlockPlan> {
    let mut input = 1;
    let block = |(name, (output, pool)): (&'static str, (i64, bool))| {
        let conv = |conv: i64, batch_norm: i64, shape| {
            Conv::plain(format!("{name}.{conv}"), norm(format!("{name}.{batch_norm}")), shape)
        };
        let convs = match input {
            1 => vec![Conv { pool, ..conv(0, 2, [output, input, 3, 3]) }],
            _ => vec![
                Conv { pool, groups: input, ..conv(0, 2, [input, 1, 3, 3]) },
                conv(4, 5, [output, input, 1, 1]),
            ],
        };
        input = output;
        BlockPlan { name, convs, pool: Pool::Keep }
    };
    NAMES.into_iter().zip(BLOCKS).map(block).collect()
}
