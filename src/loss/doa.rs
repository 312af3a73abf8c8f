//! Loss of directions, for every pair of an output track and a target slot.

use tch::{Kind, Tensor};

use crate::model::arch::DoaDistance;

/// Vectors shorter than this are taken as this long where an angle is measured: the angle of the zero vector has no gradient,
/// and that of nearly the zero vector one without bound.
const SHORTEST: f64 = 1e-3;

/// `[B, T, N outputs, N targets]`.
///
/// * `found`: `[B, T, N, 3]`, any length.
/// * `truth`: `[B, T, N, 3]`, unit vectors, or zero.
pub(super) fn pairs(distance: DoaDistance, found: &Tensor, truth: &Tensor) -> Tensor {
    let (found, truth) = (found.unsqueeze(3), truth.unsqueeze(2));
    let sum = |x: Tensor| x.sum_dim_intlist(-1, false, None::<Kind>);
    match distance {
        DoaDistance::Mse => sum((found - truth).square()),
        DoaDistance::L1 => sum((found - truth).abs()),
        DoaDistance::Cosine => {
            let length = sum(found.square()).clamp_min(SHORTEST * SHORTEST).sqrt();
            1.0 - sum(found * truth) / length
        }
        DoaDistance::Angular => angle(&found, &truth),
    }
}

/// The angle from the sine and the cosine. The arc cosine alone has an infinite gradient where vectors agree, which is where
/// training leads.
fn angle(found: &Tensor, truth: &Tensor) -> Tensor {
    let component = |x: &Tensor, axis: i64| x.select(-1, axis);
    let minor = |a: i64, b: i64| {
        component(found, a) * component(truth, b) - component(found, b) * component(truth, a)
    };
    let square = minor(1, 2).square() + minor(2, 0).square() + minor(0, 1).square();
    let sine = (square + SHORTEST * SHORTEST).sqrt();
    sine.atan2(&(found * truth).sum_dim_intlist(-1, false, None::<Kind>))
}
