//! `calibrate`: thresholds of a trained model, chosen anew on another dataset.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::error::{CommandResult, input};
use super::format::Format;
use super::layout_arg::LayoutArg;
use super::threads_arg::ThreadsArg;
use crate::dataset::Selection;
use crate::export;
use crate::model::decode::Decoding;
use crate::model::predict::Turns;
use crate::model::saved::SavedModel;
use crate::report::table::Table;
use crate::seld::metric::report::ScoreReport;
use crate::seld::metric::{Average, Scores, VALIDATION_METRIC};
use crate::train::calibrate::{Again, Objective, again};
use crate::train::{device, evaluate};

/// Choose the thresholds of a model anew, on recordings it was not trained on
///
/// Chosen are a threshold for each class, a temperature, the length of a median filter, the least duration of an event,
/// and the angle within which tracks are merged. They replace those in thresholds.json and in the model card, and `eval`
/// and `infer` use them. Scores are dcase2023, macro; those shown are of the recordings that they were chosen on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder that `export` or `train` made; its thresholds are replaced
    #[arg(value_name = "MODEL_DIR")]
    model: PathBuf,
    /// Dataset folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    layout: LayoutArg,
    /// Recordings to choose them on: train, val, test, eval, fold1, fold2, ... or all
    #[arg(long, value_name = "NAME")]
    split: Selection,
    /// What is to be best: seld (the SELD score) or f20 (the F-score within 20 degrees)
    #[arg(long, value_name = "NAME", default_value = "seld")]
    objective: Objective,
    /// How often the network hears everything, each time turned otherwise, as `eval` and `infer` will: 1, 2, 4, 8 or 16
    #[arg(long, value_name = "N", default_value_t = 1)]
    turns: usize,
    /// Device to compute on: cpu, or cuda:0
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    #[command(flatten)]
    threads: ThreadsArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: Args) -> CommandResult {
    let device = device::parse(&args.device).map_err(input)?;
    tch::set_num_threads(args.threads.threads as i32);
    let mut model = SavedModel::load(&args.model).map_err(input)?;
    let mut dataset = args.layout.open(&args.data).map_err(input)?;
    let bar = super::bar::bar("recordings");
    let done = super::bar::steps(&bar);
    let turns = Turns::new(args.turns, &model.architecture.backbone).map_err(input)?;
    let found = again(&model, &mut dataset, args.split, args.objective, turns, device, &done);
    let found = found.map_err(|error| match error {
        evaluate::Error::Torch { .. } => error.into(),
        error => input(error),
    })?;
    bar.finish_and_clear();
    let before = std::mem::replace(&mut model.decoding, found.decoding.clone());
    model.save_decoding(&args.model)?;
    export::renew_card(&args.model, &model)?;
    let table = table(&model.classes, &before, &found);
    args.format.print(&document(args.objective, &before, &found), &table)
}

fn document(objective: Objective, before: &Decoding, found: &Again) -> Value {
    let report = |scores: &Scores| ScoreReport::new(VALIDATION_METRIC, Average::Macro, scores, None);
    json!({
        "objective": objective,
        "recordings": found.recordings,
        "before": before,
        "after": found.decoding,
        "scores": {
            "0.5": report(&found.plain),
            "before": report(&found.before),
            "after": report(&found.after),
        },
    })
}

/// What holds for all classes, then a row for the average and one for each class.
fn table(classes: &[String], before: &Decoding, found: &Again) -> Table {
    let header = [
        "setting",
        "before",
        "after",
        "F at 0.5",
        "F before",
        "F after",
        "SELD at 0.5",
        "SELD before",
        "SELD after",
    ];
    let mut table = Table::new(header);
    let after = &found.decoding;
    let common = [
        ("temperature", json!(before.temperature), json!(after.temperature)),
        ("median_frames", json!(before.median_frames), json!(after.median_frames)),
        ("min_frames", json!(before.min_frames), json!(after.min_frames)),
        ("merge_deg", json!(before.merge_deg), json!(after.merge_deg)),
    ];
    for (name, before, after) in common {
        table.push([vec![json!(name), before, after], vec![Value::Null; 6]].concat());
    }
    let all = [&found.plain, &found.before, &found.after];
    let mut overall = vec![json!("macro"), Value::Null, Value::Null];
    overall.extend(all.map(|scores| json!(scores.overall.f)));
    overall.extend(all.map(|scores| json!(scores.overall.seld)));
    table.push(overall);
    let thresholds = [before, after].map(|decoding| decoding.by_class(classes));
    for (class, name) in classes.iter().enumerate() {
        let mut row = vec![json!(name)];
        row.extend(thresholds.iter().map(|of| json!((f64::from(of[class]) * 1000.0).round() / 1000.0)));
        row.extend(all.map(|scores| json!(scores.classwise[class].f)));
        row.extend(all.map(|scores| json!(scores.classwise[class].seld)));
        table.push(row);
    }
    table
}
