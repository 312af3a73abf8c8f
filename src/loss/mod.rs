//! What training minimises: activity and direction losses under the best assignment of output tracks to events.

mod permutation;

use tch::{Kind, Tensor};

use crate::model::arch::{DoaDistance, LossConfig, Permutation};
use crate::model::network::Output;

/// What was really there, at label-frame rate. Events sit in any track slots; an event keeps its slot.
#[derive(Debug)]
pub struct Target {
    /// Class activity `[B, T, N, K]`, 0 or 1.
    pub activity: Tensor,
    /// Unit direction vectors `[B, T, N, 3]`; zero where the slot is free.
    pub direction: Tensor,
}

/// The loss of a batch, a scalar: activity loss plus `doa_weight` times direction loss, under the assignment of
/// tracks that makes it least (PIT: Yu et al., arXiv 1607.00325; tPIT for SELD: Cao et al., arXiv 2010.13092).
///
/// Both parts are sums over a track's outputs, averaged over frames and tracks. Directions count on active targets
/// only: else the many inactive ones, which have no direction, would dominate.
pub fn loss(config: &LossConfig, output: &Output, target: &Target) -> Tensor {
    let cost = pairwise_cost(config, output, target);
    let cost = match config.permutation {
        Permutation::Chunk => cost.mean_dim(1, true, Kind::Float),
        Permutation::Frame => cost,
    };
    permutation::least_assignment_cost(&cost).mean(Kind::Float)
}

/// Cost of explaining every target slot by every output track: `[B, T, N outputs, N targets]`.
fn pairwise_cost(config: &LossConfig, output: &Output, target: &Target) -> Tensor {
    let Output::Tracks { activity, direction, .. } = output else {
        unreachable!("class-wise formats have no loss yet")
    };
    let logits = activity.unsqueeze(3);
    let truth = target.activity.unsqueeze(2);
    // Binary cross-entropy from logits, in the form that does not overflow.
    let activity = (logits.clamp_min(0.0) - &logits * &truth + (-logits.abs()).exp().log1p())
        .sum_dim_intlist(-1, false, Kind::Float);
    let active = target.activity.amax(-1, false).unsqueeze(2);
    let (guess, truth) = (direction.unsqueeze(3), target.direction.unsqueeze(2));
    let distance = match config.doa {
        DoaDistance::Mse => (guess - truth).square().sum_dim_intlist(-1, false, Kind::Float),
        DoaDistance::Cosine => {
            let length = guess.square().sum_dim_intlist(-1, false, Kind::Float).clamp_min(1e-12).sqrt();
            1.0 - (guess * truth).sum_dim_intlist(-1, false, Kind::Float) / length
        }
        DoaDistance::L1 | DoaDistance::Angular => unreachable!("no loss yet"),
    };
    activity + distance * active * config.doa_weight
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::Device;

    use super::*;

    fn batch(seed: i64, tracks: i64) -> (Output, Target) {
        tch::manual_seed(seed);
        let options = (Kind::Float, Device::Cpu);
        let output = Output {
            activity: Tensor::randn([2, 6, tracks, 4], options) * 3.0,
            direction: Tensor::randn([2, 6, tracks, 3], options).tanh(),
        };
        let one_hot =
            Tensor::randint(5, [2, 6, tracks], (Kind::Int64, Device::Cpu)).one_hot(5).to_kind(Kind::Float);
        let activity = one_hot.slice(-1, 1, None, 1);
        let direction = crate::model::detector::unit(&Tensor::randn([2, 6, tracks, 3], options));
        let direction = direction * activity.amax(-1, true);
        (output, Target { activity, direction })
    }

    /// The definition, written out with loops.
    fn literal(config: &LossConfig, output: &Output, target: &Target) -> f64 {
        let [b, t, n, k] = <[i64; 4]>::try_from(output.activity.size()).unwrap();
        let at = |tensor: &Tensor, index: &[i64]| tensor.double_value(index);
        let pair = |b: i64, t: i64, i: i64, j: i64| {
            let mut cost = 0.0;
            let mut active = false;
            for class in 0..k {
                let p = 1.0 / (1.0 + (-at(&output.activity, &[b, t, i, class])).exp());
                let truth = at(&target.activity, &[b, t, j, class]);
                active |= truth > 0.5;
                cost -= truth * p.ln() + (1.0 - truth) * (1.0 - p).ln();
            }
            if active {
                let guess: Vec<f64> = (0..3).map(|c| at(&output.direction, &[b, t, i, c])).collect();
                let truth: Vec<f64> = (0..3).map(|c| at(&target.direction, &[b, t, j, c])).collect();
                cost += config.doa_weight
                    * match config.doa {
                        DoaDistance::Mse => {
                            guess.iter().zip(&truth).map(|(g, t)| (g - t).powi(2)).sum::<f64>()
                        }
                        DoaDistance::Cosine => {
                            let length = guess.iter().map(|g| g * g).sum::<f64>().sqrt();
                            1.0 - guess.iter().zip(&truth).map(|(g, t)| g * t).sum::<f64>() / length
                        }
                    };
            }
            cost
        };
        let orders = permutation::permutations(n as usize);
        let frame_cost = |b, t, order: &Vec<i64>| {
            order.iter().enumerate().map(|(i, &j)| pair(b, t, i as i64, j)).sum::<f64>() / n as f64
        };
        let mut total = 0.0;
        for b in 0..b {
            total += match config.permutation {
                Permutation::Chunk => {
                    let chunk = |order| (0..t).map(|t| frame_cost(b, t, order)).sum::<f64>();
                    orders.iter().map(chunk).fold(f64::INFINITY, f64::min)
                }
                Permutation::Frame => (0..t)
                    .map(|t| orders.iter().map(|order| frame_cost(b, t, order)).fold(f64::INFINITY, f64::min))
                    .sum(),
            };
        }
        total / (b * t) as f64
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn equals_the_literal_definition(seed in 0i64..1000, tracks in 1i64..4, frame: bool, cosine: bool) {
            let (output, target) = batch(seed, tracks);
            let config = LossConfig {
                permutation: if frame { Permutation::Frame } else { Permutation::Chunk },
                doa: if cosine { DoaDistance::Cosine } else { DoaDistance::Mse },
                doa_weight: 0.7,
            };
            let fast = loss(&config, &output, &target).double_value(&[]);
            prop_assert!((fast - literal(&config, &output, &target)).abs() < 1e-4);
        }

        #[test]
        fn does_not_depend_on_the_order_of_tracks(seed in 0i64..1000) {
            let (output, target) = batch(seed, 3);
            let order = Tensor::from_slice(&[2i64, 0, 1]);
            let shuffled = Target {
                activity: target.activity.index_select(2, &order),
                direction: target.direction.index_select(2, &order),
            };
            let config = LossConfig::default();
            let (a, b) = (loss(&config, &output, &target), loss(&config, &output, &shuffled));
            prop_assert!((a - b).abs().double_value(&[]) < 1e-6);
        }
    }

    #[test]
    fn gradients_are_finite_for_certain_and_for_zero_outputs() {
        let (_, target) = batch(3, 3);
        let logits = (Tensor::ones([2, 6, 3, 4], (Kind::Float, Device::Cpu)) * 1e4).set_requires_grad(true);
        let direction = Tensor::zeros([2, 6, 3, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        for doa in [DoaDistance::Mse, DoaDistance::Cosine] {
            let output = Output { activity: logits.shallow_clone(), direction: direction.shallow_clone() };
            loss(&LossConfig { doa, ..Default::default() }, &output, &target).backward();
            for leaf in [&logits, &direction] {
                assert!(bool::try_from(leaf.grad().isfinite().all()).unwrap());
            }
        }
    }
}
