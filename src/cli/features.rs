//! `features`: descriptors of a recording, as tensors in a file.

use std::path::PathBuf;

use serde_json::json;
use tch::Device;

use super::error::{self, CommandResult};
use super::format::Format;
use super::recording::{self, Recording};
use crate::features::{Descriptor, FeatureConfig, FrontEnd};
use crate::report::table::Table;

/// Compute descriptors of a four-channel FOA recording (W, Y, Z, X).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recording.
    wav: PathBuf,
    /// Descriptors, separated by commas: logmel, iv.
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',', required = true, value_parser = descriptor)]
    descriptor: Vec<Descriptor>,
    /// FFT and window length in samples.
    #[arg(long, value_name = "N", default_value_t = FeatureConfig::default().n_fft)]
    n_fft: i64,
    /// Hop in samples.
    #[arg(long, value_name = "N", default_value_t = FeatureConfig::default().hop)]
    hop: i64,
    /// Mel bands.
    #[arg(long, value_name = "N", default_value_t = FeatureConfig::default().bands)]
    bands: i64,
    /// Where to write: safetensors, a tensor [channels, frames, bands] for each descriptor.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn descriptor(name: &str) -> Result<Descriptor, String> {
    serde_json::from_value(json!(name)).map_err(|_| "expected logmel or iv".to_owned())
}

pub(crate) fn run(args: Args) -> CommandResult {
    let recording = Recording::read(&args.wav)?;
    if recording.channels().len() != 4 {
        let count = recording.channels().len();
        return Err(error::input(anyhow::anyhow!(
            "{} has {count} channels, expected 4 (first-order Ambisonics: W, Y, Z, X)",
            args.wav.display()
        )));
    }
    let config = FeatureConfig {
        descriptors: args.descriptor,
        n_fft: args.n_fft,
        hop: args.hop,
        bands: args.bands,
        ..FeatureConfig::default()
    };
    let front_end = FrontEnd::new(&config, recording.sample_rate(), Device::Cpu).map_err(error::input)?;
    let needed = front_end.shortest();
    let samples = recording.channels()[0].len() as i64;
    if samples < needed {
        return Err(error::input(anyhow::anyhow!(
            "{} has {samples} samples, expected at least {needed} for this n_fft and hop",
            args.wav.display()
        )));
    }
    let waveform = recording.tensor(Device::Cpu)?;
    let mut table = Table::new(["descriptor", "channels", "frames", "bands", "min", "mean", "max"]);
    let mut tensors = Vec::new();
    for (descriptor, values) in front_end.forward_each(&waveform) {
        let name = serde_json::to_value(descriptor)?;
        let values = values.squeeze_dim(0).contiguous();
        let size = values.size();
        let range = [values.min(), values.mean(tch::Kind::Float), values.max()];
        let [min, mean, max] = range.map(|value| json!(value.double_value(&[])));
        table.push([name.clone(), json!(size[0]), json!(size[1]), json!(size[2]), min, mean, max]);
        tensors.push((name.as_str().unwrap_or_default().to_owned(), values));
    }
    recording::write_tensors(&args.out, &tensors)?;
    args.format.print(&table.to_objects(), &table)
}
