//! Weights to begin with.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tch::{Device, Kind, Tensor};

use super::network;
use crate::backbone::blocks::Conv;

/// Tensors of all blocks, by name: kernels that keep the variance through a ReLU (K. He et al., "Delving Deep into
/// Rectifiers", arXiv 1502.01852), batch norms that change nothing.
pub(super) fn tensors(rng: &mut ChaCha8Rng) -> BTreeMap<String, Tensor> {
    let network = network();
    let convs = network.blocks.iter().flat_map(|block| &block.convs);
    convs.flat_map(|conv| of_conv(conv, rng)).collect()
}

fn of_conv(conv: &Conv, rng: &mut ChaCha8Rng) -> Vec<(String, Tensor)> {
    let fan_in: i64 = conv.shape[1..].iter().product();
    let mut tensors =
        vec![(format!("{}.weight", conv.name), normal(&conv.shape, (2.0 / fan_in as f64).sqrt(), rng))];
    if let Some(norm) = &conv.norm {
        let parts = [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)];
        let constant = |value: f64| Tensor::full([conv.shape[0]], value, (Kind::Float, Device::Cpu));
        tensors.extend(parts.map(|(part, value)| (format!("{}.{part}", norm.name), constant(value))));
    }
    tensors
}

/// Normally distributed with this deviation, float32 on the CPU.
pub(super) fn normal(shape: &[i64], deviation: f64, rng: &mut ChaCha8Rng) -> Tensor {
    let count = shape.iter().product::<i64>();
    let draw = |_| (rng.sample::<f64, _>(StandardNormal) * deviation) as f32;
    Tensor::from_slice(&(0..count).map(draw).collect::<Vec<f32>>()).view(shape)
}
