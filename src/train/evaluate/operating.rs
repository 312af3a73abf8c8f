//! A model at the operating points that are compared with each other: each recording is predicted once.

use tch::Device;

use super::decoder::Decoder;
use super::run::{Error, Thresholds, check_classes};
use super::truth::Truth;
use crate::dataset::{ClassMap, Dataset, Selection};
use crate::model::decode::DEFAULT_THRESHOLD;
use crate::model::predict::{Turns, predict};
use crate::model::saved::SavedModel;
use crate::seld::event::FrameEvent;
use crate::seld::metric::{Options, Tally, VALIDATION_METRIC};

/// What a model gets right at each operating point: one tally a recording, in the order of the dataset.
#[derive(Debug, Clone)]
pub struct OperatingPoints {
    /// Names of the classes that count.
    pub classes: Vec<String>,
    /// Threshold 0.5 for all classes, and nothing else done but merging.
    pub plain: Vec<Tally>,
    /// Thresholds, temperature and filters of the model.
    pub calibrated: Vec<Tally>,
    /// Activity taken from the labels; empty through a class map, as labels in other classes than the model's cannot tell
    /// its tracks which class is active.
    pub known_activity: Vec<Tally>,
}

/// Predicts the recordings of a split at the model's sample rate and scores them by the metric of validation, in the classes
/// of `map` where there is one. `go_on` is asked after every recording; `None` when it said no.
///
/// # Errors
/// Model and dataset do not speak of the same classes, the split is empty, the model or a recording cannot be read, or the
/// network cannot be run on it.
pub fn operating_points(
    model: &SavedModel,
    dataset: &mut Dataset,
    split: Selection,
    map: Option<&ClassMap>,
    device: Device,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<OperatingPoints>, Error> {
    check_classes(model, dataset, map)?;
    dataset.set_sample_rate(model.origin.sample_rate);
    let recordings = dataset.select(split);
    if recordings.is_empty() {
        return Err(Error::Empty(split));
    }
    let (_variables, detector) = model.detector(device)?;
    let classes = map.map_or(&model.classes, |map| &map.classes).clone();
    let plain = Decoder::new(model, Thresholds::Fixed(DEFAULT_THRESHOLD), map);
    let calibrated = Decoder::new(model, Thresholds::Calibrated, map);
    let mut points =
        OperatingPoints { classes, plain: Vec::new(), calibrated: Vec::new(), known_activity: Vec::new() };
    for recording in recordings {
        let waveform = recording.read(0, recording.samples as usize)?;
        let prediction = predict(&detector, &waveform, model.architecture.train.chunk_s, Turns::NONE, device)
            .map_err(|source| Error::Torch { recording: recording.name.clone(), source })?;
        let labels = recording.read_events()?;
        let truth = Truth::new(&labels, recording.frames, map);
        let count = points.classes.len();
        let tally = |said: &[FrameEvent]| {
            let options = Options::official(VALIDATION_METRIC);
            let mut tally = Tally::new(VALIDATION_METRIC, count, options);
            let scored = VALIDATION_METRIC.scored_frames(&truth.events, recording.frames as usize);
            tally.add_recording(&truth.events, said, scored);
            tally
        };
        points.plain.push(tally(&plain.events(&prediction)));
        points.calibrated.push(tally(&calibrated.events(&prediction)));
        if map.is_none() {
            points.known_activity.push(tally(&prediction.events_with_known_activity(&labels)));
        }
        if !go_on() {
            return Ok(None);
        }
    }
    Ok(Some(points))
}
