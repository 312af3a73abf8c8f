//! One recording and its samples.

use std::path::PathBuf;

use super::CHANNELS;
use super::error::Error;
use super::fold::Split;
use super::wav::Wav;
use crate::seld::event::FrameEvent;

/// One recording with its labels; samples are read on demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The files' stem; unique within a dataset.
    pub name: String,
    /// The wav file, four channels W, Y, Z, X.
    pub audio: PathBuf,
    /// The label file.
    pub labels: PathBuf,
    /// What it may be used for.
    pub split: Split,
    /// The room it was made in where the name says so: "room4" of `fold3_room4_mix001`.
    pub room: Option<String>,
    /// Length in samples per channel.
    pub samples: u64,
    /// Length in label frames, the last one perhaps cut short.
    pub frames: u32,
    /// Labels in the order of the file; rows after the end of the audio are left out.
    pub events: Vec<FrameEvent>,
}

impl Recording {
    /// `len` samples from `start_sample`, channel after channel: `[4 * len]`, zero after the end of the file.
    /// Integers come out in [-1, 1), floats as they are. Seeks, so a piece costs what it is long.
    ///
    /// # Errors
    /// The file cannot be read or is damaged; a sample is NaN or infinite.
    pub fn read(&self, start_sample: u64, len: usize) -> Result<Vec<f32>, Error> {
        let mut samples = vec![0.0; CHANNELS * len];
        Wav::open(&self.audio)?.read(start_sample, len, |position, values| {
            for (channel, value) in values.into_iter().enumerate() {
                samples[channel * len + position] = value;
            }
        })?;
        Ok(samples)
    }

    /// All samples of the omnidirectional channel W.
    ///
    /// # Errors
    /// As [`Recording::read`].
    pub fn read_channel0(&self) -> Result<Vec<f32>, Error> {
        let mut wav = Wav::open(&self.audio)?;
        let mut samples = vec![0.0; usize::try_from(wav.samples).unwrap_or(usize::MAX)];
        wav.read(0, samples.len(), |position, [w, ..]| samples[position] = w)?;
        Ok(samples)
    }

    /// Reads everything once, to find damage that the header does not show.
    pub(super) fn verify(&self) -> Result<(), Error> {
        Wav::open(&self.audio)?.read(0, usize::MAX, |_, _| {})
    }
}
