//! `infer`: events of recordings, as DCASE CSV files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::error::{CommandResult, input};
use crate::audio;
use crate::model::predict::predict;
use crate::model::saved::SavedModel;
use crate::seld::csv;
use crate::train::device;

/// Detect events in recordings: one DCASE CSV for each
///
/// Rows are `frame,class,source,azimuth,elevation`, one frame every 100 ms.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder that `export` or `train` made
    #[arg(value_name = "MODEL_DIR")]
    model: PathBuf,
    /// FOA recordings (wav, flac, ogg; channels W, Y, Z, X); other sample rates are converted
    #[arg(required = true, value_name = "WAV")]
    recordings: Vec<PathBuf>,
    /// Folder for the CSV files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Device to compute on: cpu, or cuda:0
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
}

pub(crate) fn run(args: Args) -> CommandResult {
    let device = device::parse(&args.device).map_err(input)?;
    let targets = targets(&args.recordings, &args.out).map_err(input)?;
    let model = SavedModel::load(&args.model).map_err(input)?;
    let (_variables, detector) = model.detector(device)?;
    let thresholds = model.decoding.by_class(&model.classes);
    let bar = super::bar::bar("recordings");
    bar.set_length(targets.len() as u64);
    for (target, recording) in &targets {
        let waveform = read(recording, model.origin.sample_rate).map_err(input)?;
        let prediction = predict(&detector, &waveform, model.architecture.train.chunk_s, device)
            .with_context(|| format!("cannot run the network on {}", recording.display()))?;
        csv::write_predictions(target, &prediction.events(&thresholds, model.decoding.merge_deg))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
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

/// W, Y, Z, X one after the other, at `sample_rate` Hz.
fn read(path: &Path, sample_rate: u32) -> anyhow::Result<Vec<f32>> {
    let sound = audio::read(path)?;
    if sound.channels.len() != 4 {
        bail!("{} has {} channels where FOA has 4 (W, Y, Z, X)", path.display(), sound.channels.len());
    }
    let converted =
        sound.channels.iter().map(|channel| audio::resample(channel, sound.sample_rate, sample_rate));
    Ok(converted.collect::<Vec<_>>().concat())
}
