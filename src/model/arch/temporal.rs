//! Smoothing over label frames: its part of the architecture document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kind of temporal smoothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TemporalKind {
    /// None: label frames are independent after the encoder.
    None,
    /// Gated recurrent units (Cho et al., arXiv 1406.1078).
    Gru,
    /// Conformer blocks (Gulati et al., arXiv 2005.08100).
    Conformer,
    /// Dilated convolutions, twice as wide with every layer (Bai et al., arXiv 1803.01271), over past and future.
    Tcn,
}

/// Where it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TemporalPlace {
    /// On each path, before it is split into tracks.
    BeforeTracks,
    /// On each track of each path.
    PerTrack,
}

/// How the two directions of a recurrent layer become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TemporalJoin {
    /// Side by side.
    Concat,
    /// As the DCASE baselines do: the product of both after tanh.
    Product,
}

/// Smoothing over label frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TemporalConfig {
    /// Kind of smoothing.
    pub kind: TemporalKind,
    /// Where.
    pub place: TemporalPlace,
    /// Features: per direction of recurrent layers, of all others together.
    pub hidden: i64,
    /// Layers or blocks.
    pub layers: i64,
    /// Both directions in time; of recurrent layers.
    pub bidirectional: bool,
    /// How both directions become one; of recurrent layers.
    pub join: TemporalJoin,
    /// Heads of the attention of conformer blocks.
    pub heads: i64,
    /// Label frames under a convolution, odd; of conformer blocks and dilated convolutions.
    pub kernel: i64,
    /// Dropout between layers and within blocks, in [0, 1).
    pub dropout: f64,
}

impl Default for TemporalConfig {
    fn default() -> Self {
        Self {
            kind: TemporalKind::Gru,
            place: TemporalPlace::BeforeTracks,
            hidden: 64,
            layers: 1,
            bidirectional: true,
            join: TemporalJoin::Concat,
            heads: 4,
            kernel: 7,
            dropout: 0.0,
        }
    }
}

impl TemporalConfig {
    /// Directions of recurrent layers.
    pub fn directions(&self) -> i64 {
        1 + i64::from(self.bidirectional)
    }

    /// Features per label frame after smoothing `input` features.
    pub fn output_width(&self, input: i64) -> i64 {
        match self.kind {
            TemporalKind::None => input,
            TemporalKind::Gru if self.join == TemporalJoin::Concat => self.hidden * self.directions(),
            TemporalKind::Gru | TemporalKind::Conformer | TemporalKind::Tcn => self.hidden,
        }
    }
}
