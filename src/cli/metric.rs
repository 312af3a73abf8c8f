//! The flags of the metrics and the table of scores, the same for `score` and `eval`.

use anyhow::anyhow;
use serde_json::{Value, json};

use super::error;
use crate::report::table::Table;
use crate::seld::metric::jackknife::Interval;
use crate::seld::metric::report::ScoreReport;
use crate::seld::metric::{Average, Coordinates, Metric, Options, Values, Variant};

/// Settings of a metric; those that it does not have are refused.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Metric")]
pub(crate) struct MetricFlags {
    /// Mean over classes, or all events alike; from dcase2022 on [default: macro]
    #[arg(long, value_enum, value_name = "AVERAGE")]
    average: Option<AverageFlag>,
    /// How angles are computed; dcase2024 knows cartesian alone [default: polar]
    #[arg(long, value_enum, value_name = "FORM")]
    coordinates: Option<CoordinatesFlag>,
    /// Directions on the 10-degree grid, as the challenge was scored, or as they are; dcase2019 [default: grid]
    #[arg(long, value_enum, value_name = "VARIANT")]
    variant: Option<VariantFlag>,
    /// Largest angle of a correct detection, in degrees; from dcase2020 on [default: 20]
    #[arg(long, value_name = "DEG", value_parser = parse_angle)]
    doa_threshold: Option<f64>,
    /// Largest distance error of a correct detection, in metres, or none; dcase2024 [default: none]
    #[arg(long, value_name = "M", value_parser = parse_limit)]
    distance_threshold: Option<Limit>,
    /// The same, relative to the true distance; dcase2024 [default: 1]
    #[arg(long, value_name = "RATIO", value_parser = parse_limit)]
    relative_distance_threshold: Option<Limit>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum AverageFlag {
    Macro,
    Micro,
}

#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
enum CoordinatesFlag {
    Polar,
    Cartesian,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum VariantFlag {
    Grid,
    Regression,
}

/// A number, or none.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<f64>);

fn parse_angle(text: &str) -> Result<f64, String> {
    let angle = text.parse::<f64>().ok().filter(|angle| (0.0..=180.0).contains(angle));
    angle.ok_or_else(|| "not an angle in [0, 180] degrees".into())
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let limit = text.parse::<f64>().ok().filter(|limit| limit.is_finite() && *limit >= 0.0);
    limit.map(|limit| Limit(Some(limit))).ok_or_else(|| "not a number from 0, nor \"none\"".into())
}

impl MetricFlags {
    /// The settings of `metric`: its official ones, and what the flags say.
    pub(crate) fn settings(&self, metric: Metric) -> anyhow::Result<(Average, Options)> {
        only_for(metric, self.average.is_some(), "--average", Metric::has_averages)?;
        only_for(metric, self.variant.is_some(), "--variant", |m| m == Metric::Dcase2019)?;
        only_for(metric, self.doa_threshold.is_some(), "--doa-threshold", |m| m != Metric::Dcase2019)?;
        let limits = [
            (self.distance_threshold, "--distance-threshold"),
            (self.relative_distance_threshold, "--relative-distance-threshold"),
        ];
        for (limit, flag) in limits {
            only_for(metric, limit.is_some(), flag, Metric::has_distances)?;
        }
        let is_polar = self.coordinates == Some(CoordinatesFlag::Polar);
        only_for(metric, is_polar, "--coordinates polar", |m| m != Metric::Dcase2024)?;
        let official = Options::official(metric);
        let options = Options {
            doa_threshold_deg: self.doa_threshold.unwrap_or(official.doa_threshold_deg),
            distance_threshold_m: self
                .distance_threshold
                .map_or(official.distance_threshold_m, |limit| limit.0),
            relative_distance_threshold: self
                .relative_distance_threshold
                .map_or(official.relative_distance_threshold, |limit| limit.0),
            coordinates: self.coordinates.map_or(official.coordinates, |form| match form {
                CoordinatesFlag::Polar => Coordinates::Polar,
                CoordinatesFlag::Cartesian => Coordinates::Cartesian,
            }),
            variant: self.variant.map_or(official.variant, |variant| match variant {
                VariantFlag::Grid => Variant::Grid,
                VariantFlag::Regression => Variant::Regression,
            }),
            ..official
        };
        let average = self.average.map_or(Average::Macro, |average| match average {
            AverageFlag::Macro => Average::Macro,
            AverageFlag::Micro => Average::Micro,
        });
        Ok((average, options))
    }
}

/// Refuses a flag that is given and that `metric` does not know.
pub(crate) fn only_for(
    metric: Metric,
    is_given: bool,
    flag: &str,
    knows: impl Fn(Metric) -> bool,
) -> anyhow::Result<()> {
    if !is_given || knows(metric) {
        return Ok(());
    }
    let others: Vec<&str> = Metric::ALL.into_iter().filter(|&m| knows(m)).map(Metric::name).collect();
    let (name, others) = (metric.name(), others.join(", "));
    Err(error::input(anyhow!("{flag} means nothing to {name}, only to {others}: leave it out")))
}

/// One row for the average, one for each class; intervals in columns of their own.
pub(crate) fn table(report: &ScoreReport, class_name: impl Fn(usize) -> Value) -> Table {
    let mut header = vec!["class".to_owned()];
    for (name, _) in columns(&report.overall) {
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
        let name = class_name(class.class);
        table.push(row(name, &class.values, interval.map(|interval| &interval.values)));
    }
    table
}

fn row(name: Value, values: &Values, intervals: Option<&Values<Interval>>) -> Vec<Value> {
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
