//! `features`: descriptors of a recording, as tensors in a file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde_json::json;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::error::{self, CommandResult};
use super::feature_grid::Grid;
use super::format::Format;
use super::recording::{self, Recording};
use crate::features::{Descriptor, FeatureConfig, Frames, FrontEnd, Normalisation, Preset};
use crate::report::descriptors::{self, Described, Page};
use crate::report::picture;
use crate::report::table::Table;

/// Compute descriptors of a four-channel FOA recording (W, Y, Z, X).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recording.
    wav: PathBuf,
    /// Descriptors, separated by commas; docs/features.md says what each is
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',', required_unless_present = "preset")]
    descriptor: Vec<Descriptor>,
    /// Begin with the settings of other people's code instead of the defaults
    #[arg(long)]
    preset: Option<Preset>,
    /// Where to write: safetensors, a tensor [channels, frames, bands] for each descriptor.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Keep the frame centred on the end too: floor(S / hop) + 1 frames instead of floor(S / hop)
    #[arg(long)]
    all_frames: bool,
    /// Draw them too, as .svg or .png: a panel for each channel
    ///
    /// Time is in s, frequency in Hz (for gcc_phat the lag in samples). Colours span the 0.5th to the 99.5th percentile of
    /// a descriptor. A panel has 1500 columns at most: of a long recording, each is the mean of several frames.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    grid: Grid,
}

pub(crate) fn run(args: Args) -> CommandResult {
    if let Some(path) = &args.plot {
        picture::Format::of(path).map_err(error::input)?;
    }
    let recording = Recording::read(&args.wav)?;
    if recording.channels().len() != 4 {
        let count = recording.channels().len();
        return Err(error::input(anyhow::anyhow!(
            "{} has {count} channels, expected 4 (first-order Ambisonics: W, Y, Z, X)",
            args.wav.display()
        )));
    }
    let config = args.grid.config(args.preset, &args.descriptor, recording.sample_rate());
    let vs = VarStore::new(Device::Cpu);
    let front_end = FrontEnd::new(&vs.root(), &config, recording.sample_rate()).map_err(error::input)?;
    let needed = front_end.shortest();
    let samples = recording.channels()[0].len() as i64;
    if samples < needed {
        return Err(error::input(anyhow::anyhow!(
            "{} has {samples} samples, expected at least {needed} for this n_fft and hop",
            args.wav.display()
        )));
    }
    let waveform = recording.tensor(Device::Cpu)?;
    let frames = if args.all_frames { Frames::All } else { Frames::WholeHops };
    let started = Instant::now();
    let described: Vec<(Descriptor, Tensor)> = tch::no_grad(|| {
        let each = front_end.describe_each(&waveform, frames).into_iter();
        each.map(|(descriptor, values)| {
            (descriptor, front_end.normalise_one(descriptor, &values).squeeze_dim(0))
        })
        .collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let tensors: Vec<(String, Tensor)> = described
        .iter()
        .map(|(descriptor, values)| (descriptor.name().to_owned(), values.contiguous()))
        .collect();
    recording::write_tensors(&args.out, &tensors)?;
    if let Some(path) = &args.plot {
        descriptors::write(path, &page(&args.wav, &recording, &config, &described)?)?;
    }
    let table = table(&described);
    args.format.print(&table.to_objects(), &table)?;
    if args.format == Format::Table {
        let audio_s = samples as f64 / f64::from(recording.sample_rate());
        writeln!(std::io::stdout(), "\n{audio_s:.2} s of audio described in {seconds:.3} s")?;
    }
    Ok(())
}

/// Shapes and ranges.
fn table(described: &[(Descriptor, Tensor)]) -> Table {
    let mut table = Table::new(["descriptor", "channels", "frames", "bands", "min", "mean", "max"]);
    for (descriptor, values) in described {
        let size = values.size();
        let range = [values.min(), values.mean(Kind::Float), values.max()];
        let [min, mean, max] = range.map(|value| json!(value.double_value(&[])));
        let name = json!(descriptor.name());
        table.push([name, json!(size[0]), json!(size[1]), json!(size[2]), min, mean, max]);
    }
    table
}

/// What `--plot` draws.
fn page(
    wav: &Path,
    recording: &Recording,
    config: &FeatureConfig,
    described: &[(Descriptor, Tensor)],
) -> anyhow::Result<Page> {
    let plain = |(descriptor, values): &(Descriptor, Tensor)| {
        let size = values.size();
        let values = Vec::<f32>::try_from(values.contiguous().view(-1))?;
        Ok(Described { descriptor: *descriptor, frames: size[1] as usize, bands: size[2] as usize, values })
    };
    let rate = recording.sample_rate();
    let audio_s = recording.channels()[0].len() as f64 / f64::from(rate);
    let name = wav.file_name().unwrap_or(wav.as_os_str()).to_string_lossy();
    let scale = config.scale.to_possible_value();
    let scale = scale.as_ref().map_or("", PossibleValue::get_name);
    let (n_fft, hop, bands) = (config.n_fft, config.hop, config.bands);
    Ok(Page {
        title: format!("{name}: {audio_s:.2} s at {rate} Hz"),
        note: format!("n_fft {n_fft}, hop {hop}, {bands} bands ({scale})"),
        hop_s: hop as f64 / f64::from(rate),
        centres_hz: config.centres_hz(rate),
        level_unit: if config.normalisation == Normalisation::None { "dB" } else { "" },
        described: described.iter().map(plain).collect::<anyhow::Result<_>>()?,
    })
}
