//! What becomes of every event: found, in the wrong place, taken for another class, missed; and where false alarms come
//! from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::heard::Heard;
use super::pairs::pairs;
use crate::seld::event::FrameEvent;
use crate::seld::metric::Options;

/// Mistakes, counted in events of single frames over whole recordings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorBreakdown {
    /// The largest angle of what is in its place, in degrees, inclusive: the metric's limit.
    pub within_deg: f64,
    /// All classes together.
    pub all: ClassErrors,
    /// By class: references by theirs, predictions by theirs.
    pub classes: Vec<ClassErrors>,
    /// Which class is taken for which, most frequent first.
    pub confusions: Vec<Confusion>,
}

/// What becomes of a class.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ClassErrors {
    /// Its name, or "all".
    pub class: String,
    /// What becomes of its labels.
    pub references: ReferenceCounts,
    /// What becomes of what is said of it.
    pub predictions: PredictionCounts,
}

/// Labels by what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ReferenceCounts {
    /// Said with its class within the angle limit.
    pub hit: u64,
    /// Said with its class, too far off.
    pub wrong_place: u64,
    /// Its class is not said, but another one within the angle limit.
    pub wrong_class: u64,
    /// Nothing belongs to it.
    pub missed: u64,
}

/// Predictions by what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PredictionCounts {
    /// There is a label of its class within the angle limit.
    pub hit: u64,
    /// There is a label of its class, too far off.
    pub wrong_place: u64,
    /// There is no label of its class left, but one of another class within the angle limit.
    pub wrong_class: u64,
    /// Its class is there, and said often enough without it.
    pub duplicate: u64,
    /// Its class is not there, nor anything within the angle limit.
    pub nothing: u64,
}

/// One class taken for another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion {
    /// What the label says.
    pub reference: String,
    /// What is said.
    pub prediction: String,
    /// How often: events in single frames.
    pub count: u64,
    /// Share of the labels of the class, in 0..1.
    pub share: f64,
}

impl ReferenceCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.hit + self.wrong_place + self.wrong_class + self.missed
    }

    fn add(&mut self, other: &Self) {
        self.hit += other.hit;
        self.wrong_place += other.wrong_place;
        self.wrong_class += other.wrong_class;
        self.missed += other.missed;
    }
}

impl PredictionCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.hit + self.wrong_place + self.wrong_class + self.duplicate + self.nothing
    }

    fn add(&mut self, other: &Self) {
        self.hit += other.hit;
        self.wrong_place += other.wrong_place;
        self.wrong_class += other.wrong_class;
        self.duplicate += other.duplicate;
        self.nothing += other.nothing;
    }
}

/// What becomes of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reference {
    Hit,
    WrongPlace,
    /// The class that it is taken for.
    WrongClass(u32),
    Missed,
}

/// What becomes of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prediction {
    Hit,
    WrongPlace,
    WrongClass,
    Duplicate,
    Nothing,
}

#[derive(Debug, Clone)]
pub(super) struct ErrorTally {
    options: Options,
    classes: Vec<(ReferenceCounts, PredictionCounts)>,
    /// By class of the label and class that it is taken for.
    confusions: BTreeMap<(u32, u32), u64>,
}

impl ErrorTally {
    pub(super) fn new(classes: usize, options: Options) -> Self {
        let nothing = (ReferenceCounts::default(), PredictionCounts::default());
        Self { options, classes: vec![nothing; classes], confusions: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, heard: &Heard) {
        let (references, predictions) = (&heard.truth.events, heard.events);
        let (there, said) = judge(references, predictions, &self.options);
        for (event, fate) in references.iter().zip(there) {
            let Some((counts, _)) = self.classes.get_mut(event.class as usize) else { continue };
            match fate {
                Reference::Hit => counts.hit += 1,
                Reference::WrongPlace => counts.wrong_place += 1,
                Reference::WrongClass(other) => {
                    counts.wrong_class += 1;
                    *self.confusions.entry((event.class, other)).or_default() += 1;
                }
                Reference::Missed => counts.missed += 1,
            }
        }
        for (event, fate) in predictions.iter().zip(said) {
            let Some((_, counts)) = self.classes.get_mut(event.class as usize) else { continue };
            match fate {
                Prediction::Hit => counts.hit += 1,
                Prediction::WrongPlace => counts.wrong_place += 1,
                Prediction::WrongClass => counts.wrong_class += 1,
                Prediction::Duplicate => counts.duplicate += 1,
                Prediction::Nothing => counts.nothing += 1,
            }
        }
    }

    pub(super) fn finish(&self, names: &[String]) -> ErrorBreakdown {
        let mut all = ClassErrors { class: "all".to_owned(), ..ClassErrors::default() };
        let mut classes = Vec::new();
        for (name, (references, predictions)) in names.iter().zip(&self.classes) {
            all.references.add(references);
            all.predictions.add(predictions);
            classes.push(ClassErrors {
                class: name.clone(),
                references: *references,
                predictions: *predictions,
            });
        }
        let name = |class: u32| names.get(class as usize).cloned().unwrap_or_default();
        let mut confusions: Vec<Confusion> = self
            .confusions
            .iter()
            .map(|(&(reference, prediction), &count)| Confusion {
                reference: name(reference),
                prediction: name(prediction),
                count,
                share: count as f64 / self.classes[reference as usize].0.total() as f64,
            })
            .collect();
        // Stable: equals stay in the order of the classes.
        confusions.sort_by_key(|confusion| std::cmp::Reverse(confusion.count));
        ErrorBreakdown { within_deg: self.options.doa_threshold_deg, all, classes, confusions }
    }
}

/// What becomes of each label and each prediction.
fn judge(
    references: &[FrameEvent],
    predictions: &[FrameEvent],
    options: &Options,
) -> (Vec<Reference>, Vec<Prediction>) {
    let mut there = vec![Reference::Missed; references.len()];
    let mut said = vec![Prediction::Nothing; predictions.len()];
    for pair in pairs(references, predictions, options.coordinates) {
        let is_near = pair.angle_deg <= options.doa_threshold_deg;
        let (of_reference, of_prediction) = match is_near {
            true => (Reference::Hit, Prediction::Hit),
            false => (Reference::WrongPlace, Prediction::WrongPlace),
        };
        there[pair.reference] = of_reference;
        said[pair.prediction] = of_prediction;
    }
    let in_frame = by_frame(references, 0..references.len());
    let rows_left: Vec<usize> =
        (0..predictions.len()).filter(|&row| said[row] == Prediction::Nothing).collect();
    for (frame, left) in by_frame(predictions, rows_left) {
        let Some(rows) = in_frame.get(&frame) else { continue };
        let near = near(references, rows, predictions, &left, options);
        for &(_, reference, prediction) in &near {
            if there[reference] == Reference::Missed && said[prediction] == Prediction::Nothing {
                there[reference] = Reference::WrongClass(predictions[prediction].class);
                said[prediction] = Prediction::WrongClass;
            }
        }
        for prediction in left {
            if said[prediction] == Prediction::Nothing {
                let class = predictions[prediction].class;
                if rows.iter().any(|&row| references[row].class == class) {
                    said[prediction] = Prediction::Duplicate;
                } else if near.iter().any(|pair| pair.2 == prediction) {
                    said[prediction] = Prediction::WrongClass;
                }
            }
        }
    }
    (there, said)
}

/// Some rows by their frames.
fn by_frame(events: &[FrameEvent], rows: impl IntoIterator<Item = usize>) -> BTreeMap<u32, Vec<usize>> {
    let mut in_frame: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for row in rows {
        in_frame.entry(events[row].frame).or_default().push(row);
    }
    in_frame
}

/// (angle in degrees, label, prediction) of all that are within the limit of each other, the nearest first.
fn near(
    references: &[FrameEvent],
    rows: &[usize],
    predictions: &[FrameEvent],
    left: &[usize],
    options: &Options,
) -> Vec<(f64, usize, usize)> {
    let mut near = Vec::new();
    for &prediction in left {
        for &reference in rows {
            let directions = (references[reference].direction, predictions[prediction].direction);
            let angle_deg = options.coordinates.angle_deg(directions.0, directions.1);
            if angle_deg <= options.doa_threshold_deg {
                near.push((angle_deg, reference, prediction));
            }
        }
    }
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    near
}

#[cfg(test)]
mod tests;
