//! A conformer block.

use tch::Tensor;
use tch::nn::{self, Module};

use super::layers::{Attention, batch_norm, linear};

/// How much wider a feed-forward layer is within.
pub(super) const EXPANSION: i64 = 4;

/// Half a feed-forward layer, self-attention, a convolution, another half, each around a shortcut (Gulati et al., arXiv
/// 2005.08100). Attention has no positions of its own: the convolutions before and after tell them apart.
#[derive(Debug)]
pub(super) struct ConformerBlock {
    before: FeedForward,
    attention_norm: nn::LayerNorm,
    attention: Attention,
    conv: ConvModule,
    after: FeedForward,
    norm: nn::LayerNorm,
    dropout: f64,
}

#[derive(Debug)]
struct FeedForward {
    norm: nn::LayerNorm,
    wide: nn::Linear,
    narrow: nn::Linear,
    dropout: f64,
}

#[derive(Debug)]
struct ConvModule {
    norm: nn::LayerNorm,
    gated: nn::Linear,
    depthwise: nn::Conv1D,
    batch_norm: nn::BatchNorm,
    output: nn::Linear,
}

impl ConformerBlock {
    pub(super) fn new(path: &nn::Path, width: i64, heads: i64, kernel: i64, dropout: f64) -> Self {
        let norm = |name: &str| nn::layer_norm(path / name, vec![width], Default::default());
        Self {
            before: FeedForward::new(&(path / "before"), width, dropout),
            attention_norm: norm("attention_norm"),
            attention: Attention::new(&(path / "attention"), width, width, heads),
            conv: ConvModule::new(&(path / "conv"), width, kernel),
            after: FeedForward::new(&(path / "after"), width, dropout),
            norm: norm("norm"),
            dropout,
        }
    }

    /// `[B, T, C]` to the same.
    pub(super) fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let x = x + self.before.forward(x, train) * 0.5;
        let normal = self.attention_norm.forward(&x);
        let x = &x + self.attention.forward(&normal, &normal).dropout(self.dropout, train);
        let x = &x + self.conv.forward(&x, train).dropout(self.dropout, train);
        self.norm.forward(&(&x + self.after.forward(&x, train) * 0.5))
    }
}

impl FeedForward {
    fn new(path: &nn::Path, width: i64, dropout: f64) -> Self {
        Self {
            norm: nn::layer_norm(path / "norm", vec![width], Default::default()),
            wide: linear(path / "wide", width, EXPANSION * width),
            narrow: linear(path / "narrow", EXPANSION * width, width),
            dropout,
        }
    }

    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let wide = self.wide.forward(&self.norm.forward(x)).silu().dropout(self.dropout, train);
        self.narrow.forward(&wide).dropout(self.dropout, train)
    }
}

impl ConvModule {
    fn new(path: &nn::Path, width: i64, kernel: i64) -> Self {
        let depthwise =
            nn::ConvConfig { groups: width, padding: kernel / 2, bias: false, ..Default::default() };
        Self {
            norm: nn::layer_norm(path / "norm", vec![width], Default::default()),
            gated: linear(path / "gated", width, 2 * width),
            depthwise: nn::conv1d(path / "depthwise", width, width, kernel, depthwise),
            batch_norm: nn::batch_norm1d(path / "batch_norm", width, Default::default()),
            output: linear(path / "output", width, width),
        }
    }

    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let gated = self.gated.forward(&self.norm.forward(x)).glu(-1).transpose(1, 2);
        let heard = batch_norm(&self.batch_norm, &self.depthwise.forward(&gated), train).silu();
        self.output.forward(&heard.transpose(1, 2))
    }
}
