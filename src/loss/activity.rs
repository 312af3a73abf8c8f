//! Loss of activities, for every pair of an output track and a target slot.

use tch::{Kind, Tensor};

use super::{bce, focal};
use crate::model::arch::{ActivityLoss, LossConfig};

/// What an output costs. Both losses are linear in the label y: `inactive + y * change`; so the costs of all pairs of tracks
/// are one product of matrices.
pub(super) struct Terms {
    /// Where the class is not active.
    pub(super) inactive: Tensor,
    /// How much more it is where it is.
    pub(super) change: Tensor,
}

/// `[B, T, N outputs, N targets]`, sums over classes.
///
/// * `logits`: `[B, T, N, K]`.
/// * `labels`: `[B, T, N, K]`, 0 or 1.
/// * `class_weights`: `[K]`.
pub(super) fn pairs(
    config: &LossConfig,
    class_weights: Option<&Tensor>,
    logits: &Tensor,
    labels: &Tensor,
) -> Tensor {
    let Terms { inactive, change } = match config.activity {
        ActivityLoss::Bce => bce::terms(logits),
        ActivityLoss::Focal => focal::terms(logits, config.focal_gamma, config.focal_alpha),
    };
    let weighted = |x: Tensor| match class_weights {
        Some(weights) => x * weights,
        None => x,
    };
    let labels = labels.to_kind(logits.kind());
    let smoothing = config.label_smoothing;
    let labels = if smoothing > 0.0 { labels * (1.0 - smoothing) + 0.5 * smoothing } else { labels };
    let of_silence = weighted(inactive).sum_dim_intlist(-1, true, None::<Kind>);
    of_silence + weighted(change).matmul(&labels.transpose(-1, -2))
}
