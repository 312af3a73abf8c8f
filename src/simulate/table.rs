//! Tables of recorded results: JSON lines, the first of which says what the others are; compressed by zstd or not.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::TableError;
use crate::fs::FileError;
use crate::search::cost::{Appraiser, Cost};
use crate::search::pruner::Curve;
use crate::search::snapshot::{Assignment, StageView, TrialView};
use crate::search::space::{Domain, Parameter, ParameterSpace, StageSpec};
use crate::search::state::TrialState;

/// Integers have fewer values than this, as in a space file.
const MOST_VALUES: f64 = (1_u64 << 32) as f64;
/// How a compressed file begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Recorded results over a space.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What was varied.
    pub space: ParameterSpace,
    /// Steps of a whole training; 1 where only final values were recorded.
    pub steps: u32,
    /// The smallest final value.
    pub optimum: f64,
    /// The median of the final values.
    pub median: f64,
    /// What a search is charged that has no result at all.
    pub worst: f64,
    rows: Vec<Row>,
    lookup: Lookup,
}

/// One recorded training.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The value after each step, lower is better; `None` from where it diverged.
    pub curve: Vec<Option<f64>>,
    /// Seconds of a step, where they are known.
    pub cost_per_step: Option<f64>,
    /// What it cost, as far as that was recorded.
    pub cost: Cost,
}

/// How rows are found.
#[derive(Debug)]
enum Lookup {
    /// By the index of the value of every parameter.
    Exact(HashMap<Vec<u64>, usize>),
    /// By the distance of points whose coordinates are places on the scales of the parameters.
    Nearest(Vec<Vec<f64>>),
}

#[derive(Debug, Deserialize)]
struct Header {
    name: String,
    direction: String,
    space: Map<String, Value>,
    fidelity: Option<Fidelity>,
    lookup: String,
    optimum: Option<f64>,
    median: Option<f64>,
    failed_value: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Fidelity {
    max: u32,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum RawDomain {
    Categorical {
        choices: Vec<Value>,
    },
    Int {
        low: i64,
        high: i64,
        step: Option<i64>,
        #[serde(default)]
        log: bool,
    },
    Float {
        low: f64,
        high: f64,
        #[serde(default)]
        log: bool,
    },
}

#[derive(Debug, Deserialize)]
struct RawRow {
    params: Map<String, Value>,
    curve: Vec<Option<f64>>,
    cost_per_step: Option<f64>,
    aux: Option<Map<String, Value>>,
}

impl RawRow {
    fn cost(&self) -> Cost {
        let number = |names: &[&str]| names.iter().find_map(|name| self.aux.as_ref()?.get(*name)?.as_f64());
        Cost {
            params: number(&["params"]),
            macs: number(&["macs", "flops"]),
            memory: number(&["memory"]),
            latency: number(&["latency"]),
        }
    }
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// The file and the first line with a mistake.
    pub fn read(file: &Path) -> Result<Self, TableError> {
        let bytes = std::fs::read(file).map_err(FileError::at("read", file))?;
        let bytes = match bytes.starts_with(&ZSTD) {
            true => zstd::decode_all(bytes.as_slice()).map_err(FileError::at("decompress", file))?,
            false => bytes,
        };
        let text = String::from_utf8_lossy(&bytes);
        let fault =
            |line: usize, message: String| TableError::Line { file: PathBuf::from(file), line, message };
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (line, header) = lines.next().ok_or_else(|| fault(1, "empty, expected a header".into()))?;
        let header: Header = serde_json::from_str(header).map_err(|e| fault(line, not("header", &e)))?;
        let space = space(&header).map_err(|message| fault(line, message))?;
        let steps = header.fidelity.as_ref().map_or(1, |fidelity| fidelity.max.max(1));
        let mut rows = Vec::new();
        let mut found = match header.lookup.as_str() {
            "exact" => Lookup::Exact(HashMap::new()),
            "nearest" => Lookup::Nearest(Vec::new()),
            other => {
                return Err(fault(line, format!("unknown lookup \"{other}\", expected exact or nearest")));
            }
        };
        for (line, text) in lines {
            let raw: RawRow = serde_json::from_str(text).map_err(|e| fault(line, not("row", &e)))?;
            if raw.curve.len() != steps as usize {
                let message = format!("a curve of {} values, expected {steps}", raw.curve.len());
                return Err(fault(line, message));
            }
            let cost = raw.cost();
            let params: Assignment = raw.params.into_iter().collect();
            let outside = || fault(line, "the parameters are not of the space in the header".into());
            match &mut found {
                Lookup::Exact(rows_by) => {
                    rows_by.entry(indices(&space, &params).ok_or_else(outside)?).or_insert(rows.len());
                }
                Lookup::Nearest(points) => points.push(point(&space, &params).ok_or_else(outside)?),
            }
            rows.push(Row { cost, curve: raw.curve, cost_per_step: raw.cost_per_step });
        }
        let table = Self::of(header.name, space, steps, rows, found);
        let table = table.ok_or_else(|| fault(1, "no row has a final value".into()))?;
        Ok(Self {
            optimum: header.optimum.unwrap_or(table.optimum),
            median: header.median.unwrap_or(table.median),
            worst: header.failed_value.unwrap_or(table.worst),
            ..table
        })
    }

    /// The trials of a stage that were trained to their end, by its objective; the value after a step is the best so far, as it
    /// counts in a study. Other candidates have the result of the nearest one.
    ///
    /// # Errors
    /// There is none.
    pub fn of_stage(spec: &StageSpec, view: &StageView) -> Result<Self, TableError> {
        let mut points = Vec::new();
        let mut rows = Vec::new();
        let is_whole = |trial: &&TrialView| trial.repeat == 0 && trial.state == TrialState::Complete;
        for trial in view.trials.iter().filter(is_whole) {
            let Some(point) = point(&spec.space, &trial.parameters) else { continue };
            let curve = Curve::new(&trial.curve, spec.objective);
            // A trial that was ended by patience stays where it was.
            let after = |step: u32| curve.best(step.min(curve.epoch())).filter(|loss| loss.is_finite());
            let seconds: f64 = trial.curve.iter().map(|point| point.seconds).sum();
            points.push(point);
            rows.push(Row {
                curve: (1..=spec.budget.epochs).map(after).collect(),
                cost_per_step: (curve.epoch() > 0).then(|| seconds / f64::from(curve.epoch())),
                cost: trial.cost.unwrap_or_default(),
            });
        }
        let table = Self::of(
            spec.name.clone(),
            spec.space.clone(),
            spec.budget.epochs,
            rows,
            Lookup::Nearest(points),
        );
        table.ok_or_else(|| TableError::Empty(spec.name.clone()))
    }

    /// `None` when no row has a final value.
    fn of(name: String, space: ParameterSpace, steps: u32, rows: Vec<Row>, lookup: Lookup) -> Option<Self> {
        let mut finals: Vec<f64> = rows.iter().filter_map(Row::last).collect();
        finals.sort_by(f64::total_cmp);
        let (smallest, largest) = (*finals.first()?, *finals.last()?);
        let median = 0.5 * (finals[(finals.len() - 1) / 2] + finals[finals.len() / 2]);
        Some(Self { name, space, steps, optimum: smallest, median, worst: largest, rows, lookup })
    }

    /// The row of a candidate: its own or, of a table of measured points, the nearest, of equally near ones the first. `None`
    /// when the table has none.
    pub fn find(&self, candidate: &Assignment) -> Option<usize> {
        match &self.lookup {
            Lookup::Exact(rows) => rows.get(&indices(&self.space, candidate)?).copied(),
            Lookup::Nearest(points) => {
                let wanted = point(&self.space, candidate)?;
                let distance = |point: &Vec<f64>| -> f64 {
                    point.iter().zip(&wanted).map(|(a, b)| (a - b) * (a - b)).sum()
                };
                let distances = points.iter().map(distance).enumerate();
                distances.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row)
            }
        }
    }

    /// Whether it has measured points of a continuum rather than all of a grid.
    pub fn is_measured(&self) -> bool {
        matches!(self.lookup, Lookup::Nearest(_))
    }

    /// A row by its number.
    pub fn row(&self, row: usize) -> &Row {
        &self.rows[row]
    }
}

impl Appraiser for Table {
    fn appraise(&self, document: &Value) -> Option<Cost> {
        let candidate: Assignment = document.as_object()?.clone().into_iter().collect();
        self.find(&candidate).map(|row| self.rows[row].cost)
    }
}

impl Row {
    /// The final value; `None` when it diverged.
    pub fn last(&self) -> Option<f64> {
        self.curve.last().copied().flatten().filter(|value| value.is_finite())
    }
}

/// What serde says, without its line: each line is read by itself.
fn not(what: &str, error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    format!("not a {what}: {message} (column {})", error.column())
}

fn space(header: &Header) -> Result<ParameterSpace, String> {
    if header.direction != "minimize" {
        return Err(format!("direction \"{}\", expected minimize", header.direction));
    }
    let parameter = |(key, raw): (&String, &Value)| {
        let raw: RawDomain =
            serde_json::from_value(raw.clone()).map_err(|error| format!("parameter \"{key}\": {error}"))?;
        let domain = match raw {
            RawDomain::Categorical { choices } if choices.is_empty() => {
                return Err(format!("parameter \"{key}\" has no choices"));
            }
            RawDomain::Categorical { choices } => Domain::Choice(choices),
            RawDomain::Int { low, high, step, log } => {
                Domain::Int { low, high, step: step.unwrap_or(1).max(1), log }
            }
            RawDomain::Float { low, high, log } => Domain::Float { low, high, log },
        };
        let (low, high, log) = match &domain {
            Domain::Int { low, high, log, .. } => (*low as f64, *high as f64, *log),
            Domain::Float { low, high, log } => (*low, *high, *log),
            Domain::Choice(_) => (0.0, 0.0, false),
        };
        let is_vast = (high - low) / MOST_VALUES >= 1.0 && matches!(domain, Domain::Int { .. });
        if low > high || (log && low <= 0.0) || is_vast {
            return Err(format!("parameter \"{key}\": {low} to {high} is no range"));
        }
        let is_exact = header.lookup == "exact";
        if is_exact && domain.cardinality().is_none() {
            return Err(format!(
                "parameter \"{key}\" is a continuum, which goes with the lookup nearest only"
            ));
        }
        Ok(Parameter { key: key.clone(), domain, when: Vec::new() })
    };
    let parameters = header.space.iter().map(parameter).collect::<Result<_, _>>()?;
    ParameterSpace::new(parameters)
        .map_err(|keys| format!("parameters depend on each other: {}", keys.join(", ")))
}

/// Where every parameter's value is in its domain.
fn indices(space: &ParameterSpace, candidate: &Assignment) -> Option<Vec<u64>> {
    let index = |parameter: &Parameter| {
        let value = candidate.get(&parameter.key)?;
        match &parameter.domain {
            Domain::Choice(values) => choice(values, value).map(|at| at as u64),
            Domain::Int { low, .. } if parameter.domain.contains(value) => {
                u64::try_from(value.as_i64()? - low).ok()
            }
            Domain::Int { .. } => None,
            Domain::Float { .. } => Some(0),
        }
    };
    space.parameters().iter().map(index).collect()
}

/// The index of a choice; 3 is the same as 3.0.
fn choice(values: &[Value], value: &Value) -> Option<usize> {
    let same = |other: &Value| match (other.as_f64(), value.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => other == value,
    };
    values.iter().position(same)
}

/// Places in [0, 1] on the scales of the parameters, logarithmic where these are. Choices are so far apart as the ends of a
/// scale, and so is a parameter that takes part from one that does not.
fn point(space: &ParameterSpace, candidate: &Assignment) -> Option<Vec<f64>> {
    let mut point = Vec::new();
    for parameter in space.parameters() {
        let value = candidate.get(&parameter.key);
        if !parameter.when.is_empty() {
            point.push(if value.is_some() { 1.0 } else { 0.0 });
        }
        let Some(value) = value else {
            if parameter.when.is_empty() {
                return None;
            }
            match &parameter.domain {
                Domain::Choice(values) => point.extend(values.iter().map(|_| 0.0)),
                Domain::Int { .. } | Domain::Float { .. } => point.push(0.5),
            }
            continue;
        };
        let (low, high, log) = match &parameter.domain {
            Domain::Choice(values) => {
                let at = choice(values, value)?;
                // Two of these coordinates differ: half a square each.
                point.extend((0..values.len()).map(|other| if other == at { 0.5_f64.sqrt() } else { 0.0 }));
                continue;
            }
            Domain::Int { low, high, log, .. } => (*low as f64, *high as f64, *log),
            Domain::Float { low, high, log } => (*low, *high, *log),
        };
        let scale = |x: f64| if log { x.ln() } else { x };
        let (low, high, at) = (scale(low), scale(high), scale(value.as_f64()?));
        point.push(if high > low { (at - low) / (high - low) } else { 0.0 });
    }
    Some(point)
}
