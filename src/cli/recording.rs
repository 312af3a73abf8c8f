//! Recordings that a command is given: samples from a sound file, tensors to a file.

use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

use super::error;
use crate::audio::{self, Audio};

/// A sound file as tensors.
pub(super) struct Recording(Audio);

impl Recording {
    /// Reads a whole wav, flac or ogg file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(Self(audio::read(path).map_err(error::input)?))
    }

    /// Samples of each channel, full scale at ±1.
    pub(super) fn channels(&self) -> &[Vec<f32>] {
        &self.0.channels
    }

    /// In Hz.
    pub(super) fn sample_rate(&self) -> u32 {
        self.0.sample_rate
    }

    /// All channels as `[1, C, S]` float32.
    pub(super) fn tensor(&self, device: Device) -> anyhow::Result<Tensor> {
        let channels = self.channels();
        let samples = channels.first().map_or(0, Vec::len);
        let size = [1, channels.len() as i64, samples as i64];
        let all = Tensor::f_empty(size, (Kind::Float, device))?;
        // One by one, so that a long recording is in memory twice and not three times.
        for (index, samples) in (0..).zip(channels) {
            all.f_select(1, index)?.f_copy_(&Tensor::f_from_slice(samples)?.f_unsqueeze(0)?)?;
        }
        Ok(all)
    }

    /// One channel as `[1, S]` float32: W of a four-channel (FOA) recording, else the mean of all.
    pub(super) fn omni(&self, device: Device) -> anyhow::Result<Tensor> {
        let all = self.tensor(device)?;
        let mean = || all.f_mean_dim([1].as_slice(), false, Kind::Float);
        Ok(if self.channels().len() == 4 { all.f_select(1, 0)? } else { mean()? })
    }
}

/// Writes named tensors as one safetensors file.
pub(super) fn write_tensors(path: &Path, tensors: &[(String, Tensor)]) -> anyhow::Result<()> {
    #[derive(Debug, thiserror::Error)]
    enum WriteError {
        #[error(transparent)]
        File(#[from] crate::fs::FileError),
        #[error("cannot write {}: {source}", path.display())]
        Tensors { path: PathBuf, source: tch::TchError },
    }
    crate::fs::write_atomic_path(path, |temporary| {
        Tensor::write_safetensors(tensors, temporary)
            .map_err(|source| WriteError::Tensors { path: path.to_owned(), source })
    })?;
    Ok(())
}
