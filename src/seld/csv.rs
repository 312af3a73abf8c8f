//! Frame-wise DCASE CSV files, one active event in one 100 ms frame a row.
//!
//! Labels as in STARSS22/23: `frame,class,source,azimuth,elevation[,distance]`, angles in degrees, distance in
//! whole centimetres. Predictions as the DCASE 2023 submission format has them: the first five of these columns.
//! Those of 2024 have the distance again, in metres. All are read by the same function, with or without a header
//! line.

use std::io::Write;
use std::path::{Path, PathBuf};

mod plain;
#[cfg(test)]
mod tests;

use super::doa::Direction;
use super::event::FrameEvent;
use crate::fs::{FileError, write_atomic};

const COLUMNS: [&str; 6] = ["frame", "class", "source", "azimuth", "elevation", "distance"];

/// A CSV file that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// One of its rows.
    #[error("{}:{line}: {problem}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong there.
        problem: RowProblem,
    },
}

impl CsvError {
    /// The line it is about, from 1, where it is about one.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::File(_) => None,
            Self::Row { line, .. } => Some(*line),
        }
    }

    /// What is wrong, without path and line.
    pub fn problem(&self) -> String {
        match self {
            Self::File(error) => error.source.to_string(),
            Self::Row { problem, .. } => problem.to_string(),
        }
    }
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RowProblem {
    /// Too few or too many columns.
    #[error("{got} columns where 5 or 6 are expected: frame,class,source,azimuth,elevation[,distance in cm]")]
    Columns {
        /// Columns found.
        got: usize,
    },
    /// A column that should be a whole number from 0.
    #[error("{column} {value:?} is not a whole number from 0")]
    Index {
        /// Name of the column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// A column that should be a finite number.
    #[error("{column} {value:?} is not a finite number")]
    Number {
        /// Name of the column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// A number outside its range.
    #[error("{column} {value} is outside [{low}, {high}]")]
    Range {
        /// Name of the column.
        column: &'static str,
        /// What stands there.
        value: f64,
        /// Lowest allowed.
        low: f64,
        /// Highest allowed.
        high: f64,
    },
    /// A class that the data does not have.
    #[error("class {class} is out of range: there are {classes} classes, 0 to {}", classes.saturating_sub(1))]
    Class {
        /// What stands there.
        class: u32,
        /// Number of classes.
        classes: usize,
    },
    /// A row or header as in TAU Spatial Sound Events 2019: one event with its onset and offset.
    #[error(
        "rows with the onset and offset of an event, as in TAU Spatial Sound Events 2019; \
         what is needed is a row for each frame: frame,class,source,azimuth,elevation[,distance in cm]"
    )]
    Onsets,
    /// Not text, or broken quoting.
    #[error("cannot be read as CSV: {0}")]
    Syntax(String),
}

/// What the sixth column is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DistanceUnit {
    /// As in all labels.
    #[default]
    Centimetres,
    /// As in the predictions of DCASE 2024.
    Metres,
}

impl DistanceUnit {
    fn metres(self, distance: f64) -> f64 {
        match self {
            Self::Centimetres => distance / 100.0,
            Self::Metres => distance,
        }
    }
}

/// What a number must lie in, ends included.
struct Limits {
    low: f64,
    high: f64,
}

impl Limits {
    const AZIMUTH: Self = Self { low: -360.0, high: 360.0 };
    const ELEVATION: Self = Self { low: -90.0, high: 90.0 };
    const DISTANCE: Self = Self { low: 0.0, high: f64::MAX };

    fn contain(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Reads a label or prediction file; an empty one has no events. Rows stay in the order of the file, which the
/// metrics depend on. With `classes`, every class must be below it.
///
/// # Errors
/// The file cannot be read, or the first problem in a row.
pub fn read(path: &Path, classes: Option<usize>) -> Result<Vec<FrameEvent>, CsvError> {
    read_in(path, classes, DistanceUnit::Centimetres)
}

/// Like [`read`], for a file whose distances are in `unit`.
///
/// # Errors
/// As [`read`].
pub fn read_in(path: &Path, classes: Option<usize>, unit: DistanceUnit) -> Result<Vec<FrameEvent>, CsvError> {
    let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
    let (events, mut problems) = parse(path, &bytes, classes, unit);
    if problems.is_empty() { Ok(events) } else { Err(problems.swap_remove(0)) }
}

/// Like [`read`], but goes on after a problem: the rows that can be read, and all problems in file order.
pub fn read_all(path: &Path, classes: Option<usize>) -> (Vec<FrameEvent>, Vec<CsvError>) {
    match std::fs::read(path).map_err(FileError::at("read", path)) {
        Ok(bytes) => parse(path, &bytes, classes, DistanceUnit::Centimetres),
        Err(error) => (Vec::new(), vec![error.into()]),
    }
}

/// The rows and problems of a file with this content; `path` is for the problems alone.
fn parse(
    path: &Path,
    bytes: &[u8],
    classes: Option<usize>,
    unit: DistanceUnit,
) -> (Vec<FrameEvent>, Vec<CsvError>) {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match plain::parse(text, classes, unit) {
        Some(events) => (events, Vec::new()),
        None => parse_any(path, text, classes, unit),
    }
}

/// By the general reader: takes whatever is CSV, and says what is wrong where.
fn parse_any(
    path: &Path,
    text: &[u8],
    classes: Option<usize>,
    unit: DistanceUnit,
) -> (Vec<FrameEvent>, Vec<CsvError>) {
    let mut events = Vec::new();
    let mut problems = Vec::new();
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text);
    for (index, record) in reader.records().enumerate() {
        let (line, parsed) = match record {
            Ok(record) if index == 0 && is_header(record.iter()) && !has_onsets(&record) => continue,
            Ok(record) => {
                (record.position().map_or(0, csv::Position::line), parse_row(&record, classes, unit))
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                (line, Err(RowProblem::Syntax(syntax_message(&error))))
            }
        };
        match parsed {
            Ok(event) => events.push(event),
            Err(problem) => problems.push(CsvError::Row { path: path.to_owned(), line, problem }),
        }
    }
    (events, problems)
}

fn syntax_message(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "not UTF-8 text".into(),
        _ => error.to_string(),
    }
}

fn is_header<'a>(mut fields: impl Iterator<Item = &'a str> + Clone) -> bool {
    fields.clone().all(|field| field.parse::<f64>().is_err()) && fields.any(|field| !field.is_empty())
}

/// Whether this is `class name,onset,offset,elevation,azimuth,distance`, or the header of such rows.
fn has_onsets(record: &csv::StringRecord) -> bool {
    let is_number = |field: &str| field.parse::<f64>().is_ok();
    let mut fields = record.iter();
    let name = fields.next().unwrap_or_default();
    let row = record.len() == COLUMNS.len() && !name.is_empty() && !is_number(name) && fields.all(is_number);
    row || names_onsets(record.iter())
}

fn names_onsets<'a>(mut fields: impl Iterator<Item = &'a str>) -> bool {
    fields.any(|field| ["start_time", "onset"].contains(&field))
}

fn parse_row(
    record: &csv::StringRecord,
    classes: Option<usize>,
    unit: DistanceUnit,
) -> Result<FrameEvent, RowProblem> {
    if has_onsets(record) {
        return Err(RowProblem::Onsets);
    }
    if !(5..=6).contains(&record.len()) {
        return Err(RowProblem::Columns { got: record.len() });
    }
    let [frame, class, source] = [index(record, 0)?, index(record, 1)?, index(record, 2)?];
    if let Some(classes) = classes.filter(|&classes| class as usize >= classes) {
        return Err(RowProblem::Class { class, classes });
    }
    let direction = Direction {
        azimuth_deg: number(record, 3, &Limits::AZIMUTH)?,
        elevation_deg: number(record, 4, &Limits::ELEVATION)?,
    };
    let distance_m = match record.get(5) {
        None | Some("") => None,
        Some(_) => Some(unit.metres(number(record, 5, &Limits::DISTANCE)?)),
    };
    Ok(FrameEvent { frame, class, source, direction, distance_m })
}

/// A whole number; "3.0" counts as one, as data frame libraries write it.
fn index(record: &csv::StringRecord, column: usize) -> Result<u32, RowProblem> {
    let text = &record[column];
    let problem = || RowProblem::Index { column: COLUMNS[column], value: text.to_owned() };
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    let value: f64 = text.parse().map_err(|_| problem())?;
    let whole = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
    if whole { Ok(value as u32) } else { Err(problem()) }
}

fn number(record: &csv::StringRecord, column: usize, limits: &Limits) -> Result<f64, RowProblem> {
    let text = &record[column];
    let name = COLUMNS[column];
    let &Limits { low, high } = limits;
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && limits.contain(value) => Ok(value),
        Ok(value) if value.is_finite() => Err(RowProblem::Range { column: name, value, low, high }),
        _ => Err(RowProblem::Number { column: name, value: text.to_owned() }),
    }
}

/// Writes events as the DCASE 2023 submission format has them: `frame,class,source,azimuth,elevation`, no
/// header, angles in full precision; and as that of 2024 has them, with the distance in metres, where it is known. The
/// file is either the old one or the whole new one.
///
/// # Errors
/// The file cannot be written.
pub fn write_predictions(path: &Path, events: &[FrameEvent]) -> Result<(), FileError> {
    write_atomic(path, |out| {
        for FrameEvent { frame, class, source, direction, distance_m } in events {
            let Direction { azimuth_deg, elevation_deg } = direction;
            write!(out, "{frame},{class},{source},{azimuth_deg},{elevation_deg}")?;
            match distance_m {
                Some(distance_m) => writeln!(out, ",{distance_m}")?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    })
}

/// Writes events as STARSS23 labels: whole degrees, azimuth in (-180, 180], and whole centimetres (0 where the
/// distance is not known). The file is either the old one or the whole new one.
///
/// # Errors
/// The file cannot be written.
pub fn write_labels(path: &Path, events: &[FrameEvent]) -> Result<(), FileError> {
    write_atomic(path, |out| {
        for FrameEvent { frame, class, source, direction, distance_m } in events {
            let rounded = Direction {
                azimuth_deg: direction.azimuth_deg.round(),
                elevation_deg: direction.elevation_deg.round(),
            };
            // Adding zero turns a negative zero into a plain one.
            let azimuth = rounded.normalised().azimuth_deg + 0.0;
            let elevation = rounded.elevation_deg + 0.0;
            let centimetres = (distance_m.unwrap_or(0.0) * 100.0).round();
            writeln!(out, "{frame},{class},{source},{azimuth},{elevation},{centimetres}")?;
        }
        Ok(())
    })
}
