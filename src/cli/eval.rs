//! `eval`: scores of an exported model on a dataset.

use std::path::PathBuf;

use serde_json::json;

use super::error::{CommandResult, input};
use super::format::Format;
use super::metric::{MetricFlags, table};
use crate::dataset::{Dataset, Split};
use crate::model::saved::SavedModel;
use crate::seld::metric::Metric;
use crate::seld::metric::report::ScoreReport;
use crate::train::device;
use crate::train::evaluate::{self, Evaluation, Thresholds};

/// Score an exported model on a dataset
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder that `export` or `train` made
    #[arg(value_name = "MODEL_DIR")]
    model: PathBuf,
    /// Dataset folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Split to score: train or test
    #[arg(long, value_name = "NAME", default_value = "test")]
    split: Split,
    /// Metric: dcase2019 to dcase2023; dcase2024 scores distances, which models do not predict
    #[arg(long, value_name = "NAME", default_value = "dcase2023")]
    metric: Metric,
    /// Take activity from the labels: scores the directions alone
    #[arg(long)]
    oracle_activity: bool,
    /// "calibrated", or one number in 0..1 for all classes
    #[arg(long, value_parser = parse_thresholds, default_value = "calibrated")]
    thresholds: Thresholds,
    /// Device to compute on: cpu, or cuda:0
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
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
    let device = device::parse(&args.device).map_err(input)?;
    let model = SavedModel::load(&args.model).map_err(input)?;
    let dataset = Dataset::open(&args.data).map_err(input)?;
    let evaluation = Evaluation {
        split: args.split,
        metric: args.metric,
        options,
        average,
        thresholds: args.thresholds,
        oracle_activity: args.oracle_activity,
    };
    let bar = super::bar::bar("recordings");
    let done = |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let scores =
        evaluate::evaluate(&model, &dataset, &evaluation, device, &done).map_err(|error| match error {
            evaluate::Error::Torch { .. } => error.into(),
            error => input(error),
        })?;
    bar.finish_and_clear();
    let report = ScoreReport::new(args.metric, average, &scores, None);
    let table = table(&report, |class| json!(model.classes.get(class)));
    args.format.print(&report, &table)
}
