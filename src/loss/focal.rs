//! Focal loss (Lin et al., arXiv 1708.02002).

use tch::Tensor;

use super::activity::Terms;

/// `-alpha (1 - p)^gamma ln p` of what is active and `-(1 - alpha) p^gamma ln (1 - p)` of what is not, with p the sigmoid
/// of a logit. Powers are taken of logarithms, so that nothing overflows and 0^gamma has a gradient.
pub(super) fn terms(logits: &Tensor, gamma: f64, alpha: f64) -> Terms {
    let yes = logits.log_sigmoid();
    let no = (-logits).log_sigmoid();
    let active = (&no * gamma).exp() * &yes * -alpha;
    let inactive = (&yes * gamma).exp() * &no * (alpha - 1.0);
    Terms { change: active - &inactive, inactive }
}
