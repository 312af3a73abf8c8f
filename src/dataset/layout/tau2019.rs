//! TAU Spatial Sound Events 2019, Ambisonic (DCASE 2019): `foa_dev/split1_ir0_ov1_1.wav`, 48 kHz, without further
//! folders. Labels have a row for each event, under a header:
//! `sound_event_recording,start_time,end_time,ele,azi,dist`; times in seconds, elevation before azimuth in degrees,
//! distance in metres. The classes stand there by name.
//!
//! Of the four turns of the published cross-validation this is the first: split 1 for testing, 2 for validation, 3
//! and 4 for training. `folds.json` takes another.

use std::path::Path;

use super::Rules;
use crate::dataset::error::Error;
use crate::dataset::labels::LabelForm;
use crate::dataset::split::{Split, fold_of};
use crate::fs::FileError;
use crate::seld::doa::Direction;
use crate::seld::event::{FRAMES_PER_SECOND, FrameEvent};

/// The classes by index, in the order of the challenge's baseline system.
pub const CLASSES: [&str; 11] = [
    "knock",
    "drawer",
    "clearthroat",
    "phone",
    "keysDrop",
    "speech",
    "keyboard",
    "pageturn",
    "cough",
    "doorslam",
    "laughter",
];

pub(super) const RULES: Rules = Rules {
    labels: LabelForm::Events,
    split: |_, stem| match fold_of(stem)? {
        1 => Some(Split::Test),
        2 => Some(Split::Validation),
        3 | 4 => Some(Split::Train),
        _ => None,
    },
    expected: "name its files split1_NAME to split4_NAME",
};

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EventProblem {
    /// The first row does not name the columns.
    #[error(
        "no column {column}; the first row must be sound_event_recording,start_time,end_time,ele,azi,dist"
    )]
    Header {
        /// The one that is missing.
        column: &'static str,
    },
    /// Too few columns, or broken quoting.
    #[error("cannot be read as a row of {columns} columns: {problem}")]
    Row {
        /// Columns of the first row.
        columns: usize,
        /// What is wrong.
        problem: String,
    },
    /// Not a number within its range.
    #[error("{column} {value:?} is not a number from {low} to {high}")]
    Number {
        /// Name of the column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// Lowest allowed.
        low: f64,
        /// Highest allowed.
        high: f64,
    },
    /// An event that is over before it begins.
    #[error("it ends at {end_s} s, before it begins at {start_s} s")]
    Order {
        /// Onset in seconds.
        start_s: f64,
        /// Offset in seconds.
        end_s: f64,
    },
    /// A class that the data does not have.
    #[error("no class {name:?}; there are {}", classes.join(", "))]
    Class {
        /// What stands there.
        name: String,
        /// Those that there are.
        classes: Vec<String>,
    },
}

/// The longest time that is accepted, in seconds: a day. A slip of the pen would otherwise fill the memory.
const LONGEST_S: f64 = 86_400.0;

/// Reads a label file: a [`FrameEvent`] for every label frame that an event reaches into, in the order of frames.
/// The source is the number of the row, from 0. Goes on after a problem.
pub(in crate::dataset) fn read_labels(path: &Path, classes: &[String]) -> (Vec<FrameEvent>, Vec<Error>) {
    let bytes = match std::fs::read(path).map_err(FileError::at("read", path)) {
        Ok(bytes) => bytes,
        Err(error) => return (Vec::new(), vec![error.into()]),
    };
    let mut errors = Vec::new();
    let mut wrong = |line: u64, problem| errors.push(Error::Event { path: path.to_owned(), line, problem });
    let mut events = Vec::new();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&bytes[..]);
    let columns = match reader.headers().map_err(|e| e.to_string()) {
        Ok(header) => Columns::of(header),
        Err(problem) => Err(EventProblem::Row { columns: 6, problem }),
    };
    match columns {
        Err(problem) => wrong(1, problem),
        Ok(columns) => {
            for (source, record) in (0..).zip(reader.records()) {
                let row = match &record {
                    Ok(record) => columns.read(record, classes, source),
                    Err(error) => {
                        Err(EventProblem::Row { columns: columns.count, problem: error.to_string() })
                    }
                };
                let position = match &record {
                    Ok(record) => record.position(),
                    Err(error) => error.position(),
                };
                match row {
                    Ok(frames) => events.extend(frames),
                    Err(problem) => wrong(position.map_or(0, csv::Position::line), problem),
                }
            }
        }
    }
    events.sort_by_key(|event: &FrameEvent| event.frame);
    (events, errors)
}

/// Where the columns stand.
struct Columns {
    count: usize,
    class: usize,
    start: usize,
    end: usize,
    elevation: usize,
    azimuth: usize,
    distance: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, EventProblem> {
        let find =
            |column: &str| header.iter().position(|name| name.trim_start_matches('\u{feff}') == column);
        let need = |column: &'static str| find(column).ok_or(EventProblem::Header { column });
        Ok(Self {
            count: header.len(),
            class: need("sound_event_recording")?,
            start: need("start_time")?,
            end: need("end_time")?,
            elevation: need("ele")?,
            azimuth: need("azi")?,
            distance: find("dist"),
        })
    }

    /// The frames of one event.
    fn read(
        &self,
        row: &csv::StringRecord,
        classes: &[String],
        source: u32,
    ) -> Result<Vec<FrameEvent>, EventProblem> {
        let number = |at: usize, column: &'static str, low: f64, high: f64| {
            let value = &row[at];
            let parsed = value.parse().ok().filter(|x: &f64| (low..=high).contains(x));
            parsed.ok_or_else(|| EventProblem::Number { column, value: value.to_owned(), low, high })
        };
        let start_s = number(self.start, "start_time", 0.0, LONGEST_S)?;
        let end_s = number(self.end, "end_time", 0.0, LONGEST_S)?;
        if end_s < start_s {
            return Err(EventProblem::Order { start_s, end_s });
        }
        let direction = Direction {
            azimuth_deg: number(self.azimuth, "azi", -360.0, 360.0)?,
            elevation_deg: number(self.elevation, "ele", -90.0, 90.0)?,
        };
        let distance_m = self.distance.map(|at| number(at, "dist", 0.0, f64::MAX)).transpose()?;
        let name = &row[self.class];
        let class = classes
            .iter()
            .position(|class| class == name)
            .ok_or_else(|| EventProblem::Class { name: name.to_owned(), classes: classes.to_vec() })?
            as u32;
        let frames = frames_of(start_s, end_s);
        Ok(frames.map(|frame| FrameEvent { frame, class, source, direction, distance_m }).collect())
    }
}

/// Label frames that a stretch of time reaches into; times are given to the microsecond.
fn frames_of(start_s: f64, end_s: f64) -> std::ops::Range<u32> {
    let scale = FRAMES_PER_SECOND as f64;
    let first = (start_s * scale + 1e-5).floor() as u32;
    first..((end_s * scale - 1e-5).ceil() as u32).max(first + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<FrameEvent>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let classes: Vec<String> = CLASSES.map(str::to_owned).to_vec();
        let (events, errors) = read_labels(&path, &classes);
        (events, errors.iter().map(|e| e.to_string().replace(path.to_str().unwrap(), "a.csv")).collect())
    }

    const HEADER: &str = "sound_event_recording,start_time,end_time,ele,azi,dist\n";

    #[test]
    fn events_become_the_frames_they_reach_into() {
        let (events, errors) = read(&format!("{HEADER}speech,0.25,0.5,-20,170,2\nknock,0.3,0.31,0,-10,1\n"));
        assert_eq!(errors, [""; 0]);
        let found: Vec<(u32, u32, u32)> = events.iter().map(|e| (e.frame, e.class, e.source)).collect();
        assert_eq!(found, [(2, 5, 0), (3, 5, 0), (3, 0, 1), (4, 5, 0)]);
        assert_eq!(events[0].direction, Direction { azimuth_deg: 170.0, elevation_deg: -20.0 });
        assert_eq!(events[0].distance_m, Some(2.0));
    }

    #[test]
    fn mistakes_are_named_by_line_and_column() {
        let rows = "speech,0.2,0.1,0,0,1\nbark,0,1,0,0,1\nknock,x,1,0,0,1\nknock,0,1,91,0,1\nknock,0,1\nknock,0,1,0,0,1\n";
        let (events, errors) = read(&format!("{HEADER}{rows}"));
        assert_eq!(events.len(), 10);
        let expected = [
            "a.csv:2: it ends at 0.1 s, before it begins at 0.2 s",
            "a.csv:3: no class \"bark\"; there are knock, drawer",
            "a.csv:4: start_time \"x\" is not a number from 0 to 86400",
            "a.csv:5: ele \"91\" is not a number from -90 to 90",
            "a.csv:6: cannot be read as a row of 6 columns",
        ];
        assert_eq!(errors.len(), expected.len(), "{errors:?}");
        for (error, expected) in errors.iter().zip(expected) {
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(read("0,0,0,0,0\n").1[0].starts_with("a.csv:1: no column sound_event_recording"));
    }
}
