//! AdamW (Loshchilov and Hutter, arXiv 1711.05101) over plain tensors, so that its state can be saved: libtorch's
//! own, as tch wraps it, cannot be. Parameters are updated one after the other, as libtorch's
//! does, which on a CPU takes 0.2 % of a training step (benches/encoder.rs): a fused update would gain nothing there.

use tch::Tensor;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// One parameter with its moments.
#[derive(Debug)]
struct Slot {
    name: String,
    parameter: Tensor,
    mean: Tensor,
    variance: Tensor,
    decay: f64,
    /// Factor on the learning rate.
    rate: f64,
}

/// The optimizer.
#[derive(Debug)]
pub(super) struct AdamW {
    slots: Vec<Slot>,
    steps: i64,
}

impl AdamW {
    /// Over named parameters. Matrices and kernels decay; biases, scales and the mixing of paths do not: zero is no
    /// natural value for them.
    pub(super) fn new(mut parameters: Vec<(String, Tensor)>, weight_decay: f64) -> Self {
        // Order of names: the order of a sum of norms must not depend on a hash map.
        parameters.sort_by(|a, b| a.0.cmp(&b.0));
        let slot = |(name, parameter): (String, Tensor)| {
            let zeros = || parameter.zeros_like().set_requires_grad(false);
            let decays = parameter.dim() >= 2 && !name.ends_with("mixing") && !name.ends_with("bias");
            let decay = if decays { weight_decay } else { 0.0 };
            Slot { name, mean: zeros(), variance: zeros(), decay, rate: 1.0, parameter }
        };
        Self { slots: parameters.into_iter().map(slot).collect(), steps: 0 }
    }

    /// With another learning rate for the parameters whose names begin with `prefix` and a dot: the factor on that of the
    /// others.
    pub(super) fn with_rate(mut self, prefix: &str, factor: f64) -> Self {
        let belongs = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
        self.slots.iter_mut().filter(|slot| belongs(&slot.name)).for_each(|slot| slot.rate = factor);
        self
    }

    /// Forgets the gradients of the last step.
    pub(super) fn zero_grad(&mut self) {
        for slot in &mut self.slots {
            slot.parameter.zero_grad();
        }
    }

    /// Scales all gradients down so that their joint norm is at most `limit`. Returns what it was, a scalar.
    pub(super) fn clip_gradients(&mut self, limit: f64) -> Tensor {
        let _guard = tch::no_grad_guard();
        let gradients: Vec<Tensor> =
            self.slots.iter().map(|s| s.parameter.grad()).filter(Tensor::defined).collect();
        let norms: Vec<Tensor> = gradients.iter().map(Tensor::norm).collect();
        if norms.is_empty() {
            return Tensor::from(0f32);
        }
        let norm = Tensor::stack(&norms, 0).norm();
        let scale = (limit / (&norm + 1e-6)).clamp_max(1.0);
        for mut gradient in gradients {
            let _ = gradient.g_mul_(&scale);
        }
        norm
    }

    /// One update with this learning rate.
    pub(super) fn step(&mut self, learning_rate: f64) {
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        let correct1 = 1.0 - BETA1.powi(self.steps as i32);
        let correct2 = 1.0 - BETA2.powi(self.steps as i32);
        for Slot { parameter, mean, variance, decay, rate, .. } in &mut self.slots {
            let learning_rate = learning_rate * *rate;
            let gradient = parameter.grad();
            if !gradient.defined() {
                continue;
            }
            let _ = parameter.g_mul_scalar_(1.0 - learning_rate * *decay);
            let _ = mean.lerp_(&gradient, 1.0 - BETA1);
            let _ = variance.g_mul_scalar_(BETA2).addcmul_(&gradient, &gradient);
            let denominator = (&*variance * ((1.0 - BETA2) / correct2)).sqrt() + EPSILON;
            let _ = parameter.addcdiv_(&(&*mean * (-learning_rate / correct1)), &denominator);
        }
    }

    /// Moments by name, to be saved.
    pub(super) fn state(&self) -> Vec<(String, Tensor)> {
        let both = |slot: &Slot| {
            [
                (format!("mean.{}", slot.name), slot.mean.shallow_clone()),
                (format!("variance.{}", slot.name), slot.variance.shallow_clone()),
            ]
        };
        self.slots.iter().flat_map(both).collect()
    }

    /// Updates done so far.
    pub(super) fn steps(&self) -> i64 {
        self.steps
    }

    /// Takes back what [`AdamW::state`] and [`AdamW::steps`] gave. Returns the first name that is missing.
    pub(super) fn restore(
        &mut self,
        steps: i64,
        take: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<(), String> {
        let _guard = tch::no_grad_guard();
        for slot in &mut self.slots {
            for (prefix, moment) in [("mean", &mut slot.mean), ("variance", &mut slot.variance)] {
                let name = format!("{prefix}.{}", slot.name);
                let saved = take(&name).filter(|t| t.size() == moment.size()).ok_or(name)?;
                moment.copy_(&saved);
            }
        }
        self.steps = steps;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tch::nn::{self, OptimizerConfig};
    use tch::{Device, Kind};

    use super::*;

    fn gradient(parameter: &Tensor) {
        let goal = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]);
        (parameter.view([2, 3]) - goal).square().sum(Kind::Float).backward();
    }

    #[test]
    fn equals_libtorch() {
        let vs = nn::VarStore::new(Device::Cpu);
        let theirs = vs.root().var("w", &[2, 3], nn::Init::Const(0.5));
        let mut peer = nn::AdamW { wd: 0.1, ..Default::default() }.build(&vs, 0.05).unwrap();
        let ours = Tensor::full([2, 3], 0.5, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let mut adamw = AdamW::new(vec![("w".into(), ours.shallow_clone())], 0.1);
        for _ in 0..20 {
            peer.zero_grad();
            gradient(&theirs);
            peer.step();
            adamw.zero_grad();
            gradient(&ours);
            adamw.step(0.05);
        }
        assert!((theirs - ours).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn gradients_are_clipped_to_a_joint_norm_and_small_ones_left() {
        let of = |value: f64| Tensor::full([1], value, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let (a, b) = (of(3.0), of(4.0));
        let named = [("a", &a), ("b", &b)].map(|(name, x)| (name.to_owned(), x.shallow_clone()));
        let mut adamw = AdamW::new(named.into(), 0.0);
        for (limit, expected) in [(1.0, [0.6, 0.8]), (5.1, [3.0, 4.0])] {
            adamw.zero_grad();
            ((a.square() + b.square()) / 2.0).sum(Kind::Float).backward();
            assert_eq!(adamw.clip_gradients(limit).double_value(&[]), 5.0);
            for (leaf, value) in [&a, &b].into_iter().zip(expected) {
                assert!((leaf.grad().double_value(&[0]) - value).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_restored_optimizer_goes_on_to_the_bit() {
        let run = |interrupt: bool| {
            let w = Tensor::ones([2, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
            let fresh = || AdamW::new(vec![("w".into(), w.shallow_clone())], 0.1);
            let mut adamw = fresh();
            for step in 0..10 {
                if interrupt && step == 5 {
                    let (state, steps) = (adamw.state(), adamw.steps());
                    let state: Vec<_> = state.into_iter().map(|(n, t)| (n, t.copy())).collect();
                    adamw = fresh();
                    let take = |name: &str| state.iter().find(|(n, _)| n == name).map(|(_, t)| t.copy());
                    adamw.restore(steps, take).unwrap();
                }
                adamw.zero_grad();
                gradient(&w);
                let _ = adamw.clip_gradients(1.0);
                adamw.step(0.01);
            }
            w
        };
        assert_eq!(run(false), run(true));
    }
}
