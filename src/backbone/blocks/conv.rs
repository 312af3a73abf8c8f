//! A convolution with its batch norm and ReLU.

use tch::nn;
use tch::{Kind, Tensor};

use super::plan;
use crate::backbone::weights::Weights;

/// How fast the statistics of a trained batch norm follow those of the batches, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// A convolution that can be run.
#[derive(Debug)]
pub(super) struct Conv {
    weight: Tensor,
    bias: Option<Tensor>,
    /// Of one that is trained; that of a frozen one is folded into weight and bias.
    norm: Option<Norm>,
    stride: i64,
    groups: i64,
    pool: bool,
}

#[derive(Debug)]
struct Norm {
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: f64,
}

impl Conv {
    /// Reads a convolution that is never trained.
    pub(super) fn frozen(weights: &mut Weights, plan: &plan::Conv) -> Self {
        let weight = weights.take(&format!("{}.weight", plan.name), &plan.shape);
        let (weight, bias) = match &plan.norm {
            None => (weight, weights.take(&format!("{}.bias", plan.name), &plan.shape[..1])),
            Some(norm) => {
                let (gain, bias) = affine_of(weights, norm, plan.shape[0]);
                (weight.to_kind(Kind::Double) * gain.view([-1, 1, 1, 1]), bias)
            }
        };
        let (weight, bias) = (weights.place(&weight), Some(weights.place(&bias)));
        Self { weight, bias, norm: None, stride: plan.stride, groups: plan.groups, pool: plan.pool }
    }

    /// Reads a convolution into variables under `path`.
    pub(super) fn trained(weights: &mut Weights, plan: &plan::Conv, path: &nn::Path) -> Self {
        let channels = &plan.shape[..1];
        let weight = path.var_copy("weight", &weights.take(&format!("{}.weight", plan.name), &plan.shape));
        let bias = match &plan.norm {
            None => Some(path.var_copy("bias", &weights.take(&format!("{}.bias", plan.name), channels))),
            Some(_) => None,
        };
        let norm = plan.norm.as_ref().map(|norm| {
            let mut take = |part: &str| weights.take(&format!("{}.{part}", norm.name), channels);
            let path = path / "norm";
            let statistic = |name: &str, value: Tensor| {
                let mut variable = path.zeros_no_train(name, channels);
                variable.copy_(&value);
                variable
            };
            Norm {
                scale: path.var_copy("weight", &take("weight")),
                shift: path.var_copy("bias", &take("bias")),
                mean: statistic("running_mean", take("running_mean")),
                variance: statistic("running_var", take("running_var")),
                epsilon: norm.epsilon,
            }
        });
        if let Some(norm) = &plan.norm {
            weights.ignore(&format!("{}.num_batches_tracked", norm.name));
        }
        Self { weight, bias, norm, stride: plan.stride, groups: plan.groups, pool: plan.pool }
    }

    /// `[B, C, T, F]` to `[B, C', T', F']`. `train`: normalise by the batch's statistics and follow them, where the
    /// batch norm is trained.
    pub(super) fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let (reach, bias) = (self.weight.size()[2] / 2, self.bias.as_ref());
        let x = match self.stride {
            1 => x.conv2d(&self.weight, bias, 1, reach, 1, self.groups),
            // TensorFlow's SAME padding: with a stride of two, an even size is filled up at its end only. Odd sizes are
            // treated alike, so that a frame's place does not depend on the length.
            stride => {
                let filled = x.constant_pad_nd([0, reach, 0, reach]);
                filled.conv2d(&self.weight, bias, stride, 0, 1, self.groups)
            }
        };
        // A mean of values all scaled and shifted alike is the mean, scaled and shifted: a folded batch norm may stand
        // before it.
        let x = if self.pool { halve(&x) } else { x };
        let mut x = match &self.norm {
            None => x,
            Some(Norm { scale, shift, mean, variance, epsilon }) => x.batch_norm(
                Some(scale),
                Some(shift),
                Some(mean),
                Some(variance),
                train,
                MOMENTUM,
                *epsilon,
                false,
            ),
        };
        x.relu_()
    }
}

/// A batch norm's inference statistics as gain and shift, `[channels]` float64 on the CPU.
pub(in crate::backbone) fn affine_of(
    weights: &mut Weights,
    norm: &plan::BatchNorm,
    channels: i64,
) -> (Tensor, Tensor) {
    let mut part =
        |part: &str| weights.take(&format!("{}.{part}", norm.name), &[channels]).to_kind(Kind::Double);
    let (scale, shift) = (part("weight"), part("bias"));
    let (mean, variance) = (part("running_mean"), part("running_var"));
    weights.ignore(&format!("{}.num_batches_tracked", norm.name));
    let gain = scale / (variance + norm.epsilon).sqrt();
    let shift = shift - mean * &gain;
    (gain, shift)
}

/// Means of 2 x 2 values; an odd last row or column is left out.
pub(super) fn halve(x: &Tensor) -> Tensor {
    x.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None::<i64>)
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn::VarStore};

    use super::*;

    const EPSILON: f64 = 1e-3;

    /// A depthwise convolution with random weights and the statistics of some other data.
    fn tensors() -> Vec<(String, Tensor)> {
        // Not from libtorch's generator, which other tests use meanwhile.
        let random = |shape: &[i64]| {
            let index = Tensor::arange(shape.iter().product::<i64>(), (Kind::Double, Device::Cpu));
            ((index + 1.0) * 12.9898).sin().view(shape).to_kind(Kind::Float) * 0.5 + 0.5
        };
        vec![
            ("a.conv.weight".into(), random(&[6, 1, 3, 3]) - 0.5),
            ("a.bn.weight".into(), random(&[6])),
            ("a.bn.bias".into(), random(&[6]) - 0.5),
            ("a.bn.running_mean".into(), random(&[6]) - 0.5),
            ("a.bn.running_var".into(), random(&[6]) * 1e-3),
            ("a.bn.num_batches_tracked".into(), Tensor::from(7i64)),
        ]
    }

    fn plan(stride: i64, pool: bool) -> plan::Conv {
        let norm = plan::BatchNorm { name: "a.bn".into(), epsilon: EPSILON };
        let plain = plan::Conv::plain("a.conv".into(), Some(norm), [6, 1, 3, 3]);
        plan::Conv { stride, pool, groups: 6, ..plain }
    }

    fn weights() -> Weights {
        Weights::new(tensors().into_iter().collect(), Device::Cpu)
    }

    #[test]
    fn frozen_and_trained_are_the_same_until_training_begins() {
        let input = Tensor::rand([2, 6, 8, 4], (Kind::Float, Device::Cpu));
        for (stride, pool) in [(1, false), (1, true), (2, false)] {
            let mut from = weights();
            let frozen = Conv::frozen(&mut from, &plan(stride, pool));
            assert_eq!(from.finish(), []);
            let (vs, mut from) = (VarStore::new(Device::Cpu), weights());
            let trained = Conv::trained(&mut from, &plan(stride, pool), &vs.root());
            assert_eq!(from.finish(), []);
            let (a, b) = (frozen.forward(&input, true), trained.forward(&input, false));
            assert_eq!(
                a.size(),
                [2, 6, if stride == 2 || pool { 4 } else { 8 }, if stride == 2 || pool { 2 } else { 4 }]
            );
            assert!((a - b).abs().max().double_value(&[]) < 1e-4);
            assert_eq!(vs.trainable_variables().len(), 3);
        }
    }

    #[test]
    fn the_batch_norm_of_a_frozen_convolution_does_not_follow_the_batch() {
        let input = Tensor::rand([2, 6, 8, 4], (Kind::Float, Device::Cpu));
        let vs = VarStore::new(Device::Cpu);
        let frozen = Conv::frozen(&mut weights(), &plan(1, false));
        let trained = Conv::trained(&mut weights(), &plan(1, false), &vs.root());
        for conv in [&frozen, &trained] {
            let before = conv.forward(&input, false);
            let _ = conv.forward(&input, true);
            let same = before == conv.forward(&input, false);
            assert_eq!(same, conv.norm.is_none());
        }
    }
}
