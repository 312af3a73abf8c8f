//! Squeeze and excitation.

use tch::nn::{self, Module};
use tch::{Kind, Tensor};

use super::linear;

/// Weighs channels by what all of the chunk says about them (Hu et al., arXiv 1709.01507).
#[derive(Debug)]
pub(in crate::model) struct SqueezeExcitation {
    narrow: nn::Linear,
    wide: nn::Linear,
}

impl SqueezeExcitation {
    /// `reduction`: by how much the channels are narrowed in between.
    pub(in crate::model) fn new(path: &nn::Path, channels: i64, reduction: i64) -> Self {
        let inner = Self::inner(channels, reduction);
        Self {
            narrow: linear(path / "narrow", channels, inner),
            wide: linear(path / "wide", inner, channels),
        }
    }

    /// Channels in between.
    pub(in crate::model) fn inner(channels: i64, reduction: i64) -> i64 {
        (channels / reduction).max(1)
    }

    /// `[B, C, T, F]` to the same.
    pub(in crate::model) fn forward(&self, x: &Tensor) -> Tensor {
        let mean = x.mean_dim([2, 3].as_slice(), false, Kind::Float);
        let weight = self.wide.forward(&self.narrow.forward(&mean).relu()).sigmoid();
        x * weight.unsqueeze(-1).unsqueeze(-1)
    }
}
