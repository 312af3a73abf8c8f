//! Layers that several parts of the network are made of.

mod attention;
mod conv_unit;
mod squeeze;

pub(super) use attention::Attention;
pub(super) use conv_unit::{ConvUnit, activate};
pub(super) use squeeze::SqueezeExcitation;

use tch::Tensor;
use tch::nn::{self, Init, ModuleT};

/// A fully connected layer that begins as PyTorch's does: weights and biases uniform within 1 / sqrt(inputs).
pub(super) fn linear(path: nn::Path, input: i64, output: i64) -> nn::Linear {
    let bound = 1.0 / (input as f64).sqrt();
    let uniform = Init::Uniform { lo: -bound, up: bound };
    let config = nn::LinearConfig { ws_init: uniform, bs_init: Some(uniform), bias: true };
    nn::linear(path, input, output, config)
}

/// A batch norm on `[B, C, ...]`. While training it normalises by the batch, where that has more than one value a
/// channel: of one there is no variance.
pub(super) fn batch_norm(norm: &nn::BatchNorm, x: &Tensor, train: bool) -> Tensor {
    let has_variance = || x.numel() as i64 > x.size()[1];
    norm.forward_t(x, train && has_variance())
}
