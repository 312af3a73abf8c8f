//! Coupling of the semantic and the spatial path.

use tch::Tensor;
use tch::nn;

/// A cross-stitch unit (Misra et al., arXiv 1604.03539): every channel of either path becomes a learnable mix of
/// both paths' channel. Starts close to no mixing.
#[derive(Debug)]
pub(super) struct CrossStitch {
    /// `[2, 2, C]`: weight of the second index's path in the first index's output.
    mixing: Tensor,
}

/// Weight of the own path at the start; the other path has the rest.
const OWN_WEIGHT: f64 = 0.9;

impl CrossStitch {
    pub(super) fn new(path: &nn::Path, channels: i64) -> Self {
        let mixing = path.var("mixing", &[2, 2, channels], nn::Init::Const(1.0 - OWN_WEIGHT));
        tch::no_grad(|| {
            for own in 0..2 {
                let _ = mixing.get(own).get(own).fill_(OWN_WEIGHT);
            }
        });
        Self { mixing }
    }

    /// `[B, T, C]` of both paths to the same.
    pub(super) fn forward(&self, semantic: &Tensor, spatial: &Tensor) -> (Tensor, Tensor) {
        let weight = |to, from| self.mixing.get(to).get(from);
        (semantic * weight(0, 0) + spatial * weight(0, 1), semantic * weight(1, 0) + spatial * weight(1, 1))
    }
}
