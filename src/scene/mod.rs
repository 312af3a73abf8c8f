//! Synthesis of labelled spatial datasets: event banks, rooms, FOA impulse responses, mixing.
//!
//! Imports `audio`, `seld` and the leaf modules; no tensors. [`Synthesiser`] makes recordings and writes a folder
//! in the layout of STARSS23: 24 kHz FOA recordings (ACN order W, Y, Z, X; SN3D) and one label file each.
//! Everything follows from one seed: each recording draws from its own random stream, so the bytes do not depend
//! on the number of threads. Train and test take their rooms and their event instances from different draws.
//!
//! The way of a recording: `schedule` takes events from the `bank` and places them in time; each becomes a
//! `source` in a simulated `room` (`image` sources, `response`) or a `measured` one, which is `convolve`d with
//! its impulse responses; `mix` adds them up with `noise` or recorded `ambience`; `synth` writes the files.

mod ambience;
mod bank;
mod builtin;
mod clip;
mod convolve;
mod delay;
mod error;
mod foa;
mod image;
mod measured;
mod mix;
mod noise;
mod octave;
mod path;
mod plan;
mod response;
mod room;
mod schedule;
mod source;
mod subset;
mod synth;

pub use bank::{Bank, INTERFERER};
pub use convolve::Foa;
pub use error::SceneError;
pub use foa::encode_gains;
pub use mix::Recording;
pub use noise::tilted;
pub use octave::{BANDS, CENTRES_HZ, PerBand};
pub use plan::SynthConfig;
pub use room::Room;
pub use subset::Subset;
pub use synth::{SynthSummary, Synthesiser, synthesise};

/// Samples a second of every synthesised recording, in Hz.
pub const SAMPLE_RATE: u32 = 24_000;
