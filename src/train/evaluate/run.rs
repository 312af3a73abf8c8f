//! A trained model on the recordings of a dataset.

use serde::Serialize;
use tch::Device;

use super::decoder::Decoder;
use super::diagnostics::{Asked, Diagnostics, Findings};
use super::heard::Heard;
use super::truth::{Truth, room};
use crate::dataset::{self, ClassMap, Dataset, Recording, Selection};
use crate::model::decode::Prediction;
use crate::model::predict::{Turns, predict};
use crate::model::saved::{self, SavedModel};
use crate::seld::metric::report::ScoreReport;
use crate::seld::metric::{Average, Metric, Options};
use crate::train::score::Scorer;

/// Which thresholds turn activities into events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Thresholds {
    /// Those in the model's thresholds.json.
    Calibrated,
    /// One for all classes.
    Fixed(f64),
}

/// What to evaluate, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Which recordings.
    pub split: Selection,
    /// The metric.
    pub metric: Metric,
    /// Its settings; label frames are 100 ms.
    pub options: Options,
    /// Over classes or over events.
    pub average: Average,
    /// Which thresholds; the scores have no use for them when activity is known.
    pub thresholds: Thresholds,
    /// Take activity from the labels: scores the directions alone.
    pub oracle_activity: bool,
    /// How often each window is heard, turned otherwise.
    pub turns: Turns,
    /// What else is asked. [`Asked::angles`] needs `oracle_activity`.
    pub asked: Asked,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluated {
    /// Names of the classes that count, by index.
    #[serde(skip)]
    pub classes: Vec<String>,
    /// The scores; the keys stand at the top, as `score` prints them.
    #[serde(flatten)]
    pub scores: ScoreReport,
    /// What else was asked; the keys stand beside.
    #[serde(flatten)]
    pub findings: Findings,
}

/// A model could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model folder cannot be used.
    #[error(transparent)]
    Model(#[from] saved::Error),
    /// The dataset cannot be used.
    #[error(transparent)]
    Dataset(#[from] dataset::Error),
    /// Model and dataset do not speak of the same classes.
    #[error(
        "the model knows the classes [{}], the dataset has [{}]; a class map says which are the same{}",
        model.join(", "), dataset.join(", "), map.map(|map| format!(": {map}")).unwrap_or_default()
    )]
    Classes {
        /// The model's.
        model: Vec<String>,
        /// The dataset's.
        dataset: Vec<String>,
        /// The built-in map between them.
        map: Option<&'static str>,
    },
    /// The metric needs what models do not predict.
    #[error("{} scores distances, and the model predicts none: score it with dcase2023", metric.name())]
    NoDistance {
        /// The metric.
        metric: Metric,
    },
    /// Labels in the classes of the data cannot tell a model's tracks which of its own classes are active.
    #[error(
        "known activity and a class map cannot be combined: labels are in other classes than the model's"
    )]
    KnownActivity,
    /// The metric has no scores of parts of a recording.
    #[error(
        "{} scores directions of all classes together over whole recordings: groups and thresholds are compared by \
         dcase2020 to dcase2023",
        metric.name()
    )]
    Groups {
        /// The metric.
        metric: Metric,
    },
    /// The split is empty.
    #[error("the dataset has no recordings in split {0}")]
    Empty(Selection),
    /// libtorch refused.
    #[error("cannot run the network on {recording}: {source}")]
    Torch {
        /// The recording.
        recording: String,
        /// What libtorch said.
        source: tch::TchError,
    },
}

/// Scores of a model on a split, at the model's sample rate; in the classes of `map` where there is one, else in the
/// model's, which must be the dataset's. Each recording is predicted once for all that is asked. `done` is called after
/// every recording with how many are done, of how many.
///
/// # Errors
/// The model cannot be loaded, model, dataset and what is asked do not fit together, a recording cannot be read, or the
/// network cannot be run on it.
pub fn evaluate(
    model: &SavedModel,
    dataset: &mut Dataset,
    evaluation: &Evaluation,
    map: Option<&ClassMap>,
    device: Device,
    done: &dyn Fn(usize, usize),
) -> Result<Evaluated, Error> {
    check(model, dataset, evaluation, map)?;
    dataset.set_sample_rate(model.origin.sample_rate);
    let recordings = dataset.select(evaluation.split);
    if recordings.is_empty() {
        return Err(Error::Empty(evaluation.split));
    }
    let (_variables, detector) = model.detector(device)?;
    let window_s = model.architecture.train.chunk_s;
    let mut run = Run::new(model, evaluation, map);
    for (index, recording) in recordings.iter().enumerate() {
        let waveform = recording.read(0, recording.samples as usize)?;
        let prediction = predict(&detector, &waveform, window_s, evaluation.turns, device)
            .map_err(|source| Error::Torch { recording: recording.name.clone(), source })?;
        run.add(recording, &prediction)?;
        done(index + 1, recordings.len());
    }
    Ok(run.finish())
}

fn check(
    model: &SavedModel,
    dataset: &Dataset,
    evaluation: &Evaluation,
    map: Option<&ClassMap>,
) -> Result<(), Error> {
    let Evaluation { metric, ref asked, .. } = *evaluation;
    if metric.has_distances() && !model.architecture.output.distance {
        return Err(Error::NoDistance { metric });
    }
    if metric == Metric::Dcase2019 && (asked.sweep || !asked.by.is_empty()) {
        return Err(Error::Groups { metric });
    }
    check_classes(model, dataset, map)?;
    if map.is_some() && evaluation.oracle_activity {
        return Err(Error::KnownActivity);
    }
    Ok(())
}

/// Without a map, model and dataset must have the same classes.
pub(super) fn check_classes(
    model: &SavedModel,
    dataset: &Dataset,
    map: Option<&ClassMap>,
) -> Result<(), Error> {
    if map.is_some() || model.classes == dataset.classes {
        return Ok(());
    }
    let (model, dataset) = (model.classes.clone(), dataset.classes.clone());
    let map = ClassMap::name_for(&model, &dataset);
    Err(Error::Classes { model, dataset, map })
}

/// An evaluation under way.
struct Run<'a> {
    evaluation: &'a Evaluation,
    map: Option<&'a ClassMap>,
    classes: &'a [String],
    decoder: Decoder<'a>,
    scorer: Scorer,
    diagnostics: Diagnostics,
}

impl<'a> Run<'a> {
    fn new(model: &'a SavedModel, evaluation: &'a Evaluation, map: Option<&'a ClassMap>) -> Self {
        let classes = map.map_or(&model.classes, |map| &map.classes);
        let &Evaluation { metric, options, average, .. } = evaluation;
        let asked = Asked {
            angles: evaluation.asked.angles && evaluation.oracle_activity,
            ..evaluation.asked.clone()
        };
        Self {
            evaluation,
            map,
            classes,
            decoder: Decoder::new(model, evaluation.thresholds, map),
            scorer: Scorer::new(metric, classes.len(), options),
            diagnostics: Diagnostics::new(&asked, classes, metric, options, average),
        }
    }

    fn add(&mut self, recording: &Recording, prediction: &Prediction) -> Result<(), Error> {
        let labels = recording.read_events()?;
        let truth = Truth::new(&labels, recording.frames, self.map);
        let events = self.decoder.events(prediction);
        let known = self.evaluation.oracle_activity.then(|| prediction.events_with_known_activity(&labels));
        let scored = known.as_ref().unwrap_or(&events);
        self.scorer.add(&truth.events, recording.frames, scored);
        self.diagnostics.add(&Heard {
            room: &room(recording),
            frames: recording.frames,
            truth: &truth,
            events: &events,
            scored,
            strongest: &self.decoder.strongest(prediction, self.classes.len()),
            events_at: &|threshold| self.decoder.events_at(prediction, threshold),
        });
        Ok(())
    }

    fn finish(&self) -> Evaluated {
        let &Evaluation { metric, average, .. } = self.evaluation;
        let scores = ScoreReport::new(metric, average, &self.scorer.scores(average), None);
        let findings = self.diagnostics.findings(&self.decoder.in_use(self.classes.len()));
        Evaluated { classes: self.classes.to_vec(), scores, findings }
    }
}
