//! Waveform tensors `[B, 4, S]` to descriptors `[B, C, T, F]`.
//!
//! One short-time Fourier transform for all descriptors, one file a family, one filterbank module that the backbones
//! share. Everything here is a chain of tensor operations without constants of batch or time, so that a traced graph
//! keeps both dynamic. No files.

mod check;
mod config;
mod correlation;
mod eigenvector;
mod error;
pub mod filterbank;
mod front_end;
mod hermitian;
mod intensity;
mod learned;
mod magnitude;
mod normalise;
mod phase;
mod preset;
mod spectrum;
pub mod stft;
#[cfg(test)]
mod tests;

pub use config::{Descriptor, FeatureConfig, Normalisation, Padding, Window};
pub use error::Error;
pub use filterbank::Scale;
pub use front_end::{Frames, FrontEnd};
pub use normalise::Moments;
pub use preset::Preset;
