//! `score`: DCASE scores of prediction files against label files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::error::{self, CommandResult};
use super::format::Format;
use crate::report::table::Table;
use crate::seld::csv;
use crate::seld::event::FrameEvent;
use crate::seld::metric::report::ScoreReport;
use crate::seld::metric::{Average, Coordinates, Metric, Options, Tally, Values, jackknife};
use crate::seld::tree;

/// Classes of STARSS22 and STARSS23, at least assumed where `--classes` is not given.
const DEFAULT_CLASSES: usize = 13;
/// Larger class indices are refused: they are a mistake in the file and would only cost memory.
const MAX_CLASSES: u32 = 10_000;

/// Arguments of `score`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Label file, or folder of label files at any depth
    #[arg(long, value_name = "PATH")]
    reference: PathBuf,
    /// Prediction file, or folder of prediction files, matched by name
    #[arg(long, value_name = "PATH")]
    prediction: PathBuf,
    /// dcase2020, dcase2021, dcase2022 or dcase2023
    #[arg(long, value_name = "NAME")]
    metric: Metric,
    /// How scores of several classes become one; from dcase2022 on
    #[arg(long, value_enum, default_value = "macro")]
    average: AverageFlag,
    /// Number of classes [default: 13, or what the files need]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CLASSES)))]
    classes: Option<u32>,
    /// How angles are computed
    #[arg(long, value_enum, default_value = "polar")]
    coordinates: CoordinatesFlag,
    /// Largest angle of a correct detection, in degrees
    #[arg(long, value_name = "DEG", default_value_t = 20.0, value_parser = parse_angle)]
    doa_threshold: f64,
    /// Add 95 % confidence intervals over recordings
    #[arg(long)]
    jackknife: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum AverageFlag {
    Macro,
    Micro,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum CoordinatesFlag {
    Polar,
    Cartesian,
}

fn parse_angle(text: &str) -> Result<f64, String> {
    let angle = text.parse::<f64>().ok().filter(|angle| (0.0..=180.0).contains(angle));
    angle.ok_or_else(|| "not an angle in [0, 180] degrees".into())
}

/// Prints the scores.
pub(crate) fn run(args: Args) -> CommandResult {
    let pairs = pairs(&args.reference, &args.prediction)?;
    let classes = args.classes.map(|classes| classes as usize);
    let limit = Some(classes.unwrap_or(MAX_CLASSES as usize));
    let recordings: Vec<[Vec<FrameEvent>; 2]> = pairs
        .par_iter()
        .map(|(reference, prediction)| Ok([csv::read(reference, limit)?, csv::read(prediction, limit)?]))
        .collect::<Result<_, csv::CsvError>>()
        .map_err(error::input)?;
    for ((path, _), [reference, _]) in pairs.iter().zip(&recordings) {
        if reference.is_empty() {
            let path = path.display();
            eprintln!("warning: {path}: no events in the reference; its predictions are all false alarms");
        }
    }
    let classes = classes.unwrap_or_else(|| classes_in(&recordings));
    let options = Options {
        doa_threshold_deg: args.doa_threshold,
        coordinates: match args.coordinates {
            CoordinatesFlag::Polar => Coordinates::Polar,
            CoordinatesFlag::Cartesian => Coordinates::Cartesian,
        },
        ..Options::default()
    };
    let average = match args.average {
        AverageFlag::Macro => Average::Macro,
        AverageFlag::Micro => Average::Micro,
    };
    let tally = |[reference, prediction]: &[Vec<FrameEvent>; 2]| {
        let mut tally = Tally::new(args.metric, classes, options);
        tally.add_recording(reference, prediction, args.metric.scored_frames(reference, prediction));
        tally
    };
    let tallies: Vec<Tally> = recordings.par_iter().map(tally).collect();
    let all = jackknife::merged(tallies.iter()).context("this is a bug: no recordings")?;
    let intervals = args.jackknife.then(|| jackknife::intervals(&tallies, average)).flatten();
    let report = ScoreReport::new(args.metric, average, &all.scores(average), intervals.as_ref());
    args.format.print(&report, &table(&report))
}

fn classes_in(recordings: &[[Vec<FrameEvent>; 2]]) -> usize {
    let needed = recordings.iter().flatten().flatten().map(|event| event.class as usize + 1).max();
    needed.unwrap_or(0).max(DEFAULT_CLASSES)
}

/// (reference, prediction) files. As in the official evaluator, a reference without a prediction file is not
/// scored; a prediction without a reference, on which it stops, is not either.
fn pairs(reference: &Path, prediction: &Path) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    for path in [reference, prediction] {
        if !path.exists() {
            return Err(error::input(anyhow!("{}: no such file or folder", path.display())));
        }
    }
    if reference.is_file() && prediction.is_file() {
        return Ok(vec![(reference.to_owned(), prediction.to_owned())]);
    }
    if reference.is_file() != prediction.is_file() {
        let (reference, prediction) = (reference.display(), prediction.display());
        let message = "give two files or two folders";
        return Err(error::input(anyhow!(
            "{reference} and {prediction}: one is a file, one a folder; {message}"
        )));
    }
    let references = tree::files_by_stem(reference, "csv").map_err(error::input)?;
    let mut predictions = tree::files_by_stem(prediction, "csv").map_err(error::input)?;
    let mut pairs = Vec::new();
    let mut unpredicted = BTreeMap::new();
    for (stem, reference) in references {
        match predictions.remove(&stem) {
            Some(prediction) => pairs.push((reference, prediction)),
            None => drop(unpredicted.insert(stem, reference)),
        }
    }
    warn(
        "have no prediction file and are not scored (an empty file would count as all missed)",
        &unpredicted,
    );
    warn("have no reference and are not scored", &predictions);
    if pairs.is_empty() {
        let (reference, prediction) = (reference.display(), prediction.display());
        return Err(error::input(anyhow!("{prediction}: no CSV file is named as one in {reference}")));
    }
    Ok(pairs)
}

fn warn(what: &str, files: &BTreeMap<String, PathBuf>) {
    const SHOWN: usize = 5;
    if files.is_empty() {
        return;
    }
    let mut names: Vec<&str> = files.keys().map(String::as_str).take(SHOWN).collect();
    if files.len() > SHOWN {
        names.push("...");
    }
    eprintln!("warning: {} recordings {what}: {}", files.len(), names.join(", "));
}

/// One row for the average, one for each class; intervals in columns of their own.
pub(crate) fn table(report: &ScoreReport) -> Table {
    let names = columns(&report.overall).into_iter().map(|(name, _)| name);
    let mut header = vec!["class".to_owned()];
    for name in names {
        header.push(name.to_owned());
        if report.jackknife.is_some() {
            header.extend([format!("{name} low"), format!("{name} high")]);
        }
    }
    let mut table = Table::new(header);
    let average = report.average.map_or(json!("all"), |average| json!(average));
    let intervals = report.jackknife.as_ref();
    table.push(row(average, &report.overall, intervals.map(|intervals| &intervals.overall)));
    for (index, class) in report.classwise.iter().enumerate() {
        let interval = intervals.and_then(|intervals| intervals.classwise.get(index));
        table.push(row(json!(class.class), &class.values, interval.map(|interval| &interval.values)));
    }
    table
}

fn row(name: Value, values: &Values, intervals: Option<&Values<jackknife::Interval>>) -> Vec<Value> {
    let mut row = vec![name];
    let intervals = intervals.map(columns);
    for (index, (_, value)) in columns(values).into_iter().enumerate() {
        row.push(json!(value));
        row.extend(intervals.iter().flat_map(|columns| columns[index].1.map(|end| json!(end))));
    }
    row
}

fn columns<T: Copy>(values: &Values<T>) -> Vec<(&'static str, T)> {
    let Values { er, f, le, lr, seld, de, rde } = *values;
    let optional = [("DE", de), ("RDE", rde)].into_iter().filter_map(|(name, value)| Some((name, value?)));
    [("ER", er), ("F", f), ("LE", le), ("LR", lr), ("SELD", seld)].into_iter().chain(optional).collect()
}
