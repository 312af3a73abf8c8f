//! The network as data.

use super::front_end;
use crate::backbone::blocks::{BatchNorm, BlockPlan, Conv, Network, Pool};

/// Stride and output channels of every block. The first is a full convolution, the others are separable.
const BLOCKS: [(i64, i64); 10] =
    [(2, 32), (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (1, 256), (1, 256), (1, 256), (1, EMBEDDING)];
const NAMES: [&str; 10] =
    ["block1", "block2", "block3", "block4", "block5", "block6", "block7", "block8", "block9", "block10"];
/// Features of the last block.
pub const EMBEDDING: i64 = 512;
const BATCH_NORM_EPSILON: f64 = 1e-5;

/// The network as data, but for the head, whose size is the file's. Tensors are named as the variables are that
/// [`Trunk::initial`](super::Trunk::initial) makes.
pub fn network() -> Network {
    let mut input = 1;
    let block = |(name, (stride, output)): (&'static str, (i64, i64))| {
        let conv = |index: usize, shape| {
            let name = format!("{name}.conv{index}");
            let norm = BatchNorm { name: format!("{name}.norm"), epsilon: BATCH_NORM_EPSILON };
            Conv::plain(name, Some(norm), shape)
        };
        let convs = match input {
            1 => vec![Conv { stride, ..conv(1, [output, input, 3, 3]) }],
            _ => vec![
                Conv { stride, groups: input, ..conv(1, [input, 1, 3, 3]) },
                conv(2, [output, input, 1, 1]),
            ],
        };
        input = output;
        BlockPlan { name, convs, pool: Pool::Keep }
    };
    let blocks = NAMES.into_iter().zip(BLOCKS).map(block).collect();
    Network { picture: front_end::PICTURE, blocks, other_parameters: 0 }
}
