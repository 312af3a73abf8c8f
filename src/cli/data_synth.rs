//! `at2seld data synth`.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::error::{self, CommandResult};
use crate::scene::{SynthConfig, synthesise};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder to make; must not exist or be empty.
    out: PathBuf,
    /// Total length of all recordings, in minutes.
    #[arg(long, value_name = "N")]
    minutes: f64,
    /// Folder of recordings, one sub-folder a class [default: built-in procedural events].
    ///
    /// Class numbers follow the sorted names; a sub-folder `interferer` is unlabelled background. A manifest.csv
    /// with the columns file, class and source_group keeps groups of recordings within train or test.
    #[arg(long, value_name = "DIR")]
    events: Option<PathBuf>,
    /// Rooms, those of train and test together [default: 4 for train and 2 for test].
    #[arg(long, value_name = "N")]
    rooms: Option<usize>,
    /// Most events at a time.
    #[arg(long, value_name = "N", default_value_t = 2)]
    polyphony: usize,
    /// Share of events that move.
    #[arg(long, value_name = "P", default_value_t = 0.25)]
    moving: f64,
    /// Event to ambient noise ratio of a recording: lowest and highest, in dB.
    #[arg(long, value_name = "LO:HI", default_value = "10:30", value_parser = pair, allow_hyphen_values = true)]
    snr: (f64, f64),
    /// Seed of everything random: the same seed makes the same files.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Proportion of train to test minutes.
    #[arg(long, value_name = "TRAIN:TEST", default_value = "3:1", value_parser = pair)]
    split: (f64, f64),
}

fn pair(text: &str) -> Result<(f64, f64), String> {
    let parsed =
        text.split_once(':').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    parsed.ok_or_else(|| "expected two numbers with a colon between, as in 6:30".into())
}

pub(crate) fn run(args: Args) -> CommandResult {
    let config = SynthConfig {
        minutes: args.minutes,
        events: args.events,
        rooms: args.rooms,
        polyphony: args.polyphony,
        moving: args.moving,
        snr_db: args.snr,
        seed: args.seed,
        split: args.split,
    };
    // Hidden by itself where stderr is no terminal.
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} recordings, {elapsed} (about {eta} left)",
    )?);
    let result = synthesise(&args.out, &config, |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let summary = result.map_err(|e| if e.is_input() { error::input(e) } else { e.into() })?;
    let ((train, train_minutes), (test, test_minutes)) = (summary.train, summary.test);
    eprintln!(
        "wrote {train} recordings ({train_minutes:.1} min) for training and {test} ({test_minutes:.1} min) for \
         testing, {} classes, to {}",
        summary.classes.len(),
        args.out.display()
    );
    Ok(())
}
