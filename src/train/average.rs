//! Moving average of the weights (Polyak and Juditsky, SIAM J. Control Optim. 30, 1992): it moves less from step to
//! step than the weights themselves do, so it is what is validated, kept and exported.

use tch::Tensor;

/// The running average of named variables, batch-norm statistics included.
#[derive(Debug)]
pub(super) struct Average {
    decay: f64,
    tensors: Vec<(String, Tensor)>,
}

impl Average {
    /// Begins with the variables as they are. With every update a share `decay`, in [0, 1), of the average stays;
    /// less in the first updates, so that it leaves the initial weights behind (as (1 + n) / (10 + n) of the n-th).
    pub(super) fn new(variables: &[(String, Tensor)], decay: f64) -> Self {
        let tensors = variables.iter().map(|(n, t)| (n.clone(), t.detach().copy())).collect();
        Self { decay, tensors }
    }

    /// Takes the variables in after optimizer step `step`, counted from 1. `variables`: those it was made from, in
    /// the same order.
    pub(super) fn update(&mut self, variables: &[(String, Tensor)], step: i64) {
        let _guard = tch::no_grad_guard();
        let decay = self.decay.min((1 + step) as f64 / (10 + step) as f64);
        for ((_, average), (_, variable)) in self.tensors.iter_mut().zip(variables) {
            let _ = average.lerp_(variable, 1.0 - decay);
        }
    }

    /// Puts the average into the variables and keeps what was there, or the other way round: twice changes nothing.
    pub(super) fn swap(&mut self, variables: &[(String, Tensor)]) {
        let _guard = tch::no_grad_guard();
        for ((_, average), (_, variable)) in self.tensors.iter_mut().zip(variables) {
            let kept = variable.detach().copy();
            variable.shallow_clone().copy_(average);
            *average = kept;
        }
    }

    /// The average by name, to be saved.
    pub(super) fn state(&self) -> Vec<(String, Tensor)> {
        self.tensors.iter().map(|(n, t)| (n.clone(), t.shallow_clone())).collect()
    }

    /// Takes back what [`Average::state`] gave. Returns the first name that is missing or has another shape.
    pub(super) fn restore(&mut self, saved: &[(String, Tensor)]) -> Result<(), String> {
        let _guard = tch::no_grad_guard();
        for (name, average) in &mut self.tensors {
            let found = saved.iter().find(|(n, t)| n == name && t.size() == average.size());
            average.copy_(&found.ok_or_else(|| name.clone())?.1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(value: f32) -> Vec<(String, Tensor)> {
        vec![("w".to_owned(), Tensor::from_slice(&[value]))]
    }

    #[test]
    fn follows_the_formula_and_swaps_back() {
        let variables = scalar(0.0);
        let mut average = Average::new(&variables, 0.5);
        let mut expected = 0.0;
        for step in 1..=20 {
            let value = step as f32;
            variables[0].1.shallow_clone().copy_(&Tensor::from_slice(&[value]));
            average.update(&variables, i64::from(step));
            let decay = (0.5f64).min(f64::from(1 + step) / f64::from(10 + step));
            expected = decay * expected + (1.0 - decay) * f64::from(value);
        }
        average.swap(&variables);
        assert!((variables[0].1.double_value(&[0]) - expected).abs() < 1e-5);
        average.swap(&variables);
        assert_eq!(variables[0].1.double_value(&[0]), 20.0);
    }

    #[test]
    fn a_restored_average_is_the_same() {
        let mut average = Average::new(&scalar(1.0), 0.9);
        average.update(&scalar(3.0), 100);
        let mut other = Average::new(&scalar(0.0), 0.9);
        other.restore(&average.state()).unwrap();
        assert_eq!(other.state()[0].1, average.state()[0].1);
        assert_eq!(other.restore(&[]), Err("w".to_owned()));
    }
}
