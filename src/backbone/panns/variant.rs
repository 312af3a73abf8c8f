//! The networks as data.

use super::network::CLASSES;
use super::{front_end, mobilenet};
use crate::backbone::blocks::{BatchNorm, BlockPlan, Conv, Network, Pool};
use crate::backbone::tagger::Activation;

/// What tells one of the networks from the others.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// Name in the registry.
    pub name: &'static str,
    /// Names of the blocks, in the order they are applied in.
    pub blocks: &'static [&'static str],
    /// Features of the authors' embedding.
    pub embedding: i64,
    /// How logits become probabilities.
    pub activation: Activation,
    pub(super) family: Family,
}

/// How the blocks are built.
#[derive(Debug, Clone, Copy)]
pub(super) enum Family {
    /// Like VGG: some convolutions, then 2 x 2 average pooling.
    Cnn {
        kernel: i64,
        /// Convolutions of a block.
        convs: i64,
        /// After each block.
        channels: &'static [i64],
        /// Whether the last block pools as the others do, or not at all.
        last_pools: bool,
    },
    /// Depthwise separable convolutions.
    MobileNet,
}

const CONV_BLOCKS: [&str; 6] =
    ["conv_block1", "conv_block2", "conv_block3", "conv_block4", "conv_block5", "conv_block6"];

/// Four blocks of one 5 x 5 convolution.
pub const CNN6: Variant = Variant {
    name: "cnn6",
    blocks: CONV_BLOCKS.split_at(4).0,
    embedding: 512,
    activation: Activation::Sigmoid,
    family: Family::Cnn { kernel: 5, convs: 1, channels: &[64, 128, 256, 512], last_pools: true },
};

/// Four blocks of two 3 x 3 convolutions.
pub const CNN10: Variant = Variant {
    name: "cnn10",
    blocks: CONV_BLOCKS.split_at(4).0,
    embedding: 512,
    activation: Activation::Sigmoid,
    family: Family::Cnn { kernel: 3, convs: 2, channels: &[64, 128, 256, 512], last_pools: true },
};

/// Six blocks of two 3 x 3 convolutions.
pub const CNN14: Variant = Variant {
    name: "cnn14",
    blocks: &CONV_BLOCKS,
    embedding: 2048,
    activation: Activation::Sigmoid,
    family: Family::Cnn {
        kernel: 3,
        convs: 2,
        channels: &[64, 128, 256, 512, 1024, 2048],
        last_pools: false,
    },
};

/// [`CNN14`] with half of the filters pruned in the last three blocks.
pub const EPANNS: Variant = Variant {
    name: "epanns",
    // Its authors' code ends with a softmax, though AudioSet's classes do not exclude each other.
    activation: Activation::Softmax,
    family: Family::Cnn { kernel: 3, convs: 2, channels: &[64, 128, 256, 256, 512, 1024], last_pools: false },
    ..CNN14
};

/// Fourteen blocks, all but the first depthwise separable.
pub const MOBILENETV1: Variant = Variant {
    name: "mobilenetv1",
    blocks: &mobilenet::NAMES,
    embedding: mobilenet::CHANNELS,
    activation: Activation::Sigmoid,
    family: Family::MobileNet,
};

impl Variant {
    /// The network as data.
    pub fn network(&self) -> Network {
        let blocks = match self.family {
            Family::Cnn { kernel, convs, channels, last_pools } => {
                let mut input = 1;
                let block = |(index, &output): (usize, &i64)| {
                    let name = self.blocks[index];
                    let conv = |layer: i64| {
                        let input = if layer == 1 { input } else { output };
                        let shape = [output, input, kernel, kernel];
                        Conv::plain(format!("{name}.conv{layer}"), norm(format!("{name}.bn{layer}")), shape)
                    };
                    let convs = (1..=convs).map(conv).collect();
                    let pools = last_pools || index + 1 < channels.len();
                    input = output;
                    BlockPlan { name, convs, pool: if pools { Pool::Mean } else { Pool::Keep } }
                };
                channels.iter().enumerate().map(block).collect()
            }
            Family::MobileNet => mobilenet::blocks(),
        };
        let head = (self.channels() + 1) * self.embedding + (self.embedding + 1) * CLASSES;
        Network { picture: front_end::PICTURE, blocks, other_parameters: head + 2 * front_end::BANDS }
    }

    /// Channels of the last block.
    pub(super) fn channels(&self) -> i64 {
        match self.family {
            Family::Cnn { channels, .. } => channels.last().copied().unwrap_or(1),
            Family::MobileNet => mobilenet::CHANNELS,
        }
    }
}

/// A batch norm of this name.
pub(super) fn norm(name: String) -> Option<BatchNorm> {
    Some(BatchNorm { name, epsilon: 1e-5 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_operations_are_those_that_the_authors_count() {
        // Table 3 of the PANNs paper: parameters, and 10^9 "multi-adds" of 10 s of sound. They count a multiplication and an
        // addition as two, and with them the transform, which is a convolution in their code.
        let published = [
            (CNN6, 4_837_455, 21.986),
            (CNN10, 5_219_279, 28.166),
            (CNN14, 80_753_615, 42.220),
            (MOBILENETV1, 4_796_303, 3.614),
        ];
        let transform = 2.0 * 2.0 * 513.0 * 1024.0 * 1001.0;
        for (variant, parameters, operations) in published {
            let network = variant.network();
            assert_eq!(network.parameters(), parameters, "{}", variant.name);
            let counted = 2.0 * 10.0 * network.macs_per_second() + transform;
            let ratio = counted / (operations * 1e9);
            assert!((0.98..1.02).contains(&ratio), "{}: {counted:e}", variant.name);
        }
    }
}
