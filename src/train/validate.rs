//! Loss and scores on the held-out recordings.

use tch::{Kind, Tensor};

use super::Error;
use super::data::Side;
use crate::backbone::PriorCache;
use crate::loss;
use crate::model::arch::LossConfig;
use crate::model::decode::Prediction;
use crate::model::detector::{Detector, unit};

/// What validation gives.
pub(super) struct Validation {
    /// Mean loss over the chunks.
    pub(super) loss: f64,
    /// One for each recording of the side, in its order.
    pub(super) predictions: Vec<Prediction>,
}

/// Runs the network over a whole side.
pub(super) fn run(
    detector: &Detector,
    config: &LossConfig,
    side: &Side,
    prior: &PriorCache,
    batch: usize,
) -> Result<Validation, Error> {
    let _guard = tch::no_grad_guard();
    let chunks = side.cover();
    let frames: Vec<usize> = side.recordings().map(|r| r.frames as usize).collect();
    let mut predictions: Vec<Prediction> = Vec::new();
    let mut total = 0.0;
    for group in chunks.chunks(batch) {
        let batch = side.load(group, prior)?;
        let output = detector.network().forward(&detector.describe(&batch.waveform), &batch.prior, false);
        total += loss::loss(config, &output, &batch.target).double_value(&[]) * group.len() as f64;
        let [_, _, tracks, classes] = <[i64; 4]>::try_from(output.activity.size())
            .map_err(|size| Error::Bug(format!("activity has shape {size:?}")))?;
        let (activity, direction) = (output.activity.sigmoid(), unit(&output.direction));
        for (chunk, row) in group.iter().zip(0..) {
            if chunk.source() == predictions.len() {
                let (tracks, classes) = (tracks as usize, classes as usize);
                predictions.push(Prediction { tracks, classes, activity: vec![], direction: vec![] });
            }
            let prediction = &mut predictions[chunk.source()];
            prediction.activity.extend(floats(&activity.get(row))?);
            prediction.direction.extend(floats(&direction.get(row))?);
        }
    }
    for (prediction, frames) in predictions.iter_mut().zip(frames) {
        prediction.activity.truncate(frames * prediction.tracks * prediction.classes);
        prediction.direction.truncate(frames * prediction.tracks * 3);
    }
    Ok(Validation { loss: total / chunks.len().max(1) as f64, predictions })
}

/// The values of a tensor, row-major, on the CPU.
pub(super) fn floats(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    let flat = tensor.flatten(0, -1).to_kind(Kind::Float).to(tch::Device::Cpu).contiguous();
    Vec::<f32>::try_from(flat).map_err(|e| Error::Bug(e.to_string()))
}
