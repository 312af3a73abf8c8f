//! Waveform tensors `[B, 4, S]` to descriptors `[B, C, T, F]`.
//!
//! One short-time Fourier transform for all descriptors, one file a descriptor, one filterbank module that the
//! backbones share. Everything here is a chain of tensor operations without constants of batch or time, so that
//! a traced graph keeps both dynamic. No files, no parameters that are learned.

mod config;
mod error;
mod front_end;
mod iv;
mod logmel;
pub mod mel;
pub mod stft;

pub use config::{Descriptor, FeatureConfig};
pub use error::Error;
pub use front_end::FrontEnd;
