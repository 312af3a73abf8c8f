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
use super::format::Format;
use super::recording::{self, Recording};
use crate::features::{
    Descriptor, FeatureConfig, Frames, Normalisation, Padding, Preset, RecordingFrontEnd, Scale, Window,
};
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
    #[command(flatten)]
    grid: Grid,
    /// Draw them too, as .svg or .png: a panel for each channel
    ///
    /// Time is in s, frequency in Hz (for gcc_phat the lag in samples). Colours span the 0.5th to the 99.5th percentile of
    /// a descriptor. A panel has 1500 columns at most: of a long recording, each is the mean of several frames.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The time-frequency grid; what is not given comes from the preset or the defaults.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Time-frequency grid")]
struct Grid {
    /// FFT length in samples [default: 1024]
    #[arg(long, value_name = "N")]
    n_fft: Option<i64>,
    /// Hop in samples [default: 480]
    #[arg(long, value_name = "N")]
    hop: Option<i64>,
    /// Window length in samples [default: that of the FFT]
    #[arg(long, value_name = "N")]
    win_length: Option<i64>,
    /// Shape of the window [default: hann]
    #[arg(long)]
    window: Option<Window>,
    /// What stands beyond the ends [default: reflect]
    #[arg(long)]
    padding: Option<Padding>,
    /// Bands [default: 64, on the salsa scale as many as it has]
    #[arg(long, value_name = "N")]
    bands: Option<i64>,
    /// How bands are spaced [default: mel]
    #[arg(long)]
    scale: Option<Scale>,
    /// Lower edge of the lowest band, in Hz [default: 20]
    #[arg(long, value_name = "HZ")]
    fmin: Option<f64>,
    /// Upper edge of the highest band, in Hz [default: half the sample rate]
    #[arg(long, value_name = "HZ")]
    fmax: Option<f64>,
    /// Where the log scale becomes logarithmic, in Hz [default: 500]
    #[arg(long, value_name = "HZ")]
    linear_below: Option<f64>,
    /// How far logmel reaches below the loudest value of its channel, in dB [default: no limit]
    #[arg(long, value_name = "DB")]
    range_db: Option<f64>,
    /// How descriptors are brought to a common range [default: none]
    #[arg(long, value_parser = normalisation)]
    normalisation: Option<Normalisation>,
}

fn normalisation(text: &str) -> Result<Normalisation, String> {
    match text {
        "none" => Ok(Normalisation::None),
        "chunk" => Ok(Normalisation::Chunk),
        "pcen" => Ok(Normalisation::Pcen),
        _ => Err("expected none, chunk or pcen (statistics of a dataset exist in training only)".to_owned()),
    }
}

impl ValueEnum for Descriptor {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl ValueEnum for Preset {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Dcase => "DCASE 2022 and 2023 baselines: logmel,iv",
            Self::Einseld => "EIN-SELD: logmel,iv_unit",
            Self::Salsa => "SALSA: logmel,eigenvector",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for Scale {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Mel, Self::Htk, Self::Linear, Self::Log, Self::Salsa]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Mel => ("mel", "Slaney's mel scale, as librosa"),
            Self::Htk => ("htk", "HTK's mel scale"),
            Self::Linear => ("linear", "equal widths; as many bands as bins are the bins themselves"),
            Self::Log => ("log", "logarithmic above a cut-off, linear below it"),
            Self::Salsa => ("salsa", "bins up to 9 kHz, means of eight above"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for Window {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Hann, Self::Hamming, Self::Blackman]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Hann => "hann",
            Self::Hamming => "hamming",
            Self::Blackman => "blackman",
        }))
    }
}

impl ValueEnum for Padding {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Reflect, Self::ReflectTail, Self::Zeros]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Reflect => "reflect",
            Self::ReflectTail => "reflect_tail",
            Self::Zeros => "zeros",
        }))
    }
}

impl Args {
    fn config(&self, sample_rate: u32) -> FeatureConfig {
        let start = self.preset.map(Preset::config).unwrap_or_default();
        let grid = &self.grid;
        let descriptors =
            if self.descriptor.is_empty() { start.descriptors } else { self.descriptor.clone() };
        let mut config = FeatureConfig {
            descriptors,
            n_fft: grid.n_fft.unwrap_or(start.n_fft),
            hop: grid.hop.unwrap_or(start.hop),
            win_length: grid.win_length.or(start.win_length),
            window: grid.window.unwrap_or(start.window),
            padding: grid.padding.unwrap_or(start.padding),
            offset: start.offset,
            bands: grid.bands.unwrap_or(start.bands),
            scale: grid.scale.unwrap_or(start.scale),
            fmin_hz: grid.fmin.unwrap_or(start.fmin_hz),
            fmax_hz: grid.fmax.or(start.fmax_hz),
            linear_below_hz: grid.linear_below.unwrap_or(start.linear_below_hz),
            range_db: grid.range_db.or(start.range_db),
            normalisation: grid.normalisation.unwrap_or(start.normalisation),
        };
        if config.scale == Scale::Salsa && grid.bands.is_none() {
            config.bands = config.salsa_bands(sample_rate);
        }
        config
    }
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
    let config = args.config(recording.sample_rate());
    let vs = VarStore::new(Device::Cpu);
    let front_end = RecordingFrontEnd::new(&vs.root(), &config, recording.sample_rate());
    let front_end = front_end.map_err(error::input)?;
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
    let described = front_end.describe(&waveform, frames);
    let seconds = started.elapsed().as_secs_f64();
    let described: Vec<(Descriptor, Tensor)> =
        described.into_iter().map(|(descriptor, values)| (descriptor, values.squeeze_dim(0))).collect();
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
