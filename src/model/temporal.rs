//! Smoothing over label frames.

use tch::Tensor;
use tch::nn::{self, Init, Module, RNN};

use super::arch::{TemporalConfig, TemporalJoin, TemporalKind};
use super::conformer::ConformerBlock;
use super::layers::linear;

/// Smoothing of a sequence.
#[derive(Debug)]
pub(super) struct Temporal {
    layers: Layers,
    dropout: f64,
}

#[derive(Debug)]
enum Layers {
    None,
    Gru { layers: Vec<nn::GRU>, hidden: i64, directions: i64, join: TemporalJoin },
    Conformer { projection: Option<nn::Linear>, blocks: Vec<ConformerBlock> },
    Tcn { projection: Option<nn::Linear>, convs: Vec<nn::Conv1D> },
}

impl Temporal {
    pub(super) fn new(path: &nn::Path, config: &TemporalConfig, input: i64) -> Self {
        let &TemporalConfig { hidden, kernel, heads, dropout, .. } = config;
        let projection = || (input != hidden).then(|| linear(path / "projection", input, hidden));
        let each = 0..config.layers;
        let layers = match config.kind {
            TemporalKind::None => Layers::None,
            TemporalKind::Gru => {
                let layer = |index: i64| {
                    let from = if index == 0 { input } else { hidden * config.directions() };
                    gru(path / format!("gru{}", index + 1), from, config)
                };
                Layers::Gru {
                    layers: each.map(layer).collect(),
                    hidden,
                    directions: config.directions(),
                    join: config.join,
                }
            }
            TemporalKind::Conformer => {
                let block = |index: i64| {
                    let path = path / format!("block{}", index + 1);
                    ConformerBlock::new(&path, hidden, heads, kernel, dropout)
                };
                Layers::Conformer { projection: projection(), blocks: each.map(block).collect() }
            }
            TemporalKind::Tcn => {
                let conv = |index: i64| {
                    let dilation = 1 << index.min(16);
                    let config =
                        nn::ConvConfig { dilation, padding: kernel / 2 * dilation, ..Default::default() };
                    nn::conv1d(path / format!("conv{}", index + 1), hidden, hidden, kernel, config)
                };
                Layers::Tcn { projection: projection(), convs: each.map(conv).collect() }
            }
        };
        Self { layers, dropout }
    }

    /// `[B, T, input]` to `[B, T, TemporalConfig::output_width]`.
    pub(super) fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let project = |projection: &Option<nn::Linear>| {
            projection.as_ref().map_or_else(|| x.shallow_clone(), |linear| linear.forward(x))
        };
        match &self.layers {
            Layers::None => x.shallow_clone(),
            Layers::Gru { layers, hidden, directions, join } => {
                let mut x = x.shallow_clone();
                for (index, gru) in layers.iter().enumerate() {
                    if index > 0 {
                        x = x.dropout(self.dropout, train);
                    }
                    // A zero state made from the input: the batch size must stay symbolic in a trace.
                    let row = x.select(1, 0).select(1, 0).zeros_like();
                    let state = row.unsqueeze(0).unsqueeze(2).repeat([*directions, 1, *hidden]);
                    x = gru.seq_init(&x, &nn::GRUState(state)).0;
                }
                match join {
                    TemporalJoin::Concat => x,
                    TemporalJoin::Product => {
                        let x = x.tanh();
                        x.narrow(2, 0, *hidden) * x.narrow(2, *hidden, *hidden)
                    }
                }
            }
            Layers::Conformer { projection, blocks } => {
                blocks.iter().fold(project(projection), |x, block| block.forward(&x, train))
            }
            Layers::Tcn { projection, convs } => convs.iter().fold(project(projection), |x, conv| {
                let heard = conv.forward(&x.transpose(1, 2)).transpose(1, 2).relu();
                x + heard.dropout(self.dropout, train)
            }),
        }
    }
}

/// One recurrent layer that begins as PyTorch's does: all weights uniform within 1 / sqrt(hidden).
fn gru(path: nn::Path, input: i64, config: &TemporalConfig) -> nn::GRU {
    let bound = 1.0 / (config.hidden as f64).sqrt();
    let uniform = Init::Uniform { lo: -bound, up: bound };
    let rnn = nn::RNNConfig {
        bidirectional: config.bidirectional,
        batch_first: true,
        w_ih_init: uniform,
        w_hh_init: uniform,
        b_ih_init: Some(uniform),
        b_hh_init: Some(uniform),
        ..Default::default()
    };
    nn::gru(path, input, config.hidden, rnn)
}
