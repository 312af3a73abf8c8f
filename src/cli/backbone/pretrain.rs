//! `backbone pretrain`: a small tagger from one's own sounds.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::json;

use crate::backbone::{registry, small};
use crate::cli::bar::bar;
use crate::cli::error::{self, CommandResult, Interrupted};
use crate::cli::format::Format;
use crate::cli::interrupt;
use crate::cli::threads_arg::ThreadsArg;
use crate::report::table::Table;
use crate::train::pretrain::{self, EpochReport, Outcome, Settings, Summary, Watch};

/// The tagger that is trained.
const BACKBONE: &str = "small";

/// Train a small tagger on mono sounds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to write: safetensors, with the class names beside it [default: where `backbone list` has `small`].
    ///
    /// For mine.safetensors the names go to mine_classes.txt. Files that are there are replaced in the end.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Folder of recordings, one sub-folder a class [default: built-in procedural events].
    ///
    /// Wav, flac or ogg files. A sub-folder `interferer` is background of no class. A manifest.csv with the columns file,
    /// class and source_group keeps groups of recordings together: a quarter of each class's groups is held out.
    #[arg(long, value_name = "DIR")]
    events: Option<PathBuf>,
    /// Only these classes, numbered in this order [default: all].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    classes: Vec<String>,
    /// Epochs; after each, the sounds that are held out are scored, and the best epoch is kept.
    #[arg(long, value_name = "N", default_value_t = pretrain::EPOCHS)]
    epochs: u32,
    /// Steps of an epoch, each on 32 clips of 2 s.
    #[arg(long, value_name = "N", default_value_t = pretrain::STEPS)]
    steps: u32,
    /// Seed of everything random: the same seed gives the same weights.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Device to train on: cpu, or cuda:0.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    #[command(flatten)]
    threads: ThreadsArg,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: Args) -> CommandResult {
    let out = match args.out {
        Some(out) => out,
        None => registry::weights_of(BACKBONE, None)?,
    };
    let settings = Settings {
        events: args.events,
        classes: args.classes.iter().map(|name| name.trim().to_owned()).collect(),
        epochs: args.epochs,
        steps: args.steps,
        seed: args.seed,
        device: args.device,
        threads: args.threads.threads,
        ..Settings::new(out)
    };
    let stop = interrupt::watch().context("cannot watch for Ctrl-C")?;
    let started = Instant::now();
    let mut lines = Lines { epochs: settings.epochs, stop, bar: bar("steps of this epoch") };
    let outcome = pretrain::run(&settings, &mut lines);
    lines.bar.finish_and_clear();
    match outcome.map_err(|error| if error.is_input() { error::input(error) } else { error.into() })? {
        Outcome::Complete(summary) => print(&summary, &settings, started, args.format),
        Outcome::Stopped => Err(Interrupted("interrupted; nothing was written".into()).into()),
    }
}

fn print(summary: &Summary, settings: &Settings, started: Instant, format: Format) -> CommandResult {
    let mut table = Table::new(["class", "training", "held_out", "average_precision"]);
    for class in &summary.classes {
        let precision = class.average_precision;
        table.push([json!(class.name), json!(class.training), json!(class.held_out), json!(precision)]);
    }
    let names = small::classes_file(&settings.out);
    let seconds = started.elapsed().as_secs_f64();
    let document = json!({
        "weights": settings.out,
        "class_names": names,
        "seed": settings.seed,
        "epoch": summary.epoch,
        "map": summary.map,
        "top1": summary.top1,
        "parameters": summary.parameters,
        "macs_per_second": summary.macs_per_second,
        "seconds": seconds,
        "classes": table.to_objects(),
    });
    format.print(&document, &table)?;
    eprintln!(
        "epoch {}: mAP {:.3}, top-1 {:.3}; {} parameters, {:.1} M multiply-adds per second of audio; {seconds:.0} s; \
         wrote {} and {}",
        summary.epoch,
        summary.map,
        summary.top1,
        summary.parameters,
        summary.macs_per_second / 1e6,
        settings.out.display(),
        names.display()
    );
    Ok(())
}

/// One line an epoch on stderr, and a bar over its steps on a terminal.
struct Lines {
    epochs: u32,
    stop: Arc<AtomicBool>,
    bar: ProgressBar,
}

impl Watch for Lines {
    fn step(&mut self, done: u32, of: u32) {
        self.bar.set_length(u64::from(of));
        self.bar.set_position(u64::from(done));
    }

    fn epoch(&mut self, report: &EpochReport) {
        let EpochReport { epoch, loss, map, top1, seconds } = report;
        let epochs = self.epochs;
        self.bar.suspend(|| {
            eprintln!(
                "epoch {epoch:>3}/{epochs}  loss {loss:.4}  mAP {map:.3}  top-1 {top1:.3}  {seconds:.1} s"
            );
        });
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
