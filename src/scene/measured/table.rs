//! The table of a folder of impulse responses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::bank::sorted_entries;
use super::super::error::SceneError;
use super::super::path::Position;
use crate::seld::doa::Direction;

/// Greatest distance that is taken for metres.
const MAX_DISTANCE_M: f64 = 100.0;

/// One measured response.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Measurement {
    /// Its wav file.
    pub(super) file: PathBuf,
    /// Its length.
    pub(super) seconds: f64,
    /// Where its source was.
    pub(super) position: Position,
}

/// The responses of one room.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct MeasuredRoom {
    /// All of them.
    pub(super) positions: Vec<Measurement>,
    /// Those along which sources may move, in order; at least two each.
    pub(super) trajectories: Vec<Vec<Measurement>>,
}

/// The rooms of a folder, by name.
pub(super) fn read(folder: &Path) -> Result<Vec<MeasuredRoom>, SceneError> {
    let path = find(folder)?;
    let failed = |line: u64, reason: String| SceneError::Table { path: path.clone(), line, reason };
    let at = |e: csv::Error| failed(e.position().map_or(1, csv::Position::line), e.to_string());
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&path).map_err(at)?;
    let columns = Columns::find(reader.headers().map_err(at)?).map_err(|reason| failed(1, reason))?;
    let mut rooms: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(at)?;
        let line = record.position().map_or(0, csv::Position::line);
        let (room, row) = columns.parse(folder, &record).map_err(|reason| failed(line, reason))?;
        rooms.entry(room).or_default().push(row);
    }
    Ok(rooms.into_values().map(room).collect())
}

/// `rirs.csv`, or the only csv file.
fn find(folder: &Path) -> Result<PathBuf, SceneError> {
    let tables: Vec<PathBuf> = sorted_entries(folder)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")))
        .collect();
    let named = tables.iter().find(|path| path.file_name().is_some_and(|name| name == "rirs.csv"));
    match (named, &tables[..]) {
        (Some(path), _) | (None, [path]) => Ok(path.clone()),
        _ => {
            let expected = "a table rirs.csv with the columns file,azimuth,elevation,distance";
            let got = format!("{} csv files", tables.len());
            Err(SceneError::Bank { path: folder.to_owned(), expected, got })
        }
    }
}

struct Row {
    measurement: Measurement,
    trajectory: Option<String>,
    place: Option<f64>,
}

fn room(rows: Vec<Row>) -> MeasuredRoom {
    let positions = rows.iter().map(|row| row.measurement.clone()).collect();
    let mut trajectories: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        if let Some(name) = &row.trajectory {
            trajectories.entry(name.clone()).or_default().push(row);
        }
    }
    let trajectories = trajectories.into_values().filter(|rows| rows.len() > 1).map(|mut rows| {
        // A stable sort: rows without a number stay as they are.
        rows.sort_by(|a, b| a.place.unwrap_or(0.0).total_cmp(&b.place.unwrap_or(0.0)));
        rows.into_iter().map(|row| row.measurement).collect()
    });
    MeasuredRoom { positions, trajectories: trajectories.collect() }
}

/// Where the columns are.
struct Columns {
    file: usize,
    azimuth: usize,
    elevation: usize,
    distance: usize,
    room: Option<usize>,
    trajectory: Option<usize>,
    position: Option<usize>,
}

impl Columns {
    fn find(header: &csv::StringRecord) -> Result<Self, String> {
        let optional = |name: &str| header.iter().position(|column| column == name);
        let needed = |name: &str| {
            let expected = "file,azimuth,elevation,distance[,room,trajectory,position]";
            optional(name).ok_or_else(|| format!("no column {name:?}; expected {expected}"))
        };
        Ok(Self {
            file: needed("file")?,
            azimuth: needed("azimuth")?,
            elevation: needed("elevation")?,
            distance: needed("distance")?,
            room: optional("room"),
            trajectory: optional("trajectory"),
            position: optional("position"),
        })
    }

    /// Name of the room, and the row.
    fn parse(&self, folder: &Path, record: &csv::StringRecord) -> Result<(String, Row), String> {
        let text = |column: Option<usize>| {
            column.and_then(|column| record.get(column)).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let number = |column: usize, name: &str, low: f64, high: f64| {
            let text = record.get(column).unwrap_or_default();
            let value: Option<f64> = text.parse().ok();
            value
                .filter(|value| (low..=high).contains(value))
                .ok_or_else(|| format!("{name} {text:?}: expected a number from {low} to {high}"))
        };
        let name = text(Some(self.file)).ok_or("file must not be empty")?;
        let file = folder.join(&name);
        let wav = hound::WavReader::open(&file).map_err(|e| format!("{name}: {e}"))?;
        let (channels, rate) = (wav.spec().channels, wav.spec().sample_rate);
        let seconds = f64::from(wav.duration()) / f64::from(rate.max(1));
        if channels != 4 {
            return Err(format!("{name}: expected 4 channels (W, Y, Z, X), got {channels}"));
        }
        let direction = Direction {
            azimuth_deg: number(self.azimuth, "azimuth", -360.0, 360.0)?,
            elevation_deg: number(self.elevation, "elevation", -90.0, 90.0)?,
        };
        let distance_m = number(self.distance, "distance in metres", 0.05, MAX_DISTANCE_M)?;
        let place = match text(self.position) {
            None => None,
            Some(text) => {
                let place = text.parse().ok().filter(|place: &f64| place.is_finite());
                Some(place.ok_or_else(|| format!("position {text:?}: expected a number"))?)
            }
        };
        let parent = || Path::new(&name).parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let position = Position { direction: direction.normalised(), distance_m };
        let measurement = Measurement { file, seconds, position };
        let row = Row { measurement, trajectory: text(self.trajectory), place };
        Ok((text(self.room).unwrap_or_else(parent), row))
    }
}
