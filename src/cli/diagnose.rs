//! `diagnose`: what the winner of a study owes to each ingredient of its training.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use anyhow::anyhow;

use super::bar::{bar, steps};
use super::diagnose_flags::{TrainingFlags, TransferFlags};
use super::error::{CommandResult, Interrupted, input};
use super::format::Format;
use super::layout_arg::LayoutArg;
use super::store_args::{StoreArgs, block_on};
use super::threads_arg::ThreadsArg;
use super::{interrupt, progress};
use crate::ablation::{Asked, Course, Error, Findings, Plan, Scoring, Site, Trained, site};
use crate::dataset::Selection;
use crate::report::ablation as tables;
use crate::report::table::Style;
use crate::store::Store;
use crate::train::device;

/// Train the winner of a study again with and without each ingredient, and score all of it on several datasets
///
/// The winner of the last finished stage is trained as it is; with the other choice of each of: class balance of the loss
/// (effective number), class balance of the sampler, focal loss, and DOA loss on active targets only; with all of them (but
/// the sampler); and with none. Rows that make no sense for its output format, or are the same as another, are left out and
/// named. All of it is one more study, STUDY-diagnose: workers, interruption and reuse of results are as with `launch`. Then
/// every model is scored at threshold 0.5, as calibrated on its validation recordings, and with activity taken from the
/// labels, on --data and on every --transfer. docs/diagnostics.md explains the tables.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the study whose winner it is about
    study: String,
    /// Dataset folder to train and score on
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    layout: LayoutArg,
    /// Folder for tables (Markdown, CSV, JSON) and the figure (SVG)
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Recordings to score: test, eval, val, fold1, fold2, ...
    #[arg(long, value_name = "NAME", default_value = "test")]
    split: Selection,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    threads: ThreadsArg,
    /// How to print; files have more
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    training: TrainingFlags,
    #[command(flatten)]
    elsewhere: TransferFlags,
}

/// Exit code 2 when what the user gave is at fault, else 1.
fn failed(error: Error) -> anyhow::Error {
    if error.is_input() { input(error) } else { error.into() }
}

pub(crate) fn run(args: Args) -> CommandResult {
    if args.out.exists() && !args.out.is_dir() {
        return Err(input(anyhow!("--out {} is a file: give a folder", args.out.display())));
    }
    for name in args.training.device.iter().filter(|name| name.starts_with("cuda:")) {
        device::parse(name).map_err(input)?;
    }
    let transfers = args.elsewhere.transfers()?;
    let mut sites = site::open(&args.data, args.layout.layout, &transfers, args.split).map_err(failed)?;
    let trainings = block_on(train(&args, &sites))?;
    let findings = score(&args, &trainings, &mut sites)?;
    tables::write(&args.out, &findings)?;
    eprintln!("tables and figure are in {}", args.out.display());
    print(args.format, &findings)
}

/// What there is to score.
struct Trainings {
    course: Course,
    rows: Vec<Trained>,
    /// With the site that each was fine-tuned on.
    fine_tuned: Vec<(usize, Trained)>,
}

async fn train(args: &Args, sites: &[Site]) -> anyhow::Result<Trainings> {
    let store = args.store.open().await?;
    let training = &args.training;
    let asked = Asked {
        study: args.study.clone(),
        data: args.data.clone(),
        layout: args.layout.layout,
        name: training.name.clone(),
        epochs: training.epochs,
        repeats: training.repeats,
        seed: training.seed,
        workers: training.workers(),
        devices: training.device.clone(),
    };
    let course = Course::of(&store, asked).await.map_err(failed)?;
    let winner = &course.winner;
    if winner.was_warm {
        eprintln!(
            "trial {} began with the weights of another; here every row begins from scratch",
            winner.trial
        );
    }
    for left_out in &course.grid.left_out {
        eprintln!("left out: {}: {}", left_out.row, left_out.reason);
    }
    if args.elsewhere.fine_tune {
        site::check_training(&sites[1..], winner.settings.validation).map_err(failed)?;
    }
    let plan = course.rows();
    carry_out(plan, &store, &args.store.store).await?;
    let rows = plan.trained_rows(&store, &course.grid).await.map_err(failed)?;
    let mut fine_tuned = Vec::new();
    if args.elsewhere.fine_tune {
        for (site, plan) in course.fine_tuning(&rows, sites).map_err(failed)? {
            carry_out(&plan, &store, &args.store.store).await?;
            fine_tuned.push((site, plan.fine_tuned(&store).await.map_err(failed)?));
        }
    }
    Ok(Trainings { course, rows, fine_tuned })
}

/// Trains what is not trained yet.
async fn carry_out(plan: &Plan, store: &Store, store_url: &str) -> CommandResult {
    let bar = bar("recordings read");
    let opened = plan.open(store, &steps(&bar)).await;
    bar.finish_and_clear();
    match opened.map_err(failed)? {
        Some(opened) => progress::carry_out(opened, store_url).await,
        None => Ok(()),
    }
}

fn score(args: &Args, trainings: &Trainings, sites: &mut [Site]) -> anyhow::Result<Findings> {
    let Trainings { course, rows, fine_tuned } = trainings;
    let device = device::parse(&args.training.device[0]).map_err(input)?;
    tch::set_num_threads(args.threads.threads as i32);
    let mut findings = Findings::new(&args.study, course, &sites[0].name, args.split);
    // Training listened for itself until it ended.
    let stop = interrupt::watch()?;
    let bar = bar("recordings scored");
    let mut go_on = || {
        bar.inc(1);
        !stop.load(Ordering::SeqCst)
    };
    let mut scoring = Scoring { sites, split: args.split, device, go_on: &mut go_on };
    bar.set_length(scoring.recordings(rows, fine_tuned) as u64);
    let done = scoring.score(rows, fine_tuned, &mut findings).map_err(failed)?;
    bar.finish_and_clear();
    if !done {
        let message = "interrupted while scoring; what was trained is kept, and the same command goes on";
        return Err(anyhow::Error::new(Interrupted(message.into())));
    }
    Ok(findings)
}

/// The document, or the short tables.
fn print(format: Format, findings: &Findings) -> CommandResult {
    let mut out = std::io::stdout().lock();
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut out, findings)?;
        writeln!(out)?;
        return Ok(());
    }
    for (index, named) in tables::tables(findings).into_iter().enumerate() {
        let Some((title, table)) = named.for_people() else { continue };
        if index > 0 {
            writeln!(out)?;
        }
        match format {
            Format::Csv => write!(out, "{}", table.render(Style::Csv))?,
            Format::Markdown => write!(out, "### {title}\n\n{}", table.render(Style::Markdown))?,
            Format::Table | Format::Json => write!(out, "{title}\n\n{}", table.render(Style::Plain))?,
        }
    }
    Ok(())
}
