//! `infer`: events of recordings, as DCASE CSV files, or of a stream, as JSON lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tch::Device;

use super::error::{CommandResult, input};
use super::infer_stream::{self, InputFormat};
use super::threads_arg::ThreadsArg;
use crate::audio::BlockReader;
use crate::model::decode::{Detected, Rules};
use crate::model::detector::Detector;
use crate::model::predict::{EventStream, Layout, Turns};
use crate::model::saved::SavedModel;
use crate::seld::csv;
use crate::seld::event::FrameEvent;
use crate::train::device;

/// Detect events in recordings: one DCASE CSV for each; or in a stream
///
/// Rows of the CSV are `frame,class,source,azimuth,elevation`, and the distance in metres where the model says it, one
/// frame every 100 ms. Recordings may be of any length: they are read, heard and decided on piece by piece.
///
/// With --stream, sound comes from standard input and events go to standard output as JSON lines, each as soon as it is
/// decided; they are the same as of a file. The first line says what is to come, and how late events are at most: the
/// time from window to window and half of what windows overlap (3.8 s for windows of 5 s, half over the one before),
/// what the tagger must hear after that (1 to 3 s), half the median filter and the least duration of the model's
/// thresholds, and less than 0.2 s when the sample rate is converted; computing comes on top, and at the beginning the
/// first window has to fill. A smaller --hop makes it less and takes more computing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder that `export` or `train` made
    #[arg(value_name = "MODEL_DIR")]
    model: PathBuf,
    /// FOA recordings (wav, flac, ogg; channels W, Y, Z, X); other sample rates are converted
    #[arg(required_unless_present = "stream", conflicts_with = "stream", value_name = "WAV")]
    recordings: Vec<PathBuf>,
    /// Folder for the CSV files
    #[arg(long, value_name = "DIR", required_unless_present = "stream", conflicts_with = "stream")]
    out: Option<PathBuf>,
    /// Device to compute on: cpu, or cuda:0
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    #[command(flatten)]
    threads: ThreadsArg,
    /// Seconds that the network hears at a time [default: the chunks that it was trained on]
    #[arg(long, value_name = "SECONDS", help_heading = "Windows")]
    window: Option<f64>,
    /// Seconds from one window to the next [default: half a window]
    #[arg(long, value_name = "SECONDS", help_heading = "Windows")]
    hop: Option<f64>,
    /// How often the network hears everything, each time turned otherwise: 1, 2, 4, 8 or 16. Better, and takes as much longer
    #[arg(long, value_name = "N", default_value_t = 1)]
    turns: usize,
    /// Read from standard input, print events as JSON lines
    #[arg(long, help_heading = "Stream")]
    stream: bool,
    /// What standard input carries: four interleaved channels, little-endian
    #[arg(long, value_enum, default_value_t, requires = "stream", help_heading = "Stream")]
    input_format: InputFormat,
    /// Sample rate of raw input, in Hz
    #[arg(
        long,
        value_name = "HZ",
        requires = "stream",
        required_if_eq_any([("input_format", "raw-f32"), ("input_format", "raw-s16")]),
        value_parser = clap::value_parser!(u32).range(1000..=768_000),
        help_heading = "Stream"
    )]
    sample_rate: Option<u32>,
}

/// What hears recordings.
pub(super) struct Setting<'a> {
    pub(super) detector: &'a Detector,
    pub(super) rules: Rules,
    pub(super) layout: Layout,
    pub(super) turns: Turns,
    pub(super) device: Device,
}

pub(crate) fn run(args: Args) -> CommandResult {
    let device = device::parse(&args.device).map_err(input)?;
    let targets = match &args.out {
        Some(out) => targets(&args.recordings, out).map_err(input)?,
        None => BTreeMap::new(),
    };
    tch::set_num_threads(args.threads.threads as i32);
    let model = SavedModel::load(&args.model).map_err(input)?;
    let (_variables, detector) = model.detector(device)?;
    let window_s = args.window.unwrap_or(model.architecture.train.chunk_s);
    let layout = Layout::new(window_s, args.hop, detector.shortest()).map_err(input)?;
    let rules = model.decoding.rules(&model.classes);
    let turns = Turns::new(args.turns, &model.architecture.backbone).map_err(input)?;
    let setting = Setting { detector: &detector, rules, layout, turns, device };
    if args.stream {
        return infer_stream::run(&setting, &model.classes, args.input_format.pipe(args.sample_rate));
    }
    let bar = super::bar::bar("recordings");
    bar.set_length(targets.len() as u64);
    for (target, recording) in &targets {
        csv::write_predictions(target, &events(&setting, recording)?)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The events of a recording, read block by block.
fn events(setting: &Setting, path: &Path) -> anyhow::Result<Vec<FrameEvent>> {
    let mut reader = BlockReader::open(path).map_err(input)?;
    check_channels(&path.display().to_string(), reader.channels())?;
    let mut stream = setting.stream(reader.sample_rate());
    let run = || format!("cannot run the network on {}", path.display());
    let mut events = Vec::new();
    let mut found = Vec::new();
    let mut keep = |found: &mut Vec<Detected>| events.extend(found.drain(..).map(|detected| detected.event));
    while let Some(block) = reader.next_block().map_err(input)? {
        stream.push(block, &mut found).with_context(run)?;
        keep(&mut found);
    }
    stream.finish(&mut found).with_context(run)?;
    keep(&mut found);
    Ok(events)
}

impl Setting<'_> {
    /// At the beginning of a recording of this rate.
    pub(super) fn stream(&self, sample_rate: u32) -> EventStream<'_> {
        EventStream::new(self.detector, &self.rules, self.layout, self.turns, sample_rate, self.device)
    }
}

/// Refuses what is not FOA.
pub(super) fn check_channels(name: &str, channels: usize) -> anyhow::Result<()> {
    if channels != 4 {
        let message = format!("{name} has {channels} channels where FOA has 4 (W, Y, Z, X)");
        return Err(input(anyhow::Error::msg(message)));
    }
    Ok(())
}

/// The CSV file of every recording; two recordings must not share one.
fn targets<'a>(recordings: &'a [PathBuf], out: &Path) -> anyhow::Result<BTreeMap<PathBuf, &'a Path>> {
    let mut targets = BTreeMap::new();
    for recording in recordings {
        let stem = recording.file_stem().with_context(|| format!("{} is no file", recording.display()))?;
        let target = out.join(stem).with_extension("csv");
        if let Some(other) = targets.insert(target.clone(), recording.as_path()) {
            bail!(
                "{} and {} would both be written to {}",
                other.display(),
                recording.display(),
                target.display()
            );
        }
    }
    Ok(targets)
}
