//! What the blocks are made of: convolutions with their batch norms folded in, and poolings.

use tch::{Kind, Tensor};

use super::variant::{Family, Variant};
use crate::backbone::weights::Weights;

const BATCH_NORM_EPSILON: f64 = 1e-5;

/// A convolution without stride, its batch norm, and ReLU.
#[derive(Debug)]
pub(super) struct Conv {
    weight: Tensor,
    bias: Tensor,
    groups: i64,
    /// Averages 2 x 2 before ReLU. The authors do it before the batch norm, which is the same: a mean of values all
    /// scaled and shifted alike is the mean, scaled and shifted.
    pool: bool,
}

/// Some convolutions, and what follows them.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) convs: Vec<Conv>,
    /// Averages 2 x 2 in the end.
    pub(super) pool: bool,
}

impl Conv {
    /// Reads the convolution `name`, of this shape `[out, in / groups, k, k]`, and the batch norm `norm_name`.
    pub(super) fn load(weights: &mut Weights, name: &str, norm_name: &str, shape: [i64; 4]) -> Self {
        let weight = weights.take(&format!("{name}.weight"), &shape);
        let (gain, bias) = norm(weights, norm_name, shape[0]);
        let weight = weight.to_kind(Kind::Double) * gain.view([-1, 1, 1, 1]);
        Self { weight: weights.place(&weight), bias: weights.place(&bias), groups: 1, pool: false }
    }

    /// The same, one group a channel.
    pub(super) fn depthwise(self) -> Self {
        Self { groups: self.weight.size()[0], ..self }
    }

    /// The same, with 2 x 2 pooling before ReLU.
    pub(super) fn pooled(self, pool: bool) -> Self {
        Self { pool, ..self }
    }

    /// `[B, C, T, F]` to `[B, C', T', F']`.
    fn forward(&self, x: &Tensor) -> Tensor {
        // Kernels are odd: the size stays.
        let padding = self.weight.size()[2] / 2;
        let x = x.conv2d(&self.weight, Some(&self.bias), 1, padding, 1, self.groups);
        if self.pool { halve(&x).relu_() } else { x.relu() }
    }
}

impl Block {
    /// `[B, C, T, F]` to `[B, C', T', F']`.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let mut x = x.shallow_clone();
        for conv in &self.convs {
            x = conv.forward(&x);
        }
        if self.pool { halve(&x) } else { x }
    }

    /// Whether time is halved in it.
    pub(super) fn halves(&self) -> bool {
        self.pool || self.convs.iter().any(|conv| conv.pool)
    }
}

/// The blocks of a network without depthwise convolutions, `conv_block1` and so on.
pub(super) fn blocks(weights: &mut Weights, variant: &Variant) -> Vec<Block> {
    let Family::Cnn { kernel, convs, channels, last_pools } = variant.family else { return Vec::new() };
    let mut blocks = Vec::with_capacity(channels.len());
    let mut input = 1;
    for (index, &output) in channels.iter().enumerate() {
        let name = variant.blocks[index];
        let conv = |layer: i64| {
            let input = if layer == 1 { input } else { output };
            let norm = format!("{name}.bn{layer}");
            Conv::load(weights, &format!("{name}.conv{layer}"), &norm, [output, input, kernel, kernel])
        };
        let convs = (1..=convs).map(conv).collect();
        blocks.push(Block { convs, pool: last_pools || index + 1 < channels.len() });
        input = output;
    }
    blocks
}

/// A batch norm's inference statistics as gain and shift, `[channels]` float64 on the CPU.
pub(super) fn norm(weights: &mut Weights, name: &str, channels: i64) -> (Tensor, Tensor) {
    let mut part = |part: &str| weights.take(&format!("{name}.{part}"), &[channels]).to_kind(Kind::Double);
    let (scale, shift) = (part("weight"), part("bias"));
    let (mean, variance) = (part("running_mean"), part("running_var"));
    weights.ignore(&format!("{name}.num_batches_tracked"));
    let gain = scale / (variance + BATCH_NORM_EPSILON).sqrt();
    let shift = shift - mean * &gain;
    (gain, shift)
}

/// Means of 2 x 2 values; an odd last row or column is left out.
fn halve(x: &Tensor) -> Tensor {
    x.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None::<i64>)
}
