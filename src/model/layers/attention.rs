//! Multi-head attention over time.

use tch::nn::{self, Module};
use tch::{Kind, Tensor};

use super::linear;

/// Multi-head attention (Vaswani et al., arXiv 1706.03762): of each time of one sequence to all times of another, or of
/// the same.
#[derive(Debug)]
pub(in crate::model) struct Attention {
    query: nn::Linear,
    key: nn::Linear,
    value: nn::Linear,
    output: nn::Linear,
    heads: i64,
    head_width: i64,
}

impl Attention {
    /// `own` features ask, `other` features are asked; the answer has `own` features.
    pub(in crate::model) fn new(path: &nn::Path, own: i64, other: i64, heads: i64) -> Self {
        let head_width = Self::head_width(own, heads);
        let inner = heads * head_width;
        Self {
            query: linear(path / "query", own, inner),
            key: linear(path / "key", other, inner),
            value: linear(path / "value", other, inner),
            output: linear(path / "output", inner, own),
            heads,
            head_width,
        }
    }

    /// Features of a head: heads need not divide the features.
    pub(in crate::model) fn head_width(own: i64, heads: i64) -> i64 {
        ((own + heads - 1) / heads).max(1)
    }

    /// `own` `[B, T, C]` and `other` `[B, S, D]` to `[B, T, C]`.
    pub(in crate::model) fn forward(&self, own: &Tensor, other: &Tensor) -> Tensor {
        // [B, H, T, D / H]
        let split = |x: Tensor| x.unflatten(2, [self.heads, self.head_width]).transpose(1, 2);
        let query = split(self.query.forward(own)) / (self.head_width as f64).sqrt();
        let (key, value) = (split(self.key.forward(other)), split(self.value.forward(other)));
        let weights = query.matmul(&key.transpose(2, 3)).softmax(-1, Kind::Float);
        self.output.forward(&weights.matmul(&value).transpose(1, 2).flatten(2, 3))
    }
}
