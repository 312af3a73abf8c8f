//! Calibration of a trained model on another dataset.

use tch::Device;

use super::{Calibration, Objective};
use crate::dataset::{ClassMap, Dataset, Selection};
use crate::model::decode::{DEFAULT_THRESHOLD, Decoding};
use crate::model::predict::{Turns, predict};
use crate::model::saved::SavedModel;
use crate::seld::metric::Scores;
use crate::train::evaluate::Error;

/// A model's decoding before and after, and what each scores on the recordings it was chosen on (dcase2023, macro).
#[derive(Debug, Clone)]
pub struct Again {
    /// Recordings that were used.
    pub recordings: usize,
    /// The new decoding.
    pub decoding: Decoding,
    /// Threshold 0.5 for all classes and nothing else done.
    pub plain: Scores,
    /// The decoding that the model had.
    pub before: Scores,
    /// The new decoding.
    pub after: Scores,
}

/// Chooses a model's decoding anew on a split of a dataset with the same classes, at the model's sample rate. The model is
/// not changed. `turns`: how often each window is heard, turned otherwise. `done` is called after every recording with how many are done, of how many.
///
/// # Errors
/// Other classes, an empty split, a recording or label file that cannot be read, the model folder.
pub fn again(
    model: &SavedModel,
    dataset: &mut Dataset,
    split: Selection,
    objective: Objective,
    turns: Turns,
    device: Device,
    done: &dyn Fn(usize, usize),
) -> Result<Again, Error> {
    if model.classes != dataset.classes {
        let map = ClassMap::name_for(&model.classes, &dataset.classes);
        return Err(Error::Classes { model: model.classes.clone(), dataset: dataset.classes.clone(), map });
    }
    dataset.set_sample_rate(model.origin.sample_rate);
    let recordings = dataset.select(split);
    if recordings.is_empty() {
        return Err(Error::Empty(split));
    }
    let (_variables, detector) = model.detector(device)?;
    let mut calibration = Calibration::new(model.classes.len()).for_objective(objective);
    for (index, recording) in recordings.iter().enumerate() {
        let waveform = recording.read(0, recording.samples as usize)?;
        let prediction = predict(&detector, &waveform, model.architecture.train.chunk_s, turns, device)
            .map_err(|source| Error::Torch { recording: recording.name.clone(), source })?;
        calibration.add(&recording.read_events()?, recording.frames, &prediction);
        done(index + 1, recordings.len());
    }
    let decoding = calibration.decoding(&model.classes);
    let scores = |decoding: &Decoding| calibration.scores(decoding, &model.classes);
    Ok(Again {
        recordings: recordings.len(),
        plain: scores(&Decoding::uniform(&model.classes, DEFAULT_THRESHOLD)),
        before: scores(&model.decoding),
        after: scores(&decoding),
        decoding,
    })
}
