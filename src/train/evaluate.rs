//! A trained model on the recordings of a dataset.

use tch::Device;

use super::score::Scorer;
use crate::dataset::{self, Dataset, Split};
use crate::model::decode::DEFAULT_MERGE_DEG;
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
    pub split: Split,
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
    #[error("the model knows the classes [{}], the dataset has [{}]", model.join(", "), dataset.join(", "))]
    Classes {
        /// The model's.
        model: Vec<String>,
        /// The dataset's.
        dataset: Vec<String>,
    },
    /// Model and dataset have different sample rates.
    #[error("the model takes {model} Hz, the dataset has {dataset} Hz")]
    SampleRate {
        /// The model's.
        model: u32,
        /// The dataset's.
        dataset: u32,
    },
    /// The metric needs what models do not predict.
    #[error("{} scores distances, and the model predicts none: score it with dcase2023", metric.name())]
    NoDistance {
        /// The metric.
        metric: Metric,
    },
    /// The split is empty.
    #[error("the dataset has no recordings in split {0}")]
    Empty(Split),
    /// libtorch refused.
    #[error("cannot run the network on {recording}: {source}")]
    Torch {
        /// The recording.
        recording: String,
        /// What libtorch said.
        source: tch::TchError,
    },
}

/// Scores of a model on a split. `done` is called after every recording with how many are done, of how many.
pub fn evaluate(
    model: &SavedModel,
    dataset: &Dataset,
    evaluation: &Evaluation,
    device: Device,
    done: &dyn Fn(usize, usize),
) -> Result<Scores, Error> {
    if evaluation.metric.has_distances() {
        return Err(Error::NoDistance { metric: evaluation.metric });
    }
    if model.classes != dataset.classes {
        return Err(Error::Classes { model: model.classes.clone(), dataset: dataset.classes.clone() });
    }
    if model.origin.sample_rate != dataset.sample_rate {
        return Err(Error::SampleRate { model: model.origin.sample_rate, dataset: dataset.sample_rate });
    }
    let recordings = dataset.split(evaluation.split);
    if recordings.is_empty() {
        return Err(Error::Empty(evaluation.split));
    }
    let (_variables, detector) = model.detector(device)?;
    let (thresholds, merge_deg) = match evaluation.thresholds {
        Thresholds::Calibrated => (model.decoding.by_class(&model.classes), model.decoding.merge_deg),
        Thresholds::Fixed(threshold) => (vec![threshold as f32; model.classes.len()], DEFAULT_MERGE_DEG),
    };
    let window_s = model.architecture.train.chunk_s;
    let mut scorer = Scorer::new(evaluation.metric, model.classes.len(), evaluation.options);
    for (index, recording) in recordings.iter().enumerate() {
        let waveform = recording.read(0, recording.samples as usize)?;
        let prediction = predict(&detector, &waveform, window_s, device)
            .map_err(|source| Error::Torch { recording: recording.name.clone(), source })?;
        let events = match evaluation.oracle_activity {
            true => prediction.events_with_known_activity(&recording.events),
            false => prediction.events(&thresholds, merge_deg),
        };
        scorer.add(recording, &events);
        done(index + 1, recordings.len());
    }
    Ok(scorer.scores(evaluation.average))
}
