//! Frame-wise DCASE CSV files, one active event in one 100 ms frame a row.
//!
//! Labels as in STARSS22/23: `frame,class,source,azimuth,elevation[,distance]`, angles in degrees, distance in
//! whole centimetres. Predictions as the DCASE 2023 submission format has them: the first five of these columns.
//! Both are read by the same function, with or without a header line.

use std::io::Write;
use std::path::{Path, PathBuf};

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
    /// Not text, or broken quoting.
    #[error("cannot be read as CSV: {0}")]
    Syntax(String),
}

/// Reads a label or prediction file; an empty one has no events. Rows stay in the order of the file, which the
/// metrics depend on. With `classes`, every class must be below it.
///
/// # Errors
/// The file cannot be read, or the first problem in a row.
pub fn read(path: &Path, classes: Option<usize>) -> Result<Vec<FrameEvent>, CsvError> {
    let (events, mut problems) = read_all(path, classes);
    if problems.is_empty() { Ok(events) } else { Err(problems.swap_remove(0)) }
}

/// Like [`read`], but goes on after a problem: the rows that can be read, and all problems in file order.
pub fn read_all(path: &Path, classes: Option<usize>) -> (Vec<FrameEvent>, Vec<CsvError>) {
    let mut events = Vec::new();
    let mut problems = Vec::new();
    let bytes = match std::fs::read(path).map_err(FileError::at("read", path)) {
        Ok(bytes) => bytes,
        Err(error) => return (events, vec![error.into()]),
    };
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text);
    for (index, record) in reader.records().enumerate() {
        let (line, parsed) = match record {
            Ok(record) if index == 0 && is_header(&record) => continue,
            Ok(record) => (record.position().map_or(0, csv::Position::line), parse_row(&record, classes)),
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

fn is_header(record: &csv::StringRecord) -> bool {
    record.iter().all(|field| field.parse::<f64>().is_err()) && record.iter().any(|field| !field.is_empty())
}

fn parse_row(record: &csv::StringRecord, classes: Option<usize>) -> Result<FrameEvent, RowProblem> {
    if !(5..=6).contains(&record.len()) {
        return Err(RowProblem::Columns { got: record.len() });
    }
    let [frame, class, source] = [index(record, 0)?, index(record, 1)?, index(record, 2)?];
    if let Some(classes) = classes.filter(|&classes| class as usize >= classes) {
        return Err(RowProblem::Class { class, classes });
    }
    let direction = Direction {
        azimuth_deg: number(record, 3, -360.0, 360.0)?,
        elevation_deg: number(record, 4, -90.0, 90.0)?,
    };
    let distance_m = match record.get(5) {
        None | Some("") => None,
        Some(_) => Some(number(record, 5, 0.0, f64::MAX)? / 100.0),
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

fn number(record: &csv::StringRecord, column: usize, low: f64, high: f64) -> Result<f64, RowProblem> {
    let text = &record[column];
    let name = COLUMNS[column];
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && (low..=high).contains(&value) => Ok(value),
        Ok(value) if value.is_finite() => Err(RowProblem::Range { column: name, value, low, high }),
        _ => Err(RowProblem::Number { column: name, value: text.to_owned() }),
    }
}

/// Writes events as the DCASE 2023 submission format has them: `frame,class,source,azimuth,elevation`, no
/// header, angles in full precision. The file is either the old one or the whole new one.
///
/// # Errors
/// The file cannot be written.
pub fn write_predictions(path: &Path, events: &[FrameEvent]) -> Result<(), FileError> {
    write_atomic(path, |out| {
        for FrameEvent { frame, class, source, direction, .. } in events {
            let Direction { azimuth_deg, elevation_deg } = direction;
            writeln!(out, "{frame},{class},{source},{azimuth_deg},{elevation_deg}")?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first_problem(content: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, content).unwrap();
        let error = read(&path, Some(13)).unwrap_err();
        error.to_string().replace(path.to_str().unwrap(), "a.csv")
    }

    #[test]
    fn reads_five_and_six_columns_and_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(
            &path,
            "\u{feff}frame,class,source,azi,ele\n3,1.0,0, -170 ,20\r\n\n4,2,1,10.5,-90,250\n",
        )
        .unwrap();
        let events = read(&path, Some(13)).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!((events[0].frame, events[0].class, events[0].distance_m), (3, 1, None));
        assert_eq!(events[1].distance_m, Some(2.5));
        assert_eq!(events[1].direction, Direction { azimuth_deg: 10.5, elevation_deg: -90.0 });
    }

    #[test]
    fn names_line_column_and_value() {
        let good = "0,0,0,0,0\n";
        for (row, expected) in [
            (
                "1,2,0,5",
                "a.csv:2: 4 columns where 5 or 6 are expected: frame,class,source,azimuth,elevation[,distance in cm]",
            ),
            ("1,2,0,x,5", "a.csv:2: azimuth \"x\" is not a finite number"),
            ("1,2,0,0,NaN", "a.csv:2: elevation \"NaN\" is not a finite number"),
            ("1,13,0,0,0", "a.csv:2: class 13 is out of range: there are 13 classes, 0 to 12"),
            ("1,2,0,361,0", "a.csv:2: azimuth 361 is outside [-360, 360]"),
            ("1,2,0,0,-91", "a.csv:2: elevation -91 is outside [-90, 90]"),
            ("-1,2,0,0,0", "a.csv:2: frame \"-1\" is not a whole number from 0"),
            ("1,2.5,0,0,0", "a.csv:2: class \"2.5\" is not a whole number from 0"),
        ] {
            assert_eq!(first_problem(&format!("{good}{row}\n{good}")), expected);
        }
    }

    #[test]
    fn goes_on_after_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, b"0,0,0,0,0\n1,2\n2,\xff,0,0,0\n3,99,0,0,0\n4,0,0,0,0\n").unwrap();
        let (events, problems) = read_all(&path, Some(13));
        assert_eq!(events.len(), 2);
        assert_eq!(problems.iter().map(|p| p.line().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
    }

    proptest! {
        #[test]
        fn written_files_read_back(rows in prop::collection::vec(
            (0u32..6000, 0u32..13, 0u32..9, -180.0f64..180.0, -90.0f64..90.0, 0u32..2000), 0..40))
        {
            let events: Vec<FrameEvent> = rows.into_iter().map(|(frame, class, source, azimuth, elevation, cm)| {
                let direction = Direction { azimuth_deg: azimuth, elevation_deg: elevation };
                FrameEvent { frame, class, source, direction, distance_m: Some(f64::from(cm) / 100.0) }
            }).collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("sub/a.csv");
            write_predictions(&path, &events).unwrap();
            let without: Vec<_> = events.iter().map(|e| FrameEvent { distance_m: None, ..*e }).collect();
            prop_assert_eq!(read(&path, Some(13)).unwrap(), without);
            write_labels(&path, &events).unwrap();
            let labels = read(&path, Some(13)).unwrap();
            prop_assert_eq!(labels.len(), events.len());
            for (label, event) in labels.iter().zip(&events) {
                prop_assert!(label.direction.angle_to(event.direction) < 0.8);
                prop_assert_eq!(label.distance_m, event.distance_m);
                prop_assert!(label.direction.azimuth_deg > -180.0 && label.direction.azimuth_deg <= 180.0);
            }
        }
    }
}
