//! Loss and predictions on the held-out recordings.

use tch::{Kind, Tensor};

use super::Error;
use super::data::{Chunk, Side};
use super::material::Material;
use crate::dataset::Recording;
use crate::loss::Loss;
use crate::model::decode::Prediction;
use crate::model::detector::{Detection, Detector};

/// Runs the network over a whole side and gives the mean loss over its chunks. `predicted` gets each recording as
/// soon as its last chunk is done, in order; predictions are not kept.
pub(super) fn run(
    detector: &Detector,
    loss: &Loss,
    side: &Side,
    material: &Material,
    batch: usize,
    mut predicted: impl FnMut(&Recording, Prediction) -> Result<(), Error>,
) -> Result<f64, Error> {
    let _guard = tch::no_grad_guard();
    let chunks = side.cover();
    let recordings: Vec<&Recording> = side.recordings().collect();
    let mut finish = |source: usize, mut prediction: Prediction| {
        prediction.truncate(recordings[source].frames as usize);
        predicted(recordings[source], prediction)
    };
    let mut current: Option<(usize, Prediction)> = None;
    let mut total = 0.0;
    for group in chunks.chunks(batch) {
        let batch = material.load(side, group)?;
        let variations: Vec<_> = group.iter().map(Chunk::variation).collect();
        let descriptors = batch.descriptors(detector.front_end(), &variations)?;
        let heard = material.heard(detector.prior(), &batch)?;
        let output = detector.run(&descriptors, heard.as_ref(), false);
        total += loss.of(&output, &batch.target).total.double_value(&[]) * group.len() as f64;
        let Detection { activity, direction, distance } = detector.detection(&output);
        let [_, _, tracks, classes] = <[i64; 4]>::try_from(activity.size())
            .map_err(|size| Error::Bug(format!("activity has shape {size:?}")))?;
        let (tracks, classes) = (tracks as usize, classes as usize);
        for (chunk, row) in group.iter().zip(0..) {
            let (source, mut prediction) = match current.take() {
                Some((source, prediction)) if source == chunk.source() => (source, prediction),
                done => {
                    if let Some((source, prediction)) = done {
                        finish(source, prediction)?;
                    }
                    (chunk.source(), Prediction::empty(tracks, classes, distance.is_some()))
                }
            };
            prediction.activity.extend(floats(&activity.get(row))?);
            prediction.direction.extend(floats(&direction.get(row))?);
            if let (Some(kept), Some(distance)) = (&mut prediction.distance, &distance) {
                kept.extend(floats(&distance.get(row))?);
            }
            current = Some((source, prediction));
        }
    }
    if let Some((source, prediction)) = current {
        finish(source, prediction)?;
    }
    Ok(total / chunks.len().max(1) as f64)
}

/// The values of a tensor, row-major, on the CPU.
pub(super) fn floats(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    let flat = tensor.flatten(0, -1).to_kind(Kind::Float).to(tch::Device::Cpu).contiguous();
    Vec::<f32>::try_from(flat).map_err(|e| Error::Bug(e.to_string()))
}
