//! A convolution with its normalisation.

use tch::Tensor;
use tch::nn::{self, ConvConfigND, Module};

use super::batch_norm;
use crate::model::arch::{Activation, Convolution, EncoderConfig, Norm};

/// Channels of a group of [`Norm::Group`].
const GROUP: i64 = 8;

/// A convolution over `[B, C, T, F]` and what normalises its output.
#[derive(Debug)]
pub(in crate::model) struct ConvUnit {
    /// Over time and bands of each channel; only where the convolution is separable.
    depthwise: Option<nn::Conv2D>,
    conv: nn::Conv2D,
    norm: Normaliser,
}

#[derive(Debug)]
enum Normaliser {
    Batch(nn::BatchNorm),
    Group(nn::GroupNorm),
    None,
}

impl ConvUnit {
    /// `step`: of time and bands. The ends are padded, so that every step gives a frame and a band.
    pub(in crate::model) fn new(
        path: &nn::Path,
        config: &EncoderConfig,
        from: i64,
        to: i64,
        step: [i64; 2],
    ) -> Self {
        let kernel = config.kernel;
        let over_picture = |groups, bias| ConvConfigND::<[i64; 2]> {
            stride: step,
            padding: [kernel[0] / 2, kernel[1] / 2],
            groups,
            bias,
            ..Default::default()
        };
        let bias = config.norm == Norm::None;
        let (depthwise, conv) = match config.convolution {
            Convolution::Full => (None, nn::conv(path / "conv", from, to, kernel, over_picture(1, bias))),
            Convolution::Separable => {
                let depthwise = nn::conv(path / "depthwise", from, from, kernel, over_picture(from, false));
                let pointwise = nn::ConvConfig { bias, ..Default::default() };
                (Some(depthwise), nn::conv2d(path / "conv", from, to, 1, pointwise))
            }
        };
        Self { depthwise, conv, norm: Normaliser::new(&(path / "norm"), config.norm, to) }
    }

    /// `[B, from, T, F]` to `[B, to, T', F']`.
    pub(in crate::model) fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let x = self.depthwise.as_ref().map_or_else(|| x.shallow_clone(), |conv| conv.forward(x));
        self.norm.forward(&self.conv.forward(&x), train)
    }
}

impl Normaliser {
    fn new(path: &nn::Path, norm: Norm, channels: i64) -> Self {
        match norm {
            Norm::Batch => Self::Batch(nn::batch_norm2d(path, channels, Default::default())),
            Norm::Group => {
                let size = (1..=GROUP).rev().find(|size| channels % size == 0).unwrap_or(1);
                Self::Group(nn::group_norm(path, channels / size, channels, Default::default()))
            }
            Norm::None => Self::None,
        }
    }

    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        match self {
            Self::Batch(norm) => batch_norm(norm, x, train),
            Self::Group(norm) => norm.forward(x),
            Self::None => x.shallow_clone(),
        }
    }
}

/// The nonlinearity.
pub(in crate::model) fn activate(activation: Activation, x: &Tensor) -> Tensor {
    match activation {
        Activation::Relu => x.relu(),
        Activation::LeakyRelu => x.leaky_relu(),
        Activation::Elu => x.elu(),
        Activation::Gelu => x.gelu("none"),
        Activation::Silu => x.silu(),
    }
}
