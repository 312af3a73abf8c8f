//! Scores of classes, of frames with so many events at once, of rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::Serialize;

use super::heard::Heard;
use super::motion::{MotionScores, MotionTally};
use crate::seld::event::FrameEvent;
use crate::seld::metric::{Average, Metric, Options, Tally, Values};

/// What recordings are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grouping {
    /// The class of events.
    Class,
    /// How many events sound at once in a frame.
    Polyphony,
    /// The room.
    Room,
    /// Whether events move.
    Motion,
}

impl Grouping {
    /// All, in the order they are shown in.
    pub const ALL: [Self; 4] = [Self::Class, Self::Polyphony, Self::Room, Self::Motion];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Polyphony => "polyphony",
            Self::Room => "room",
            Self::Motion => "motion",
        }
    }
}

/// The text names no grouping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no group {name:?}; there are {}", Grouping::ALL.map(Grouping::name).join(", "))]
pub struct UnknownGrouping {
    /// What was asked for.
    pub name: String,
}

impl FromStr for Grouping {
    type Err = UnknownGrouping;

    fn from_str(name: &str) -> Result<Self, UnknownGrouping> {
        let known = Self::ALL.into_iter().find(|grouping| grouping.name() == name);
        known.ok_or_else(|| UnknownGrouping { name: name.to_owned() })
    }
}

/// Scores by group, of the groupings that were asked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Groups {
    /// By class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Vec<GroupScores>>,
    /// By number of events at once: 0, 1, 2, 3+.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polyphony: Option<Vec<GroupScores>>,
    /// By room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Vec<GroupScores>>,
    /// Static and moving events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motion: Option<Vec<MotionScores>>,
}

/// Scores of a group by the metric: as if nothing but the group were there, in the labels and in what is found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupScores {
    /// Its name.
    pub group: String,
    /// Classes that are there. Macro averages are over these alone.
    pub classes: usize,
    /// Scored frames.
    pub frames: u64,
    /// Share of these frames in which the model finds something, in 0..1; NaN without frames.
    pub busy: f64,
    /// Events of labels in single frames.
    pub references: u64,
    /// Events of the model in single frames.
    pub predictions: u64,
    /// The scores; NaN, `null` in JSON, where no event is there that could be found.
    #[serde(flatten)]
    pub values: Values,
}

/// The number of events at once from which on frames are one group.
const MANY: usize = 3;

/// How a group is scored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scoring {
    pub(super) metric: Metric,
    pub(super) options: Options,
    pub(super) average: Average,
    /// Number of classes K.
    pub(super) classes: usize,
}

/// Frames of a recording that the metric scores.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// As the metric is told.
    scored: usize,
    /// The same in whole segments, within the recording.
    pub(super) end: u32,
}

impl Scoring {
    pub(super) fn span(&self, heard: &Heard) -> Span {
        let scored = self.metric.scored_frames(&heard.truth.events, heard.frames as usize);
        let whole = scored.div_ceil(self.options.frames_per_second) * self.options.frames_per_second;
        Span { scored, end: u32::try_from(whole).map_or(heard.frames, |end| end.min(heard.frames)) }
    }
}

/// One group.
#[derive(Debug, Clone)]
pub(super) struct GroupTally {
    scoring: Scoring,
    pub(super) tally: Tally,
    present: BTreeSet<u32>,
    frames: u64,
    busy_frames: u64,
    references: u64,
    predictions: u64,
}

impl GroupTally {
    pub(super) fn new(scoring: Scoring) -> Self {
        let tally = Tally::new(scoring.metric, scoring.classes, scoring.options);
        let present = BTreeSet::new();
        Self { scoring, tally, present, frames: 0, busy_frames: 0, references: 0, predictions: 0 }
    }

    /// Adds what of a recording belongs to the group, which has so many of its scored frames.
    pub(super) fn add(&mut self, labels: &[FrameEvent], events: &[FrameEvent], frames: u64, span: Span) {
        let is_scored = |event: &&FrameEvent| event.frame < span.end;
        self.present.extend(labels.iter().filter(is_scored).map(|event| event.class));
        self.references += labels.iter().filter(is_scored).count() as u64;
        self.predictions += events.iter().filter(is_scored).count() as u64;
        let busy: BTreeSet<u32> = events.iter().filter(is_scored).map(|event| event.frame).collect();
        self.busy_frames += busy.len() as u64;
        self.frames += frames;
        self.tally.add_recording(labels, events, span.scored);
    }

    pub(super) fn has_references(&self) -> bool {
        self.references > 0
    }

    /// NaN without references.
    pub(super) fn values(&self) -> Values {
        if !self.has_references() {
            return Values::of_four(f64::NAN, f64::NAN, f64::NAN, f64::NAN);
        }
        let scores = self.tally.scores(self.scoring.average);
        if scores.classwise.is_empty() {
            return scores.overall;
        }
        let mean = |of: fn(&Values) -> f64| {
            let there = self.present.iter().filter_map(|&class| scores.classwise.get(class as usize));
            there.map(of).sum::<f64>() / self.present.len() as f64
        };
        Values::of_four(scores.overall.er, mean(|v| v.f), mean(|v| v.le), mean(|v| v.lr))
    }

    fn scores(&self, group: String) -> GroupScores {
        GroupScores {
            group,
            classes: self.present.len(),
            frames: self.frames,
            busy: self.busy_frames as f64 / self.frames as f64,
            references: self.references,
            predictions: self.predictions,
            values: self.values(),
        }
    }
}

/// Rows of each class.
pub(super) fn by_class(events: &[FrameEvent], classes: usize) -> Vec<Vec<FrameEvent>> {
    let mut of_class = vec![Vec::new(); classes];
    for event in events {
        if let Some(rows) = of_class.get_mut(event.class as usize) {
            rows.push(*event);
        }
    }
    of_class
}

/// Everything that was asked for.
#[derive(Debug, Clone)]
pub(super) struct GroupTallies {
    scoring: Scoring,
    class: Option<Vec<GroupTally>>,
    polyphony: Option<Vec<GroupTally>>,
    room: Option<BTreeMap<String, GroupTally>>,
    motion: Option<MotionTally>,
}

impl GroupTallies {
    pub(super) fn new(scoring: Scoring, by: &[Grouping]) -> Self {
        let asked = |grouping| by.contains(&grouping);
        let tallies = |count| vec![GroupTally::new(scoring); count];
        Self {
            scoring,
            class: asked(Grouping::Class).then(|| tallies(scoring.classes)),
            polyphony: asked(Grouping::Polyphony).then(|| tallies(MANY + 1)),
            room: asked(Grouping::Room).then(BTreeMap::new),
            motion: asked(Grouping::Motion).then(|| MotionTally::new(scoring.options)),
        }
    }

    pub(super) fn add(&mut self, heard: &Heard) {
        let (labels, events, span) = (&heard.truth.events, heard.scored, self.scoring.span(heard));
        let frames = u64::from(span.end);
        if let Some(tallies) = &mut self.class {
            let classes = self.scoring.classes;
            let sides = by_class(labels, classes).into_iter().zip(by_class(events, classes));
            for (tally, (labels, events)) in tallies.iter_mut().zip(sides) {
                tally.add(&labels, &events, frames, span);
            }
        }
        if let Some(tallies) = &mut self.polyphony {
            let at_once = |frame: u32| heard.truth.polyphony.get(frame as usize).map_or(0, |&n| n as usize);
            for (number, tally) in tallies.iter_mut().enumerate() {
                let belongs = |frame: u32| at_once(frame).min(MANY) == number;
                let of_group = |rows: &[FrameEvent]| -> Vec<FrameEvent> {
                    rows.iter().filter(|row| belongs(row.frame)).copied().collect()
                };
                let frames = (0..span.end).filter(|&frame| belongs(frame)).count() as u64;
                tally.add(&of_group(labels), &of_group(events), frames, span);
            }
        }
        if let Some(tallies) = &mut self.room {
            let tally = tallies.entry(heard.room.to_owned()).or_insert_with(|| GroupTally::new(self.scoring));
            tally.add(labels, events, frames, span);
        }
        if let Some(tally) = &mut self.motion {
            tally.add(heard);
        }
    }

    pub(super) fn finish(&self, names: &[String]) -> Groups {
        let named = |tallies: &Vec<GroupTally>, names: Vec<String>| {
            tallies.iter().zip(names).map(|(tally, name)| tally.scores(name)).collect()
        };
        let numbers =
            || (0..=MANY).map(|n| if n == MANY { format!("{n}+") } else { n.to_string() }).collect();
        let rooms = |tallies: &BTreeMap<String, GroupTally>| {
            let mut rooms: Vec<_> = tallies.iter().collect();
            rooms.sort_by_key(|(name, _)| natural(name));
            rooms.into_iter().map(|(name, tally)| tally.scores(name.clone())).collect()
        };
        Groups {
            class: self.class.as_ref().map(|tallies| named(tallies, names.to_vec())),
            polyphony: self.polyphony.as_ref().map(|tallies| named(tallies, numbers())),
            room: self.room.as_ref().map(rooms),
            motion: self.motion.as_ref().map(MotionTally::finish),
        }
    }
}

/// Orders room2 before room10.
fn natural(name: &str) -> Vec<(String, u64)> {
    let is_end = |pair: (char, char)| pair.0.is_ascii_digit() && !pair.1.is_ascii_digit();
    let mut pieces = vec![String::new()];
    let mut last = None;
    for letter in name.chars() {
        if last.is_some_and(|last| is_end((last, letter))) {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(letter);
        }
        last = Some(letter);
    }
    let split = |piece: String| {
        let words = piece.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        let number = piece[words.len()..].parse().unwrap_or(0);
        (words, number)
    };
    pieces.into_iter().map(split).collect()
}

#[cfg(test)]
mod tests;
