//! Loss of distances.

use tch::Tensor;

use crate::model::arch::DistanceLoss;

/// Sounds nearer than this, in metres, count as this far away where errors are shares of the distance.
const NEAREST_M: f64 = 0.1;

/// Of metres found and true metres, element by element.
pub(super) fn of(loss: DistanceLoss, found: &Tensor, truth: &Tensor) -> Tensor {
    let error = found - truth;
    match loss {
        DistanceLoss::Mse => error.square(),
        DistanceLoss::Relative => error.abs() / truth.clamp_min(NEAREST_M),
    }
}
