//! Track-wise abstraction and heads: class activities and one direction for every track.

use tch::nn::{self, Init};
use tch::{Kind, Tensor};

use super::arch::TracksConfig;

/// Activity every class starts with, so that training does not begin by unlearning false alarms.
const PRIOR_ACTIVITY: f64 = 0.05;

/// What the network says, at label-frame rate.
#[derive(Debug)]
pub struct Output {
    /// Activity logits `[B, T, N, K]`.
    pub activity: Tensor,
    /// Direction vectors `[B, T, N, 3]` (x front, y left, z up), each component in (-1, 1), any length.
    pub direction: Tensor,
}

/// One head for activity on the semantic path, one for direction on the spatial path, both with hidden layers of
/// their own for every track.
#[derive(Debug)]
pub(super) struct TrackHeads {
    activity: TrackHead,
    direction: TrackHead,
}

#[derive(Debug)]
struct TrackHead {
    abstraction: nn::Linear,
    tracks: i64,
    width: i64,
    dropout: f64,
    /// `[N, width, out]`
    weight: Tensor,
    /// `[N, out]`
    bias: Tensor,
}

impl TrackHeads {
    pub(super) fn new(path: &nn::Path, config: &TracksConfig, input: i64, classes: i64) -> Self {
        let logit = (PRIOR_ACTIVITY / (1.0 - PRIOR_ACTIVITY)).ln();
        Self {
            activity: TrackHead::new(&(path / "activity"), config, input, classes, logit),
            direction: TrackHead::new(&(path / "direction"), config, input, 3, 0.0),
        }
    }

    /// `[B, T, input]` of both paths.
    pub(super) fn forward(&self, semantic: &Tensor, spatial: &Tensor, train: bool) -> Output {
        Output {
            activity: self.activity.forward(semantic, train),
            direction: self.direction.forward(spatial, train).tanh(),
        }
    }
}

/// Multiply-adds of one label frame.
pub(super) fn macs_per_frame(config: &TracksConfig, input: i64, classes: i64) -> i64 {
    config.count * config.width * (2 * input + classes + 3)
}

impl TrackHead {
    fn new(path: &nn::Path, config: &TracksConfig, input: i64, output: i64, bias: f64) -> Self {
        let &TracksConfig { count: tracks, width, dropout } = config;
        let bound = 1.0 / (width as f64).sqrt();
        Self {
            abstraction: nn::linear(path / "abstraction", input, tracks * width, Default::default()),
            tracks,
            width,
            dropout,
            weight: path.var("weight", &[tracks, width, output], Init::Uniform { lo: -bound, up: bound }),
            bias: path.var("bias", &[tracks, output], Init::Const(bias)),
        }
    }

    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        debug_assert_eq!(x.kind(), Kind::Float, "heads take [B, T, C] float32");
        let hidden = x.apply(&self.abstraction).relu().dropout(self.dropout, train);
        let hidden = hidden.unflatten(2, [self.tracks, self.width]).unsqueeze(-2);
        hidden.matmul(&self.weight).squeeze_dim(-2) + &self.bias
    }
}
