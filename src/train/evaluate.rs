//! A trained model on the recordings of a dataset.

use tch::Device;

use super::score::Scorer;
use crate::dataset::{self, ClassMap, Dataset, Selection};
use crate::model::decode::Decoding;
use crate::model::predict::predict;
use crate::model::saved::{self, SavedModel};
use crate::seld::metric::{Average, Metric, Options, Scores};

/// Which thresholds turn activities into events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Thresholds {
    /// Those in the model's thresholds.json.
    Calibrated,
    /// One for all classes.
    Fixed(f64),
}

/// What to evaluate, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Which recordings.
    pub split: Selection,
    /// The metric.
    pub metric: Metric,
    /// Its settings; label frames are 100 ms.
    pub options: Options,
    /// Over classes or over events.
    pub average: Average,
    /// Which thresholds; without meaning when activity is known.
    pub thresholds: Thresholds,
    /// Take activity from the labels: scores the directions alone.
    pub oracle_activity: bool,
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
/// model's, which must be the dataset's. `done` is called after every recording with how many are done, of how many.
pub fn evaluate(
    model: &SavedModel,
    dataset: &mut Dataset,
    evaluation: &Evaluation,
    map: Option<&ClassMap>,
    device: Device,
    done: &dyn Fn(usize, usize),
) -> Result<Scores, Error> {
    if evaluation.metric.has_distances() {
        return Err(Error::NoDistance { metric: evaluation.metric });
    }
    if map.is_none() && model.classes != dataset.classes {
        let (model, dataset) = (model.classes.clone(), dataset.classes.clone());
        let map = ClassMap::name_for(&model, &dataset);
        return Err(Error::Classes { model, dataset, map });
    }
    if map.is_some() && evaluation.oracle_activity {
        return Err(Error::KnownActivity);
    }
    dataset.set_sample_rate(model.origin.sample_rate);
    let recordings = dataset.select(evaluation.split);
    if recordings.is_empty() {
        return Err(Error::Empty(evaluation.split));
    }
    let (_variables, detector) = model.detector(device)?;
    let rules = match evaluation.thresholds {
        Thresholds::Calibrated => model.decoding.rules(&model.classes),
        Thresholds::Fixed(threshold) => Decoding::uniform(&model.classes, threshold).rules(&model.classes),
    };
    let window_s = model.architecture.train.chunk_s;
    let classes = map.map_or(model.classes.len(), |map| map.classes.len());
    let mut scorer = Scorer::new(evaluation.metric, classes, evaluation.options);
    for (index, recording) in recordings.iter().enumerate() {
        let waveform = recording.read(0, recording.samples as usize)?;
        let prediction = predict(&detector, &waveform, window_s, device)
            .map_err(|source| Error::Torch { recording: recording.name.clone(), source })?;
        let labels = recording.read_events()?;
        let events = match evaluation.oracle_activity {
            true => prediction.events_with_known_activity(&labels),
            false => prediction.decode(&rules),
        };
        match map {
            Some(map) => scorer.add(&map.labels(&labels), recording.frames, &map.predictions(&events)),
            None => scorer.add(&labels, recording.frames, &events),
        }
        done(index + 1, recordings.len());
    }
    Ok(scorer.scores(evaluation.average))
}
