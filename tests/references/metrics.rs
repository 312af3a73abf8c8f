//! Scores against the official DCASE evaluators.

use std::collections::BTreeMap;
use std::path::Path;

use at2seld::seld::doa::Direction;
use at2seld::seld::event::FrameEvent;
use at2seld::seld::metric::{Average, Metric, Options, Scores, Tally, Values, jackknife};
use serde_json::Value;

use super::folders;

/// Allowed absolute difference and, on top of it, relative difference. Sums of arccos near 0 lose digits: the
/// official code itself moves by this much between numpy versions.
const ANGLE_TOLERANCE: (f64, f64) = (1e-5, 1e-9);
const SELD_TOLERANCE: (f64, f64) = (1e-7, 1e-9);
const COUNTS_TOLERANCE: (f64, f64) = (1e-12, 1e-9);
const QUANTILE_TOLERANCE: f64 = 1e-9;
/// For each angle in a sum of angles: what the arccos of two equal directions may come to.
const EQUAL_DIRECTIONS_DEG: f64 = 1.3e-6;

#[test]
fn scores_equal_the_official_evaluators() {
    let mut compared = BTreeMap::new();
    for path in folders::cases("metrics", "json") {
        let text = std::fs::read_to_string(&path).unwrap();
        let case: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let metric: Metric =
            text_of(&case["metric"]).parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        compare(&path, &case, metric);
        *compared.entry(metric.name()).or_insert(0) += 1;
    }
    eprintln!("cases compared: {compared:?}");
    assert_eq!(compared.len(), Metric::ALL.len(), "a metric without a case");
}

fn compare(path: &Path, case: &Value, metric: Metric) {
    let name = path.file_stem().unwrap().to_string_lossy();
    let average: Average = serde_json::from_value(case["average"].clone()).unwrap_or_default();
    let tallies = tallies(case, metric);
    let expected = &case["expected"];

    let all = jackknife::merged(&tallies).unwrap();
    compare_counts(&name, &all, &expected["counts"]);
    let scores = all.scores(average);
    compare_scores(&name, &scores, expected, |context, key, got, expected| {
        within(context, key, *got, number(expected), 0.0);
    });

    if case["jackknife"] == Value::Bool(true) {
        let intervals = jackknife::intervals(&tallies, average).unwrap();
        compare_scores(&name, &intervals, &expected["jackknife"], |context, key, got, expected| {
            let [low, high] = [number(&expected[0]), number(&expected[1])];
            // The ends may lie near 0: digits count in relation to the whole interval. Python's quantile of
            // Student's t is right to nine digits.
            let slack = QUANTILE_TOLERANCE * (high - low).abs();
            within(&format!("{context} jackknife low"), key, got[0], low, slack);
            within(&format!("{context} jackknife high"), key, got[1], high, slack);
        });
    }
}

fn tallies(case: &Value, metric: Metric) -> Vec<Tally> {
    let official = Options::official(metric);
    let options = Options {
        frames_per_second: case["frames_per_second"].as_u64().unwrap() as usize,
        doa_threshold_deg: case["doa_threshold_deg"].as_f64().unwrap_or(official.doa_threshold_deg),
        distance_threshold_m: case["distance_threshold_m"].as_f64(),
        relative_distance_threshold: case["relative_distance_threshold"].as_f64(),
        coordinates: match &case["coordinates"] {
            Value::Null => official.coordinates,
            coordinates => serde_json::from_value(coordinates.clone()).unwrap(),
        },
        variant: match &case["variant"] {
            Value::Null => official.variant,
            variant => serde_json::from_value(variant.clone()).unwrap(),
        },
    };
    let classes = case["classes"].as_u64().unwrap() as usize;
    let one = |file: &Value| {
        let mut tally = Tally::new(metric, classes, options);
        let (reference, prediction) = (events(&file["reference"]), events(&file["prediction"]));
        let [frames, scored] = ["frames", "scored_frames"].map(|key| file[key].as_u64().unwrap() as usize);
        tally.add_recording(&reference, &prediction, scored);
        // Up to 2021 the length of the audio counts, which the rows do not show; nor do those of an empty file.
        if metric.has_averages() && !reference.is_empty() {
            assert_eq!(metric.scored_frames(&reference, frames), scored);
        }
        tally
    };
    case["files"].as_array().unwrap().iter().map(one).collect()
}

/// The evaluator's own tallies, those of them that are kept here too: one number, or one a class.
fn compare_counts(name: &str, tally: &Tally, expected: &Value) {
    let Some(expected) = expected.as_object() else { return };
    let counts = tally.counts();
    let angles = |class: usize| {
        let found = counts.iter().find(|(key, _)| ["DE_TP", "doa_loss_pred_cnt"].contains(key));
        found.map_or(0.0, |(_, values)| values[class])
    };
    let mut compared = 0;
    for &(key, ref got) in &counts {
        let Some(expected) = expected.get(key) else { continue };
        let expected: Vec<f64> = match expected {
            Value::Array(values) => values.iter().map(number).collect(),
            value => vec![number(value)],
        };
        assert_eq!(got.len(), expected.len(), "{name}: {key}");
        let is_angle = ["total_DE", "total_AngE", "doa_loss_pred"].contains(&key);
        for (class, (got, expected)) in got.iter().zip(expected).enumerate() {
            let slack = if is_angle { EQUAL_DIRECTIONS_DEG * angles(class) } else { 0.0 };
            within(&format!("{name} counts"), key, *got, expected, slack);
        }
        compared += 1;
    }
    assert!(compared > 0, "{name}: no count compared");
}

fn events(rows: &Value) -> Vec<FrameEvent> {
    let event = |row: &Value| FrameEvent {
        frame: row[0].as_u64().unwrap() as u32,
        class: row[1].as_u64().unwrap() as u32,
        source: row[2].as_u64().unwrap() as u32,
        direction: Direction { azimuth_deg: number(&row[3]), elevation_deg: number(&row[4]) },
        distance_m: row.get(5).map(|distance_cm| number(distance_cm) / 100.0),
    };
    rows.as_array().unwrap().iter().map(event).collect()
}

fn compare_scores<T: Copy>(
    name: &str,
    got: &Scores<T>,
    expected: &Value,
    check: impl Fn(&str, &str, &T, &Value),
) {
    for (key, got) in entries(&got.overall) {
        check(name, key, &got, &expected[key]);
    }
    let Some(classwise) = expected["classwise"].as_object() else { return };
    for (class, values) in got.classwise.iter().enumerate() {
        for (key, got) in entries(values) {
            check(&format!("{name} class {class}"), key, &got, &classwise[key][class]);
        }
    }
    assert_eq!(got.classwise.len(), classwise["F"].as_array().unwrap().len(), "{name}: classes");
}

fn entries<T: Copy>(values: &Values<T>) -> Vec<(&'static str, T)> {
    let Values { er, f, le, lr, seld, de, rde } = *values;
    let optional = [("DE", de), ("RDE", rde)].into_iter().filter_map(|(key, value)| Some((key, value?)));
    [("ER", er), ("F", f), ("LE", le), ("LR", lr), ("SELD", seld)].into_iter().chain(optional).collect()
}

fn within(context: &str, key: &str, got: f64, expected: f64, slack: f64) {
    let (absolute, relative) = match key {
        "LE" | "total_DE" | "total_AngE" | "doa_loss_pred" => ANGLE_TOLERANCE,
        "SELD" => SELD_TOLERANCE,
        _ => COUNTS_TOLERANCE,
    };
    let same = got == expected || (got.is_nan() && expected.is_nan());
    let allowed = absolute + relative * expected.abs() + slack;
    assert!(same || (got - expected).abs() <= allowed, "{context}: {key} is {got}, expected {expected}");
}

/// Null is NaN, "inf" infinity.
fn number(value: &Value) -> f64 {
    match value {
        Value::Null => f64::NAN,
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap()
}
