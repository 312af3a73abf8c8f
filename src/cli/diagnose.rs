//! `diagnose`: what the winner of a study owes to each ingredient of its training.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use anyhow::anyhow;

use super::bar::{bar, steps};
use super::error::{CommandResult, Interrupted, input};
use super::format::Format;
use super::layout_arg::LayoutArg;
use super::store_args::{StoreArgs, block_on};
use super::threads_arg::ThreadsArg;
use super::{interrupt, progress};
use crate::ablation::{
    Budget, Error, Findings, Grid, Plan, Scoring, Site, Trained, Transfer, WINNER, Winner, site,
};
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
    training: Training,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    threads: ThreadsArg,
    /// How to print; files have more
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How the rows are trained.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Training")]
struct Training {
    /// Epochs of every training [default: the winner's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Runs of every row, each with another seed: intervals are then over seeds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeats: u32,
    /// Seed of all training [default: the study's, so that the winner need not be trained again]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    seed: Option<u64>,
    /// Worker processes; one for each device when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Devices to train on: cpu, or cuda:0[,cuda:1...]; models are scored on the first
    #[arg(long, value_name = "DEVICE", value_delimiter = ',', default_value = "cpu")]
    device: Vec<String>,
    /// Name of the study that does the training [default: STUDY-diagnose]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: Option<String>,
}

/// Other datasets.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Transfer")]
struct Elsewhere {
    /// Score on this dataset as well; may be given several times
    #[arg(long, value_name = "DIR")]
    transfer: Vec<PathBuf>,
    /// Which classes of a --transfer are those of --data: same-names, a built-in map such as starss-to-tau2019, or a file;
    /// may be given several times [default: the built-in map, where there is one]
    #[arg(long, value_name = "DIR=MAP", requires = "transfer", value_parser = parse_class_map)]
    class_map: Vec<(PathBuf, String)>,
    /// Train the winner on with the training recordings of each --transfer too, and score that on all datasets
    #[arg(long, requires = "transfer")]
    fine_tune: bool,
}

fn parse_class_map(text: &str) -> Result<(PathBuf, String), String> {
    match text.rsplit_once('=') {
        Some((folder, map)) if !folder.is_empty() && !map.is_empty() => Ok((folder.into(), map.to_owned())),
        _ => Err("give DIR=MAP, such as data/tau2019=starss-to-tau2019".into()),
    }
}

impl Elsewhere {
    fn transfers(&self) -> anyhow::Result<Vec<Transfer>> {
        let named = |folder: &PathBuf| self.class_map.iter().find(|(of, _)| of == folder);
        if let Some((folder, _)) = self.class_map.iter().find(|(of, _)| !self.transfer.contains(of)) {
            return Err(input(Error::MapOfNothing(folder.clone())));
        }
        let transfer = |folder: &PathBuf| Transfer {
            folder: folder.clone(),
            class_map: named(folder).map(|(_, map)| map.clone()),
        };
        Ok(self.transfer.iter().map(transfer).collect())
    }
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
    let Trainings { winner, grid, rows, fine_tuned } = block_on(train(&args, &sites))?;
    let device = device::parse(&args.training.device[0]).map_err(input)?;
    tch::set_num_threads(args.threads.threads as i32);
    let mut findings = Findings::new(
        &args.study,
        winner.trial,
        &sites[0].name,
        args.split,
        args.training.epochs.unwrap_or(winner.epochs),
    );
    findings.left_out = grid.left_out;
    let stop = interrupt::watch()?;
    let bar = bar("recordings scored");
    let mut go_on = || {
        bar.inc(1);
        !stop.load(Ordering::SeqCst)
    };
    let mut scoring = Scoring { sites: &mut sites, split: args.split, device, go_on: &mut go_on };
    bar.set_length(scoring.recordings(&rows, &fine_tuned) as u64);
    let done = scoring.score(&rows, &fine_tuned, &mut findings).map_err(failed)?;
    bar.finish_and_clear();
    if !done {
        let message = "interrupted while scoring; what was trained is kept, and the same command goes on";
        return Err(anyhow::Error::new(Interrupted(message.into())));
    }
    tables::write(&args.out, &findings)?;
    eprintln!("tables and figure are in {}", args.out.display());
    print(args.format, &findings)
}

/// What there is to score.
struct Trainings {
    winner: Winner,
    grid: Grid,
    rows: Vec<Trained>,
    /// With the site that each was fine-tuned on.
    fine_tuned: Vec<(usize, Trained)>,
}

async fn train(args: &Args, sites: &[Site]) -> anyhow::Result<Trainings> {
    let store = args.store.open().await?;
    let winner = Winner::of(&store, &args.study).await.map_err(failed)?;
    let grid = Grid::of(&winner.architecture);
    for left_out in &grid.left_out {
        eprintln!("left out: {}: {}", left_out.row, left_out.reason);
    }
    if winner.was_warm {
        eprintln!(
            "trial {} began with the weights of another; here every row begins from scratch",
            winner.trial
        );
    }
    if args.elsewhere.fine_tune {
        site::check_training(&sites[1..], winner.settings.validation).map_err(failed)?;
    }
    let training = &args.training;
    let budget = Budget { epochs: training.epochs.unwrap_or(winner.epochs), repeats: training.repeats };
    let base = Plan {
        name: training.name.clone().unwrap_or_else(|| format!("{}-diagnose", args.study)),
        space: serde_json::Value::Null,
        data: args.data.clone(),
        layout: args.layout.layout,
        workers: training.workers.map_or(training.device.len(), usize::from),
        devices: training.device.clone(),
        seed: training.seed.unwrap_or(winner.seed),
    };
    let plan = base.clone().of_grid(&winner, &grid, budget);
    carry_out(&plan, &store, &args.store.store).await?;
    let rows = plan.trained_rows(&store, &grid).await.map_err(failed)?;
    let mut fine_tuned = Vec::new();
    if args.elsewhere.fine_tune {
        let own = rows.iter().find(|trained| trained.row.row == WINNER).and_then(Trained::best);
        let own = own.ok_or_else(|| anyhow!("no run of the winner has a result to fine-tune from"))?;
        for (index, site) in sites.iter().enumerate().skip(1) {
            let plan = Plan {
                name: format!("{}-{}", base.name, site.name),
                data: site.dataset.root.clone(),
                layout: None,
                ..base.clone()
            };
            let plan = plan.of_fine_tuning(&winner, own.id, budget);
            carry_out(&plan, &store, &args.store.store).await?;
            fine_tuned.push((index, plan.fine_tuned(&store).await.map_err(failed)?));
        }
    }
    Ok(Trainings { winner, grid, rows, fine_tuned })
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
