//! Synthesis of labelled spatial datasets: event banks, rooms, FOA impulse responses, mixing.
//!
//! Imports `audio`, `seld` and the leaf modules; no tensors. [`synthesise`] writes a folder in the layout of
//! STARSS23: 24 kHz FOA recordings (ACN order W, Y, Z, X; SN3D) and one label file each. Everything follows
//! from one seed: each recording draws from its own random stream, so the bytes do not depend on the number of
//! threads. Train and test take their rooms and their event instances from different draws.

mod bank;
mod builtin;
mod convolve;
mod error;
mod foa;
mod mix;
mod noise;
mod path;
mod plan;
mod room;
mod write;

pub use bank::{Bank, INTERFERER, Subset};
pub use error::SceneError;
pub use foa::encode_gains;
pub use plan::SynthConfig;
pub use room::Room;
pub use write::{SynthSummary, synthesise};

/// Samples a second of every synthesised recording, in Hz.
pub const SAMPLE_RATE: u32 = 24_000;
