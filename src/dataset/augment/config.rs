//! Which variations training chunks get, as plain data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How scenes are turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotationKind {
    /// Not at all.
    None,
    /// One of the 16 rotations and reflections that swap and negate channels (Mazzon et al., DCASE 2019).
    Swap,
    /// Any angle around the vertical axis, with or without left and right, and up and down, exchanged.
    Yaw,
}

/// Variations of training chunks. All but the rotation are off by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// How whole scenes are turned.
    pub rotation: RotationKind,
    /// Share of chunks that another chunk is mixed into, in [0, 1], as far as one is found with which there are never more
    /// events at once than tracks. The tagger hears the mixture, so its cached output is of no use for them.
    pub mixup: f64,
    /// Largest change of level, either way, that the spatial path hears, in dB.
    pub gain_db: f64,
    /// Largest shift of the descriptors along bands, up or down, as a share of the bands in [0, 1).
    pub band_shift: f64,
    /// Widest stripe of bands that is masked (SpecAugment: Park et al., arXiv 1904.08779), as a share of the bands
    /// in [0, 1).
    pub band_mask: f64,
    /// Longest stretch of time that is masked, as a share of the chunk in [0, 1).
    pub time_mask: f64,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            rotation: RotationKind::Swap,
            mixup: 0.0,
            gain_db: 0.0,
            band_shift: 0.0,
            band_mask: 0.0,
            time_mask: 0.0,
        }
    }
}
