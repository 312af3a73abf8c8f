//! `score`: DCASE scores of prediction files against label files.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::error::{CommandResult, input};
use super::format::Format;
use super::metric::{MetricFlags, only_for, table};
use crate::seld::csv::DistanceUnit;
use crate::seld::evaluation::{Evaluation, MAX_CLASSES, Pairs, shortened};
use crate::seld::metric::report::ScoreReport;
use crate::seld::metric::{Metric, Options, Tally, jackknife};

/// Arguments of `score`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Label file, or folder of label files at any depth
    #[arg(long, value_name = "PATH")]
    reference: PathBuf,
    /// Prediction file, or folder of prediction files, matched by name
    #[arg(long, value_name = "PATH")]
    prediction: PathBuf,
    /// dcase2019, dcase2020, dcase2021, dcase2022, dcase2023 or dcase2024
    #[arg(long, value_name = "NAME")]
    metric: Metric,
    /// Number of classes [default: 13, or what the files need]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CLASSES)))]
    classes: Option<u32>,
    /// Add 95 % confidence intervals over recordings
    #[arg(long)]
    jackknife: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    flags: MetricFlags,
    /// Label frames in a second, for one-second segments; up to dcase2023 [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Metric")]
    frames_per_second: Option<u32>,
    /// Length of each recording in frames; up to dcase2021 [default: 60 seconds, or to the last event]
    #[arg(long, value_name = "N", help_heading = "Metric")]
    frames: Option<u32>,
    /// Unit of the distances in predictions, labels have centimetres; dcase2024 [default: m]
    #[arg(long, value_enum, value_name = "UNIT", help_heading = "Metric")]
    prediction_distance: Option<UnitFlag>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum UnitFlag {
    M,
    Cm,
}

/// Prints the scores.
pub(crate) fn run(args: Args) -> CommandResult {
    let (average, options) = args.flags.settings(args.metric)?;
    let evaluation = evaluation(&args, options)?;
    let pairs = Pairs::find(&args.reference, &args.prediction).map_err(input)?;
    let recorded = evaluation.tallies(&pairs.matched).map_err(input)?;
    if !pairs.unpredicted.is_empty() {
        eprintln!(
            "warning: recordings without a prediction file are left out, as the official evaluator does (an \
             empty file would count as all missed); {} of {}: {}",
            pairs.unpredicted.len(),
            pairs.unpredicted.len() + pairs.matched.len(),
            shortened(pairs.unpredicted)
        );
    }
    for ((path, _), recorded) in pairs.matched.iter().zip(&recorded) {
        if recorded.is_reference_empty && args.metric.has_averages() {
            let path = path.display();
            eprintln!("warning: {path}: no events in the reference; its predictions are all false alarms");
        }
    }
    let tallies: Vec<Tally> = recorded.into_iter().map(|recorded| recorded.tally).collect();
    let all = jackknife::merged(&tallies).context("this is a bug: no recordings")?;
    let intervals = args.jackknife.then(|| jackknife::intervals(&tallies, average)).flatten();
    let report = ScoreReport::new(args.metric, average, &all.scores(average), intervals.as_ref());
    args.format.print(&report, &table(&report, |class| json!(class)))
}

fn evaluation(args: &Args, options: Options) -> anyhow::Result<Evaluation> {
    let metric = args.metric;
    only_for(metric, args.frames_per_second.is_some(), "--frames-per-second", |m| m != Metric::Dcase2024)?;
    // From 2022 on the length is what the reference says.
    only_for(metric, args.frames.is_some(), "--frames", |m| !m.has_averages())?;
    only_for(metric, args.prediction_distance.is_some(), "--prediction-distance", Metric::has_distances)?;
    let prediction_unit = match args.prediction_distance {
        None if metric.has_distances() => DistanceUnit::Metres,
        Some(UnitFlag::M) => DistanceUnit::Metres,
        None | Some(UnitFlag::Cm) => DistanceUnit::Centimetres,
    };
    let frames_per_second = args.frames_per_second.map_or(options.frames_per_second, |n| n as usize);
    Ok(Evaluation {
        metric,
        options: Options { frames_per_second, ..options },
        classes: args.classes.map(|classes| classes as usize),
        frames: args.frames.map(|frames| frames as usize),
        prediction_unit,
    })
}
