//! Samples on the CPU: reading and writing sound files, resampling, short-time transforms. No tensors.
//!
//! Samples are `f32` with full scale at ±1, one `Vec` a channel. Nothing here knows what the channels mean.
//! [`read`] decodes a whole file of any of the formats that people have sounds in, [`BlockReader`] the same and pipes
//! block by block; [`AudioFormat`] reads pieces of the long recordings that datasets consist of.

mod blocks;
mod flac;
mod pcm;
mod problem;
mod read;
mod resample;
mod stft;
mod stream;
mod wav;
mod write;

pub use blocks::{BlockReader, PipeFormat};
pub use pcm::Encoding;
pub use problem::AudioProblem;
pub use read::{Audio, AudioError, read};
pub use resample::{StreamResampler, resample, resample_piece, resampled_length};
pub use stft::{PairStft, Planes};
pub use stream::{AudioFormat, Storage, StreamError};
pub use wav::WavHeader;
pub use write::{AudioWriteError, write_wav};
