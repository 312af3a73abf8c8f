//! Recordings that a command is given: samples from a wav file, tensors to a file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tch::{Device, Tensor};

use super::error;

/// Samples of a file, full scale at ±1.
pub(super) struct Recording {
    pub(super) channels: Vec<Vec<f32>>,
    pub(super) sample_rate: u32,
}

impl Recording {
    /// Reads a whole wav file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        read(path).with_context(|| format!("cannot read {}", path.display())).map_err(error::input)
    }

    /// All channels as `[1, C, S]` float32.
    pub(super) fn tensor(&self, device: Device) -> anyhow::Result<Tensor> {
        let channels: Vec<Tensor> = self.channels.iter().map(|samples| Tensor::from_slice(samples)).collect();
        Ok(Tensor::f_stack(&channels, 0)?.f_unsqueeze(0)?.f_to_device(device)?)
    }

    /// One channel as `[1, S]` float32: W of a four-channel (FOA) recording, else the mean of all.
    pub(super) fn omni(&self, device: Device) -> anyhow::Result<Tensor> {
        let all = self.tensor(device)?;
        let mean = || all.f_mean_dim([1].as_slice(), false, tch::Kind::Float);
        Ok(if self.channels.len() == 4 { all.f_select(1, 0)? } else { mean()? })
    }
}

fn read(path: &Path) -> anyhow::Result<Recording> {
    let mut reader = hound::WavReader::open(path)?;
    let spec = reader.spec();
    let interleaved: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => {
            let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
            reader.samples::<i32>().map(|s| Ok(s? as f32 / full)).collect::<Result<_, hound::Error>>()?
        }
    };
    anyhow::ensure!(!interleaved.is_empty(), "it holds no samples");
    let count = usize::from(spec.channels);
    if let Some(at) = interleaved.iter().position(|sample| !sample.is_finite()) {
        anyhow::bail!("channel {}, sample {} is not a finite number", at % count, at / count);
    }
    let channel = |index: usize| interleaved.iter().skip(index).step_by(count).copied().collect();
    Ok(Recording { channels: (0..count).map(channel).collect(), sample_rate: spec.sample_rate })
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
