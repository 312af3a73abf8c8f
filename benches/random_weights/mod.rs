//! Checkpoints with random weights: they cost what others cost.

use std::path::Path;

use at2seld::backbone::blocks::Network;
use tch::{Device, Kind, Tensor};

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Writes one for `network`, with a batch norm of its picture if it has one, and the linear layers after the blocks, one
/// upon the other: name and outputs of each.
pub fn write(network: &Network, picture_norm: Option<&str>, heads: &[(&str, i64)], path: &Path) {
    tch::manual_seed(1);
    let mut tensors = Vec::new();
    if let Some(name) = picture_norm {
        norm(&mut tensors, name, network.picture.bands);
    }
    for conv in network.blocks.iter().flat_map(|block| &block.convs) {
        let scale = (conv.shape[1..].iter().product::<i64>() as f64).sqrt();
        tensors.push((format!("{}.weight", conv.name), Tensor::randn(conv.shape, OPTIONS) / scale));
        if let Some(batch_norm) = &conv.norm {
            norm(&mut tensors, &batch_norm.name, conv.shape[0]);
        }
    }
    let mut input = network.taps().last().map_or(1, |tap| tap.channels);
    for (name, output) in heads {
        tensors.push((format!("{name}.weight"), Tensor::randn([*output, input], OPTIONS) * 0.01));
        tensors.push((format!("{name}.bias"), Tensor::zeros([*output], OPTIONS)));
        input = *output;
    }
    let named: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    Tensor::write_safetensors(&named, path).expect("a checkpoint");
}

fn norm(tensors: &mut Vec<(String, Tensor)>, name: &str, channels: i64) {
    for (part, value) in [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)] {
        tensors.push((format!("{name}.{part}"), Tensor::full([channels], value, OPTIONS)));
    }
}
