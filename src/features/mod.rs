//! Waveform tensors `[B, 4, S]` to descriptors `[B, C, T, F]`.

mod config;

pub use config::{Descriptor, FeatureConfig};
