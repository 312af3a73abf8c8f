//! Samples on the CPU: reading and writing sound files, resampling. No tensors.
//!
//! Samples are `f32` with full scale at ±1, one `Vec` a channel. Nothing here knows what the channels mean.

mod read;
mod resample;
mod write;

pub use read::{Audio, AudioError, read};
pub use resample::resample;
pub use write::{AudioWriteError, write_wav};
