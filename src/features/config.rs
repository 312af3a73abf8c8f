//! Which descriptors to compute, and on which time-frequency grid: plain data.

use serde::{Deserialize, Serialize};

/// A descriptor of a first-order Ambisonics recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Descriptor {
    /// Log-mel power of the four channels: 4 channels.
    Logmel,
    /// Active intensity vector, normalised by energy per bin, in mel bands: 3 channels (Y, Z, X).
    Iv,
}

/// The descriptors a network sees and their common time-frequency grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureConfig {
    /// Stacked along channels in this order.
    pub descriptors: Vec<Descriptor>,
    /// FFT length in samples; the window is a periodic Hann of the same length.
    pub n_fft: i64,
    /// Hop in samples.
    pub hop: i64,
    /// Mel bands.
    pub bands: i64,
    /// Lower edge of the lowest band, in Hz.
    pub fmin_hz: f64,
    /// Upper edge of the highest band, in Hz; half the sample rate when absent.
    pub fmax_hz: Option<f64>,
}

impl Default for FeatureConfig {
    fn default() -> Self {
        Self {
            descriptors: vec![Descriptor::Logmel, Descriptor::Iv],
            n_fft: 1024,
            hop: 480,
            bands: 64,
            fmin_hz: 20.0,
            fmax_hz: None,
        }
    }
}
