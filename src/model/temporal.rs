//! Recurrent smoothing over label frames.

use tch::Tensor;
use tch::nn::{self, RNN};

use super::arch::{TemporalConfig, TemporalKind};

/// Smoothing of one path.
#[derive(Debug)]
pub(super) enum Temporal {
    None,
    Gru { gru: nn::GRU, state_rows: i64, hidden: i64 },
}

impl Temporal {
    pub(super) fn new(path: &nn::Path, config: &TemporalConfig, input: i64) -> Self {
        match config.kind {
            TemporalKind::None => Self::None,
            TemporalKind::Gru => {
                let rnn = nn::RNNConfig {
                    num_layers: config.layers,
                    bidirectional: config.bidirectional,
                    batch_first: true,
                    ..Default::default()
                };
                Self::Gru {
                    gru: nn::gru(path / "gru", input, config.hidden, rnn),
                    state_rows: config.layers * directions(config),
                    hidden: config.hidden,
                }
            }
        }
    }

    /// `[B, T, input]` to `[B, T, output_width]`.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        match self {
            Self::None => x.shallow_clone(),
            Self::Gru { gru, state_rows, hidden } => {
                // A zero state made from the input: the batch size must stay symbolic in a trace.
                let row = x.select(1, 0).select(1, 0).zeros_like();
                let state = row.unsqueeze(0).unsqueeze(2).repeat([*state_rows, 1, *hidden]);
                gru.seq_init(x, &nn::GRUState(state)).0
            }
        }
    }
}

/// Features per label frame after smoothing.
pub(super) fn output_width(config: &TemporalConfig, input: i64) -> i64 {
    match config.kind {
        TemporalKind::None => input,
        TemporalKind::Gru => config.hidden * directions(config),
    }
}

/// Multiply-adds of one label frame and path.
pub(super) fn macs_per_frame(config: &TemporalConfig, input: i64) -> i64 {
    match config.kind {
        TemporalKind::None => 0,
        TemporalKind::Gru => {
            let output = output_width(config, input);
            let layer = |from: i64| 3 * directions(config) * config.hidden * (from + config.hidden);
            layer(input) + (config.layers - 1) * layer(output)
        }
    }
}

fn directions(config: &TemporalConfig) -> i64 {
    1 + i64::from(config.bidirectional)
}
