//! The hidden layers of a track.

use tch::Tensor;
use tch::nn::{self, Module};

use super::arch::{TemporalConfig, TrackKind, TracksConfig};
use super::layers::{Attention, linear};
use super::temporal::Temporal;

/// The layers of one track, or of all tracks.
#[derive(Debug)]
pub(super) struct Lane {
    layers: Vec<Layer>,
    temporal: Option<Temporal>,
    dropout: f64,
}

#[derive(Debug)]
enum Layer {
    Linear(nn::Linear),
    Conv(nn::Conv1D),
    Attention { projection: Option<nn::Linear>, attention: Attention, norm: nn::LayerNorm },
}

impl Lane {
    /// `temporal`: smoothing after the layers.
    pub(super) fn new(
        path: &nn::Path,
        config: &TracksConfig,
        temporal: Option<&TemporalConfig>,
        input: i64,
    ) -> Self {
        let width = config.width;
        let layer = |index: i64| {
            let from = if index == 0 { input } else { width };
            let path = path / format!("layer{}", index + 1);
            match config.kind {
                TrackKind::Linear => Layer::Linear(linear(path, from, width)),
                TrackKind::Conv1d => {
                    let conv = nn::ConvConfig { padding: config.kernel / 2, ..Default::default() };
                    Layer::Conv(nn::conv1d(path, from, width, config.kernel, conv))
                }
                TrackKind::Attention => Layer::Attention {
                    projection: (from != width).then(|| linear(&path / "projection", from, width)),
                    attention: Attention::new(&(&path / "attention"), width, width, config.heads),
                    norm: nn::layer_norm(&path / "norm", vec![width], Default::default()),
                },
            }
        };
        Self {
            layers: (0..config.depth).map(layer).collect(),
            temporal: temporal.map(|temporal| Temporal::new(&(path / "temporal"), temporal, width)),
            dropout: config.dropout,
        }
    }

    /// Features per label frame that it gives.
    pub(super) fn width(config: &TracksConfig, temporal: Option<&TemporalConfig>) -> i64 {
        temporal.map_or(config.width, |temporal| temporal.output_width(config.width))
    }

    /// `[B, T, input]` to `[B, T, Lane::width]`.
    pub(super) fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let x = self.layers.iter().fold(x.shallow_clone(), |x, layer| layer.forward(&x, self.dropout, train));
        self.temporal.as_ref().map_or_else(|| x.shallow_clone(), |temporal| temporal.forward(&x, train))
    }
}

impl Layer {
    fn forward(&self, x: &Tensor, dropout: f64, train: bool) -> Tensor {
        match self {
            Self::Linear(linear) => linear.forward(x).relu().dropout(dropout, train),
            Self::Conv(conv) => {
                conv.forward(&x.transpose(1, 2)).transpose(1, 2).relu().dropout(dropout, train)
            }
            Self::Attention { projection, attention, norm } => {
                let x = projection.as_ref().map_or_else(|| x.shallow_clone(), |linear| linear.forward(x));
                norm.forward(&(&x + attention.forward(&x, &x).dropout(dropout, train)))
            }
        }
    }
}
