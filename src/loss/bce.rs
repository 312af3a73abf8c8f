//! Binary cross-entropy.

use tch::Tensor;

use super::activity::Terms;

/// Of logits, in the form that does not overflow.
pub(super) fn terms(logits: &Tensor) -> Terms {
    Terms { inactive: -(-logits).log_sigmoid(), change: -logits }
}
