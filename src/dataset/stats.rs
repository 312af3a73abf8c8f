//! What a dataset consists of: lengths, events and frames of each class, polyphony, directions, movement.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use super::error::Error;
use super::layout::Layout;
use super::recording::Recording;
use super::set::Dataset;
use super::split::Split;
use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// An event moves when it gets this far from where it began, in degrees.
pub const MOVING_DEG: f64 = 5.0;
/// Width and height of a cell of [`Tally::directions`], in degrees.
pub const CELL_DEG: f64 = 10.0;
const AZIMUTHS: usize = 36;
const ELEVATIONS: usize = 18;

/// What a dataset consists of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// Its layout.
    pub layout: Layout,
    /// Samples per second that recordings are read at, in Hz.
    pub sample_rate: u32,
    /// Class names by index.
    pub classes: Vec<String>,
    /// The splits that have recordings, in the order of [`Split::ALL`].
    pub splits: Vec<SplitStats>,
}

/// What a split consists of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitStats {
    /// Which one.
    pub split: Split,
    /// The folds it has recordings of.
    pub folds: Vec<u32>,
    /// Number of recordings.
    pub recordings: usize,
    /// Their length in minutes.
    pub minutes: f64,
    /// Their events.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Counts of events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tally {
    /// By class index.
    pub classes: Vec<ClassTally>,
    /// Label frames with 0, 1, 2, ... events at a time.
    pub polyphony: Vec<u64>,
    /// Label frames in which the class that is there most often is there 0, 1, 2, ... times.
    pub same_class: Vec<u64>,
    /// Label rows by direction: 18 rows of elevation from -90 degrees up, of 36 cells of azimuth from -180 degrees
    /// on, each of 10 by 10 degrees.
    pub directions: Vec<Vec<u64>>,
}

/// Counts of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ClassTally {
    /// Events: stretches of label frames without a gap, of one class and source.
    pub events: u64,
    /// Events that move, by [`MOVING_DEG`].
    pub moving: u64,
    /// Label rows, which are frames of single events.
    pub frames: u64,
}

impl ClassTally {
    /// Share of the events that move; nothing without events.
    pub fn moving_share(&self) -> Option<f64> {
        (self.events > 0).then(|| self.moving as f64 / self.events as f64)
    }

    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.moving += other.moving;
        self.frames += other.frames;
    }
}

/// Reads all labels, one recording at a time in each thread; no audio.
///
/// # Errors
/// A label file cannot be read any more.
pub fn stats(dataset: &Dataset) -> Result<Stats, Error> {
    let mut splits = Vec::new();
    for split in Split::ALL {
        let recordings = dataset.split(split);
        if recordings.is_empty() {
            continue;
        }
        let classes = dataset.classes.len();
        let tally = recordings
            .par_iter()
            .map(|recording| Ok(Tally::of(&recording.read_events()?, recording.frames, classes)))
            .try_reduce(|| Tally::new(classes), |sum, tally| Ok::<_, Error>(sum.with(&tally)))?;
        let mut folds: Vec<u32> = recordings.iter().filter_map(|recording| recording.fold).collect();
        folds.sort_unstable();
        folds.dedup();
        let minutes = recordings.iter().map(|recording| Recording::seconds(recording)).sum::<f64>() / 60.0;
        splits.push(SplitStats { split, folds, recordings: recordings.len(), minutes, tally });
    }
    let (layout, sample_rate, classes) = (dataset.layout, dataset.sample_rate, dataset.classes.clone());
    Ok(Stats { layout, sample_rate, classes, splits })
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(classes: usize) -> Self {
        Self {
            classes: vec![ClassTally::default(); classes],
            polyphony: Vec::new(),
            same_class: Vec::new(),
            directions: vec![vec![0; AZIMUTHS]; ELEVATIONS],
        }
    }

    /// The events of one recording of `frames` label frames, in any order. Events of later frames and of other
    /// classes are left out.
    pub fn of(events: &[FrameEvent], frames: u32, classes: usize) -> Self {
        let mut tally = Self::new(classes);
        let mut by_frame: BTreeMap<u32, Vec<&FrameEvent>> = BTreeMap::new();
        let counts = |event: &&FrameEvent| event.frame < frames && (event.class as usize) < classes;
        for event in events.iter().filter(counts) {
            by_frame.entry(event.frame).or_default().push(event);
            tally.classes[event.class as usize].frames += 1;
            let (row, cell) = cell(event.direction);
            tally.directions[row][cell] += 1;
        }
        let silent = u64::from(frames).saturating_sub(by_frame.len() as u64);
        count(&mut tally.polyphony, 0, silent);
        count(&mut tally.same_class, 0, silent);
        let mut lasting: BTreeMap<(u32, u32, usize), Lasting> = BTreeMap::new();
        for (frame, events) in by_frame {
            let mut of_class: BTreeMap<u32, usize> = BTreeMap::new();
            let mut of_source: BTreeMap<(u32, u32), usize> = BTreeMap::new();
            for event in &events {
                *of_class.entry(event.class).or_default() += 1;
                // One source may be there twice: a number tells such rows apart.
                let number = of_source.entry((event.class, event.source)).or_default();
                let key = (event.class, event.source, *number);
                *number += 1;
                let counted = &mut tally.classes[event.class as usize];
                match lasting.get_mut(&key).filter(|lasting| lasting.last + 1 == frame) {
                    Some(lasting) => counted.moving += u64::from(lasting.goes_on(frame, event.direction)),
                    None => {
                        counted.events += 1;
                        lasting.insert(key, Lasting { last: frame, first: event.direction, moves: false });
                    }
                }
            }
            count(&mut tally.polyphony, events.len(), 1);
            count(&mut tally.same_class, of_class.into_values().max().unwrap_or(0), 1);
        }
        tally
    }

    /// Both together.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.classes.iter_mut().zip(&other.classes).for_each(|(sum, class)| sum.add(class));
        for (at, &frames) in other.polyphony.iter().enumerate() {
            count(&mut self.polyphony, at, frames);
        }
        for (at, &frames) in other.same_class.iter().enumerate() {
            count(&mut self.same_class, at, frames);
        }
        for (sum, row) in self.directions.iter_mut().zip(&other.directions) {
            sum.iter_mut().zip(row).for_each(|(sum, rows)| *sum += rows);
        }
        self
    }

    /// All classes together.
    pub fn total(&self) -> ClassTally {
        let mut total = ClassTally::default();
        self.classes.iter().for_each(|class| total.add(class));
        total
    }
}

impl Stats {
    /// All splits together.
    pub fn total(&self) -> Tally {
        self.splits.iter().fold(Tally::new(self.classes.len()), |sum, split| sum.with(&split.tally))
    }
}

/// An event that has begun.
struct Lasting {
    last: u32,
    first: Direction,
    moves: bool,
}

impl Lasting {
    /// Goes on in the next frame; whether the event is a moving one from here on.
    fn goes_on(&mut self, frame: u32, direction: Direction) -> bool {
        self.last = frame;
        let begins_to = !self.moves && self.first.angle_to(direction) > MOVING_DEG;
        self.moves |= begins_to;
        begins_to
    }
}

fn count(histogram: &mut Vec<u64>, at: usize, frames: u64) {
    if frames > 0 {
        histogram.resize(histogram.len().max(at + 1), 0);
        histogram[at] += frames;
    }
}

/// Row and cell of a direction.
fn cell(direction: Direction) -> (usize, usize) {
    let azimuth = (direction.azimuth_deg + 180.0).rem_euclid(360.0) / CELL_DEG;
    let elevation = (direction.elevation_deg + 90.0) / CELL_DEG;
    ((elevation as usize).min(ELEVATIONS - 1), (azimuth as usize).min(AZIMUTHS - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(frame: u32, class: u32, source: u32, azimuth_deg: f64) -> FrameEvent {
        let direction = Direction { azimuth_deg, elevation_deg: 0.0 };
        FrameEvent { frame, class, source, direction, distance_m: None }
    }

    #[test]
    fn events_are_runs_and_move_when_they_leave_their_place() {
        let events = [
            event(0, 0, 0, 0.0),
            event(1, 0, 0, 4.0),
            event(2, 0, 0, 12.0),
            event(3, 0, 0, 0.0),
            // After a gap, another event; of another source, a third.
            event(5, 0, 0, 50.0),
            event(5, 0, 1, 170.0),
            event(5, 1, 0, 180.0),
        ];
        let tally = Tally::of(&events, 8, 2);
        assert_eq!(tally.classes[0], ClassTally { events: 3, moving: 1, frames: 6 });
        assert_eq!(tally.classes[1], ClassTally { events: 1, moving: 0, frames: 1 });
        assert_eq!(tally.polyphony, [3, 4, 0, 1]);
        assert_eq!(tally.same_class, [3, 4, 1]);
        assert_eq!(tally.directions[9][35], 1);
        assert_eq!(tally.directions[9][0], 1, "180 degrees is -180 degrees");
    }

    #[test]
    fn what_is_past_the_end_or_of_no_class_is_left_out() {
        let tally = Tally::of(&[event(2, 0, 0, 0.0), event(3, 0, 0, 0.0), event(0, 7, 0, 0.0)], 3, 1);
        assert_eq!(tally.polyphony, [2, 1]);
        assert_eq!(tally.total(), ClassTally { events: 1, moving: 0, frames: 1 });
        assert_eq!(Tally::of(&[], 0, 1), Tally::new(1));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_in_sums(rows in prop::collection::vec((0u32..40, 0u32..3, 0u32..3, -180f64..180.0), 0..60)) {
            let events: Vec<_> = rows.iter().map(|&(f, c, s, a)| event(f, c, s, a)).collect();
            let all = Tally::of(&events, 40, 3);
            prop_assert_eq!(all.polyphony.iter().sum::<u64>(), 40);
            prop_assert_eq!(all.same_class.iter().sum::<u64>(), 40);
            let rows: u64 = all.polyphony.iter().zip(0..).map(|(n, k)| n * k).sum();
            prop_assert_eq!((rows, all.total().frames), (events.len() as u64, events.len() as u64));
            prop_assert_eq!(all.directions.iter().flatten().sum::<u64>(), events.len() as u64);
            prop_assert!(all.total().moving <= all.total().events);
            prop_assert_eq!(Tally::new(3).with(&all).with(&Tally::new(3)), all);
        }
    }
}
