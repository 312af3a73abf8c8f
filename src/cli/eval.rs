//! `eval`: scores of an exported model on a dataset, and what is behind them.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::diagnostic_flags::DiagnosticFlags;
use super::error::{CommandResult, input};
use super::format::Format;
use super::layout_arg::LayoutArg;
use super::metric::{MetricFlags, table};
use crate::dataset::{ClassMap, Selection};
use crate::model::predict::Turns;
use crate::model::saved::SavedModel;
use crate::report::evaluation;
use crate::report::table::{Style, Table};
use crate::seld::metric::Metric;
use crate::train::device;
use crate::train::evaluate::{self, Evaluated, Evaluation, Thresholds};

/// Score an exported model on a dataset
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder that `export` or `train` made
    #[arg(value_name = "MODEL_DIR")]
    model: PathBuf,
    /// Dataset folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    layout: LayoutArg,
    /// Recordings to score: train, val, test, eval, fold1, fold2, ... or all
    #[arg(long, value_name = "NAME", default_value = "test")]
    split: Selection,
    /// Score a model on other classes than its own: a built-in map such as starss-to-tau2019, same-names, or a file
    #[arg(long, value_name = "NAME|FILE")]
    class_map: Option<String>,
    /// Metric: dcase2019 to dcase2023; dcase2024 scores distances, which models do not predict
    #[arg(long, value_name = "NAME", default_value = "dcase2023")]
    metric: Metric,
    /// "calibrated", or one number in 0..1 for all classes
    #[arg(long, value_parser = parse_thresholds, default_value = "calibrated")]
    thresholds: Thresholds,
    /// How often the network hears everything, each time turned otherwise: 1, 2, 4, 8 or 16. Better, and takes as much longer
    #[arg(long, value_name = "N", default_value_t = 1)]
    turns: usize,
    /// Device to compute on: cpu, or cuda:0
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// How to print; csv has one table after another, with an empty line between
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    diagnostics: DiagnosticFlags,
    #[command(flatten)]
    flags: MetricFlags,
}

fn parse_thresholds(text: &str) -> Result<Thresholds, String> {
    if text == "calibrated" {
        return Ok(Thresholds::Calibrated);
    }
    match text.parse() {
        Ok(threshold) if (0.0..=1.0).contains(&threshold) => Ok(Thresholds::Fixed(threshold)),
        _ => Err("give \"calibrated\" or a number in 0..1".into()),
    }
}

pub(crate) fn run(args: Args) -> CommandResult {
    let (average, options) = args.flags.settings(args.metric)?;
    args.diagnostics.check()?;
    let device = device::parse(&args.device).map_err(input)?;
    let model = SavedModel::load(&args.model).map_err(input)?;
    let mut dataset = args.layout.open(&args.data).map_err(input)?;
    let map = match &args.class_map {
        Some(name) => Some(ClassMap::load(name, &model.classes, &dataset.classes).map_err(input)?),
        None => None,
    };
    if let Some(map) = &map {
        say_what_is_left_out(map);
    }
    let evaluation = Evaluation {
        split: args.split,
        metric: args.metric,
        options,
        average,
        thresholds: args.thresholds,
        oracle_activity: args.diagnostics.oracle_activity,
        turns: Turns::new(args.turns, &model.architecture.backbone).map_err(input)?,
        asked: args.diagnostics.asked(),
    };
    let bar = super::bar::bar("recordings");
    let done = super::bar::steps(&bar);
    let evaluated = evaluate::evaluate(&model, &mut dataset, &evaluation, map.as_ref(), device, &done);
    let evaluated = evaluated.map_err(|error| match error {
        evaluate::Error::Torch { .. } => error.into(),
        error => input(error),
    })?;
    bar.finish_and_clear();
    let scores = table(&evaluated.scores, |class| json!(evaluated.classes.get(class)));
    if let Some(out) = &args.diagnostics.out {
        evaluation::write(out, &evaluated, &scores)?;
    }
    print(args.format, &evaluated, &scores)
}

/// The scores, then each table that was asked for: all of it as CSV, what is short for people.
fn print(format: Format, evaluated: &Evaluated, scores: &Table) -> CommandResult {
    format.print(evaluated, scores)?;
    let mut out = std::io::stdout().lock();
    for named in evaluation::tables(evaluated) {
        match (format, named.for_people()) {
            (Format::Csv, _) => write!(out, "\n{}", named.table.render(Style::Csv))?,
            (Format::Table, Some((title, table))) => {
                write!(out, "\n{title}\n{}", table.render(Style::Plain))?
            }
            (Format::Markdown, Some((title, table))) => {
                write!(out, "\n### {title}\n\n{}", table.render(Style::Markdown))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// On stderr, beside the scores.
fn say_what_is_left_out(map: &ClassMap) {
    for (classes, whose) in [(&map.unmapped, "the model"), (&map.uncovered, "the dataset")] {
        if !classes.is_empty() {
            eprintln!("not counted, classes of {whose} without a counterpart: {}", classes.join("; "));
        }
    }
}
