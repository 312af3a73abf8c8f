//! Track-wise abstraction: its part of the architecture document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the layers of the abstraction are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrackKind {
    /// Fully connected, each label frame by itself.
    Linear,
    /// Convolutions over label frames.
    Conv1d,
    /// Multi-head self-attention over label frames, with a shortcut and layer normalisation.
    Attention,
}

/// Whether tracks have layers of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrackSharing {
    /// Each its own.
    Separate,
    /// All the same; only what is read out of them differs from track to track.
    Shared,
}

/// Track-wise abstraction: each track names one event at a time, with its class activities and direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TracksConfig {
    /// Output tracks, 1 to 5.
    pub count: i64,
    /// What the layers are.
    pub kind: TrackKind,
    /// Whether tracks have layers of their own.
    pub sharing: TrackSharing,
    /// Hidden features per track and path.
    pub width: i64,
    /// Layers before the outputs.
    pub depth: i64,
    /// Label frames under a convolution, odd.
    pub kernel: i64,
    /// Heads of self-attention.
    pub heads: i64,
    /// Dropout after every layer, in [0, 1).
    pub dropout: f64,
}

impl Default for TracksConfig {
    fn default() -> Self {
        Self {
            count: 3,
            kind: TrackKind::Linear,
            sharing: TrackSharing::Separate,
            width: 64,
            depth: 1,
            kernel: 3,
            heads: 4,
            dropout: 0.1,
        }
    }
}
