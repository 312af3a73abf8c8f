//! `train`: one architecture, outside a study.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow, bail};

use super::architecture_arg;
use super::bar::{bar, steps};
use super::error::{CommandResult, Interrupted, input};
use super::interrupt;
use super::layout_arg::LayoutArg;
use super::threads_arg::ThreadsArg;
use crate::model::cost::Cost;
use crate::model::saved::WarmStart;
use crate::train::trial::{EpochReport, Instruction, Keep, Outcome, Progress, TrialSpec};
use crate::{cache, export, fs, train};

/// Train one architecture, outside a study
///
/// An interrupted training goes on where it was when the same command is given again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Architecture document (JSON); keys left out have their defaults
    #[arg(value_name = "ARCH.json")]
    architecture: PathBuf,
    /// Dataset folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    layout: LayoutArg,
    /// Export folder to create
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Device to train on: cpu, or cuda:0
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// Fixes initial weights, data order, augmentation and dropout
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Passes over the data, instead of the architecture's train.epochs
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Share of the training recordings held out for validation
    #[arg(long, value_name = "SHARE", default_value_t = 0.25)]
    validation: f64,
    /// Export the weights of the epoch with the best validation score, or of the last epoch: where what is held out is too
    /// little, or too much like what is trained on, to choose by
    #[arg(long, value_enum, value_name = "EPOCH", default_value_t)]
    keep: KeepArg,
    /// Begin with the weights of this model or checkpoint where names and shapes are the same
    #[arg(long, value_name = "DIR")]
    init_from: Option<PathBuf>,
    #[command(flatten)]
    threads: ThreadsArg,
}

/// Which epoch's weights are exported.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum KeepArg {
    /// The best one's
    #[default]
    Best,
    /// The last one's
    Last,
}

impl From<KeepArg> for Keep {
    fn from(arg: KeepArg) -> Self {
        match arg {
            KeepArg::Best => Self::Best,
            KeepArg::Last => Self::Last,
        }
    }
}

pub(crate) fn run(args: Args) -> CommandResult {
    if fs::is_occupied(&args.out) {
        return Err(input(export::Error::Occupied(args.out)));
    }
    if let Some(from) = args.init_from.as_ref().filter(|from| !from.exists()) {
        return Err(input(anyhow!("--init-from: there is no {}", from.display())));
    }
    let architecture = architecture_arg::read(&args.architecture)?;
    let mut spec = TrialSpec {
        epochs: args.epochs.unwrap_or(architecture.train.epochs),
        architecture,
        seed: args.seed,
        data: args.data,
        layout: args.layout.layout,
        validation: args.validation,
        device: args.device,
        threads: args.threads.threads,
        folder: working_folder(&args.out),
        resume_from: None,
        keep: args.keep.into(),
        init_from: args.init_from.map(std::path::absolute).transpose().context("cannot find --init-from")?,
        cache: cache::cache_folder(),
    };
    read_once(&args.layout, &spec.data)?;
    spec.resume_from = continue_from(&spec)?;
    let stop = interrupt::watch().context("cannot watch for Ctrl-C")?;
    let mut progress = Lines { epochs: spec.epochs, stop };
    let outcome = train::run(&spec, &mut progress).map_err(|error| {
        forget_unless_begun(&spec.folder);
        if error.is_input() { input(error) } else { error.into() }
    })?;
    match outcome {
        Outcome::Complete { model, best_epoch, .. } => {
            export::export(&model, &args.out)?;
            // Done with: the export has all that is worth keeping.
            let _ = std::fs::remove_dir_all(&spec.folder);
            eprintln!("best epoch {best_epoch}; exported to {}", args.out.display());
            Ok(())
        }
        Outcome::Diverged { epoch, cause } => bail!("training diverged in epoch {epoch}: {cause}"),
        Outcome::Stopped | Outcome::Pruned => {
            Err(Interrupted("stopped; the same command goes on from here".into()).into())
        }
    }
}

/// Fingerprints a dataset that is new, with a bar: training finds the result in the cache.
fn read_once(layout: &LayoutArg, data: &Path) -> anyhow::Result<()> {
    let bar = bar("recordings read");
    let read = layout.open(data).and_then(|dataset| dataset.fingerprint_watched(&steps(&bar)));
    bar.finish_and_clear();
    read.map(|_| ()).map_err(input)
}

/// Where checkpoints are kept until the export.
fn working_folder(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".training");
    out.with_file_name(name)
}

/// The newest checkpoint of an interrupted run of the same spec; begins afresh when the spec is another.
fn continue_from(spec: &TrialSpec) -> anyhow::Result<Option<PathBuf>> {
    let path = spec.folder.join("spec.json");
    let text = serde_json::to_vec_pretty(spec)?;
    if std::fs::read(&path).is_ok_and(|kept| kept == text) {
        return Ok(last_checkpoint(&spec.folder)?);
    }
    let _ = std::fs::remove_dir_all(&spec.folder);
    fs::write_bytes(&path, &text)?;
    Ok(None)
}

fn last_checkpoint(folder: &Path) -> Result<Option<PathBuf>, fs::FileError> {
    let entries = std::fs::read_dir(folder).map_err(fs::FileError::at("read", folder))?;
    let is_checkpoint =
        |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("epoch-"));
    Ok(entries.filter_map(|e| Some(e.ok()?.path())).filter(is_checkpoint).max())
}

/// Removes the working folder of a training that failed before anything was worth going on from.
fn forget_unless_begun(folder: &Path) {
    if matches!(last_checkpoint(folder), Ok(None)) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// One line an epoch on stderr.
struct Lines {
    epochs: u32,
    stop: Arc<AtomicBool>,
}

impl Progress for Lines {
    fn started(&mut self, cost: &Cost) {
        eprintln!(
            "{} parameters, {:.1} M multiply-adds per second of audio, {:.1} MB of activations a chunk in training",
            cost.parameters,
            cost.macs_per_second as f64 / 1e6,
            cost.activation_bytes as f64 / 1e6
        );
    }

    fn warm_started(&mut self, taken: &WarmStart) {
        eprintln!("{taken}");
        if !taken.others.is_empty() {
            eprintln!("not taken, because of another name or shape: {}", taken.others.join(", "));
        }
    }

    fn epoch(&mut self, report: EpochReport) -> Instruction {
        let number = |x: Option<f64>| x.map_or("-".into(), |x| format!("{x:.3}"));
        eprintln!(
            "epoch {:>3}/{}  loss {:.4}  val {:.4}  SELD {}  F20 {}  LE {}  LR {}  {:.1} s",
            report.epoch,
            self.epochs,
            report.train_loss,
            report.val_loss,
            number(report.scores.seld),
            number(report.scores.f20),
            number(report.scores.le_cd),
            number(report.scores.lr_cd),
            report.seconds
        );
        if self.stop.load(Ordering::SeqCst) { Instruction::Stop } else { Instruction::Continue }
    }
}
