//! Prediction files against label files: which belong together, and what a metric counts in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::csv::{self, CsvError, DistanceUnit};
use super::event::FrameEvent;
use super::metric::{Metric, Options, Tally};
use super::tree::{self, TreeError};

/// Classes of STARSS22 and STARSS23, at least assumed where no number is given.
const DEFAULT_CLASSES: usize = 13;
/// Larger class indices are refused: they are a mistake in the file and would only cost memory.
pub const MAX_CLASSES: u32 = 10_000;
/// Length of every recording as the evaluators of 2019 to 2021 assume it.
const OFFICIAL_LENGTH_S: usize = 60;

/// Prediction files could not be scored.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// Nothing is at this path.
    #[error("{}: no such file or folder", .0.display())]
    Missing(PathBuf),
    /// A file cannot be compared with a folder.
    #[error(
        "{} and {}: one is a file, one a folder; give two files or two folders",
        reference.display(),
        prediction.display()
    )]
    FileAndFolder {
        /// Of the labels.
        reference: PathBuf,
        /// Of the predictions.
        prediction: PathBuf,
    },
    /// The files of a folder could not be matched.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// No two files have the same name.
    #[error("{}: no CSV file is named as one in {}", prediction.display(), reference.display())]
    NoPair {
        /// Folder of the labels.
        reference: PathBuf,
        /// Folder of the predictions.
        prediction: PathBuf,
    },
    /// There are predictions that nothing is known about.
    #[error(
        "predictions without a reference of that name in {}: {}; add the labels or take the predictions away",
        reference.display(),
        shortened(extra.iter().map(|path| path.display().to_string()))
    )]
    Extra {
        /// Folder of the labels.
        reference: PathBuf,
        /// The prediction files.
        extra: Vec<PathBuf>,
    },
    /// A file could not be read.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// The metric scores distances, and an event has none.
    #[error(
        "{}: an event of class {class} in frame {frame} has no distance, which dcase2024 scores; \
         add it as the sixth column, or score with dcase2023",
        path.display()
    )]
    NoDistance {
        /// The file.
        path: PathBuf,
        /// Class of the event.
        class: u32,
        /// Its frame.
        frame: u32,
    },
}

/// Which files are compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pairs {
    /// (reference, prediction), sorted by name.
    pub matched: Vec<(PathBuf, PathBuf)>,
    /// Names of references without a prediction file. The official evaluator goes through the predictions, so
    /// they are left out.
    pub unpredicted: Vec<String>,
}

impl Pairs {
    /// Two files whatever their names, or the files of two folders by their stems, at any depth.
    ///
    /// # Errors
    /// A path that is not there; a file and a folder; two files of one stem in a folder; a prediction without a
    /// reference, on which the official evaluator stops as well; no pair at all.
    pub fn find(reference: &Path, prediction: &Path) -> Result<Self, EvaluationError> {
        if let Some(missing) = [reference, prediction].into_iter().find(|path| !path.exists()) {
            return Err(EvaluationError::Missing(missing.to_owned()));
        }
        let (reference, prediction) = (reference.to_owned(), prediction.to_owned());
        match (reference.is_file(), prediction.is_file()) {
            (true, true) => Ok(Self { matched: vec![(reference, prediction)], unpredicted: Vec::new() }),
            (false, false) => Self::of_folders(reference, prediction),
            _ => Err(EvaluationError::FileAndFolder { reference, prediction }),
        }
    }

    fn of_folders(reference: PathBuf, prediction: PathBuf) -> Result<Self, EvaluationError> {
        let mut predictions: BTreeMap<String, PathBuf> = tree::files_by_stem(&prediction, "csv")?;
        let mut pairs = Self::default();
        for (stem, labels) in tree::files_by_stem(&reference, "csv")? {
            match predictions.remove(&stem) {
                Some(predicted) => pairs.matched.push((labels, predicted)),
                None => pairs.unpredicted.push(stem),
            }
        }
        if pairs.matched.is_empty() {
            return Err(EvaluationError::NoPair { reference, prediction });
        }
        if !predictions.is_empty() {
            return Err(EvaluationError::Extra { reference, extra: predictions.into_values().collect() });
        }
        Ok(pairs)
    }
}

/// How files are read and scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// The metric.
    pub metric: Metric,
    /// Its settings.
    pub options: Options,
    /// Number of classes, at most [`MAX_CLASSES`]; none is 13, or what the files need.
    pub classes: Option<usize>,
    /// Length of every recording in frames, for metrics up to 2021. None is the official 60 seconds, or to the
    /// last event where that is later: the files do not say what comes after it.
    pub frames: Option<usize>,
    /// Unit of distances in predictions; labels have centimetres.
    pub prediction_unit: DistanceUnit,
}

impl Evaluation {
    /// One tally for each pair, in their order and all with the same classes: merge them for the scores. Files
    /// are read and scored on all threads; their number changes nothing.
    ///
    /// # Errors
    /// A file that cannot be read or has a bad row; an event without distance where the metric scores it.
    pub fn tallies(&self, pairs: &[(PathBuf, PathBuf)]) -> Result<Vec<Recorded>, EvaluationError> {
        let of_pair = |(reference, prediction): &(PathBuf, PathBuf)| self.record(reference, prediction);
        let mut recorded: Vec<Recorded> = pairs.par_iter().map(of_pair).collect::<Result<_, _>>()?;
        let classes = recorded.iter().map(|recorded| recorded.tally.classes()).max().unwrap_or(0);
        recorded.iter_mut().for_each(|recorded| recorded.tally.widen(classes));
        Ok(recorded)
    }

    /// Reads and scores one pair, with as many classes as it needs where none are given.
    fn record(&self, reference: &Path, prediction: &Path) -> Result<Recorded, EvaluationError> {
        let limit = Some(self.classes.unwrap_or(MAX_CLASSES as usize));
        let labels = csv::read_in(reference, limit, DistanceUnit::Centimetres)?;
        let predicted = csv::read_in(prediction, limit, self.prediction_unit)?;
        if self.metric.has_distances() {
            need_distances(reference, &labels)?;
            need_distances(prediction, &predicted)?;
        }
        let needed = largest(&[&labels, &predicted], |event| event.class).max(DEFAULT_CLASSES);
        let end = largest(&[&labels, &predicted], |event| event.frame);
        let frames = self.frames.unwrap_or_else(|| self.length(end));
        let mut tally = Tally::new(self.metric, self.classes.unwrap_or(needed), self.options);
        tally.add_recording(&labels, &predicted, self.metric.scored_frames(&labels, frames));
        Ok(Recorded { tally, is_reference_empty: labels.is_empty() })
    }

    /// Length of a recording whose last event ends at frame `end`.
    fn length(&self, end: usize) -> usize {
        if self.metric.has_averages() {
            end
        } else {
            end.max(OFFICIAL_LENGTH_S * self.options.frames_per_second)
        }
    }
}

/// What was counted in one pair of files.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The counts.
    pub tally: Tally,
    /// Whether the labels have no events, on which the official evaluator stops from 2022 on.
    pub is_reference_empty: bool,
}

/// One more than the largest value; 0 of nothing.
fn largest(sides: &[&[FrameEvent]], value: impl Fn(&FrameEvent) -> u32) -> usize {
    sides.iter().copied().flatten().map(|event| value(event) as usize + 1).max().unwrap_or(0)
}

/// The official evaluator stops on events without distance as well.
fn need_distances(path: &Path, events: &[FrameEvent]) -> Result<(), EvaluationError> {
    match events.iter().find(|event| event.distance_m.is_none()) {
        None => Ok(()),
        Some(&FrameEvent { class, frame, .. }) => {
            Err(EvaluationError::NoDistance { path: path.to_owned(), class, frame })
        }
    }
}

/// The first few of them, for a message.
pub fn shortened(names: impl IntoIterator<Item = String>) -> String {
    const SHOWN: usize = 5;
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(SHOWN).collect();
    if names.next().is_some() {
        shown.push("...".into());
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_bytes;
    use crate::seld::metric::{Average, jackknife};

    fn evaluation(metric: Metric) -> Evaluation {
        Evaluation {
            metric,
            options: Options::official(metric),
            classes: None,
            frames: None,
            prediction_unit: DistanceUnit::Centimetres,
        }
    }

    /// A pair of folders with as many files, each with its own class and angle.
    fn folders(root: &Path, recordings: u32) -> Pairs {
        for index in 0..recordings {
            let rows = |off: f64| {
                let row = |frame| format!("{frame},{index},0,{},0.1\n", f64::from(frame) * 1.7 + off);
                (0..50).map(row).collect::<String>()
            };
            write_bytes(&root.join(format!("ref/mix{index}.csv")), rows(0.0).as_bytes()).unwrap();
            let off = f64::from(index).sqrt() * 7.3;
            write_bytes(&root.join(format!("pred/sub/mix{index}.csv")), rows(off).as_bytes()).unwrap();
        }
        Pairs::find(&root.join("ref"), &root.join("pred")).unwrap()
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = folders(folder.path(), 17);
        let seld = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let recorded = pool.install(|| evaluation(Metric::Dcase2023).tallies(&pairs.matched)).unwrap();
            let tallies: Vec<Tally> = recorded.into_iter().map(|recorded| recorded.tally).collect();
            let scores = jackknife::merged(&tallies).unwrap().scores(Average::Macro);
            // Classes as the files need them: more than 13.
            assert_eq!(scores.classwise.len(), 17);
            scores.overall.seld.to_bits()
        };
        assert_eq!(seld(1), seld(5));
    }

    #[test]
    fn recordings_are_as_long_as_the_evaluator_of_the_year_takes_them() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = folders(folder.path(), 1);
        let frames = |metric, frames| {
            let recorded = Evaluation { frames, ..evaluation(metric) }.tallies(&pairs.matched).unwrap();
            let counts = recorded[0].tally.counts();
            counts.iter().find(|(name, _)| *name == "nb_frames").map(|(_, values)| values[0])
        };
        assert_eq!(frames(Metric::Dcase2019, None), Some(600.0));
        assert_eq!(frames(Metric::Dcase2019, Some(40)), Some(40.0));
        assert_eq!(evaluation(Metric::Dcase2020).length(700), 700);
        assert_eq!(evaluation(Metric::Dcase2023).length(50), 50);
    }
}
