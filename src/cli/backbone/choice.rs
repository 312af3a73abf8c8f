//! Which tagger hears what.

use std::path::{Path, PathBuf};

use tch::{Device, Tensor};

use crate::backbone::{Resampler, Tagger, registry};
use crate::cli::error;
use crate::cli::recording::Recording;

/// Which tagger.
#[derive(Debug, clap::Args)]
pub(super) struct Choice {
    /// Name of the tagger.
    #[arg(long, value_name = "NAME", default_value = "aisfx")]
    backbone: String,
    /// Its weights; by default the file that `backbone list` names.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

impl Choice {
    /// The tagger with its weights.
    pub(super) fn load(&self) -> anyhow::Result<Box<dyn Tagger>> {
        registry::load(&self.backbone, self.weights.as_deref(), Device::Cpu, None).map_err(error::input)
    }
}

/// A recording as the tagger wants it: one channel `[1, S]` at its sample rate.
pub(super) fn heard(wav: &Path, tagger: &dyn Tagger) -> anyhow::Result<Tensor> {
    let recording = Recording::read(wav)?;
    let waveform = recording.omni(Device::Cpu)?;
    let resampler = Resampler::new(recording.sample_rate(), tagger.sample_rate(), Device::Cpu);
    Ok(resampler.map_err(error::input)?.forward(&waveform))
}
