//! How a path learns of the other.

use tch::Tensor;
use tch::nn::{self, Init, Module};

use crate::model::arch::{FusionConfig, FusionOperator};
use crate::model::layers::{Attention, linear};

/// Weight of the own path in a cross-stitch at the start; the other path has the rest.
const OWN_WEIGHT: f64 = 0.9;

/// What one path makes of the other.
#[derive(Debug)]
pub(super) enum Operator {
    /// One row of the 2x2 mixing of every channel.
    CrossStitch {
        own: Tensor,
        other: Tensor,
        projection: Option<nn::Linear>,
    },
    Concat(nn::Linear),
    Film {
        linear: nn::Linear,
        channels: i64,
    },
    Gated {
        gate: nn::Linear,
        projection: nn::Linear,
    },
    CrossAttention {
        norm: nn::LayerNorm,
        attention: Attention,
    },
}

impl Operator {
    pub(super) fn new(path: &nn::Path, config: &FusionConfig, own: i64, other: i64) -> Self {
        match config.operator {
            FusionOperator::CrossStitch => Self::CrossStitch {
                own: path.var("mixing_own", &[own], Init::Const(OWN_WEIGHT)),
                other: path.var("mixing_other", &[own], Init::Const(1.0 - OWN_WEIGHT)),
                projection: (own != other).then(|| linear(path / "projection", other, own)),
            },
            FusionOperator::Concat => Self::Concat(linear(path / "projection", own + other, own)),
            FusionOperator::Film => {
                Self::Film { linear: linear(path / "scale_and_shift", other, 2 * own), channels: own }
            }
            FusionOperator::Gated => Self::Gated {
                gate: linear(path / "gate", own + other, own),
                projection: linear(path / "projection", other, own),
            },
            FusionOperator::CrossAttention => Self::CrossAttention {
                norm: nn::layer_norm(path / "norm", vec![own], Default::default()),
                attention: Attention::new(&(path / "attention"), own, other, config.heads),
            },
        }
    }

    /// `own` `[B, T, C]` or `[B, T, F, C]`, `other` on the same times and bands with its own channels, to the shape of
    /// `own`.
    pub(super) fn forward(&self, own: &Tensor, other: &Tensor) -> Tensor {
        match self {
            Self::CrossStitch { own: weight, other: other_weight, projection } => {
                let projected = projection.as_ref().map(|linear| linear.forward(other));
                own * weight + projected.as_ref().unwrap_or(other) * other_weight
            }
            Self::Concat(linear) => linear.forward(&Tensor::cat(&[own, other], -1)),
            Self::Film { linear, channels } => {
                let both = linear.forward(other);
                own * (both.narrow(-1, 0, *channels) + 1.0) + both.narrow(-1, *channels, *channels)
            }
            Self::Gated { gate, projection } => {
                let gate = gate.forward(&Tensor::cat(&[own, other], -1)).sigmoid();
                own + gate * projection.forward(other)
            }
            Self::CrossAttention { norm, attention } => {
                let bands = (own.dim() == 4).then(|| own.size()[2]);
                let rows = |x: &Tensor| match bands {
                    // Every band for itself: [B, T, F, C] to [B * F, T, C].
                    Some(_) => x.transpose(1, 2).flatten(0, 1),
                    None => x.shallow_clone(),
                };
                let answer = attention.forward(&rows(own), &rows(other));
                let answer = match bands {
                    Some(bands) => answer.unflatten(0, [-1, bands]).transpose(1, 2),
                    None => answer,
                };
                norm.forward(&(own + answer))
            }
        }
    }
}
