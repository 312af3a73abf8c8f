//! Whether a training has left the numbers: losses, gradients and weights that are NaN or infinite.

use tch::{Kind, Tensor};

use crate::loss::Lost;

/// Steps between two looks. On a GPU every look waits for all that was begun there.
const EVERY: usize = 16;

/// Looks at the steps of one epoch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Steps looked at.
    seen: usize,
    names: Vec<String>,
    /// Of every step since, what `names` says.
    steps: Vec<Tensor>,
}

impl Watch {
    /// Takes down a step; says what is wrong with this or an earlier one, in any of the first steps or soon after it.
    pub(super) fn step(&mut self, lost: &Lost, gradients: &Tensor) -> Option<String> {
        let parts = lost.parts.iter().map(|(part, value)| (format!("the {} loss", part.name()), value));
        let all = parts.chain([
            ("the loss".to_owned(), &lost.total),
            ("the norm of the gradients".to_owned(), gradients),
        ]);
        let (names, values): (Vec<String>, Vec<Tensor>) =
            all.map(|(name, value)| (name, value.detach().to_kind(Kind::Double))).unzip();
        self.names = names;
        self.steps.push(Tensor::stack(&values, 0));
        if self.steps.len() < EVERY { None } else { self.look() }
    }

    /// Looks at the steps that were not looked at yet: the first value that is no finite number, and its step, counted from
    /// 1.
    pub(super) fn look(&mut self) -> Option<String> {
        let steps = std::mem::take(&mut self.steps);
        let before = self.seen;
        self.seen += steps.len();
        if steps.is_empty() {
            return None;
        }
        let width = self.names.len();
        let values = Vec::<f64>::try_from(Tensor::stack(&steps, 0).flatten(0, -1)).unwrap_or_default();
        let at = values.iter().position(|value| !value.is_finite())?;
        Some(format!("{} is {} in step {}", self.names[at % width], values[at], before + at / width + 1))
    }
}

/// The first variable that has a value which is no finite number.
pub(super) fn weights(variables: &[(String, Tensor)]) -> Option<String> {
    let _guard = tch::no_grad_guard();
    let floats: Vec<&(String, Tensor)> =
        variables.iter().filter(|(_, tensor)| tensor.kind() == Kind::Float).collect();
    let finite: Vec<Tensor> = floats.iter().map(|(_, tensor)| tensor.isfinite().all()).collect();
    if finite.is_empty() {
        return None;
    }
    let finite = Vec::<bool>::try_from(Tensor::stack(&finite, 0)).unwrap_or_default();
    let at = finite.iter().position(|finite| !finite)?;
    Some(format!("{} has weights that are no finite numbers", floats[at].0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Part;

    fn lost(direction: f64) -> Lost {
        let parts = vec![(Part::Activity, Tensor::from(1.0)), (Part::Direction, Tensor::from(direction))];
        Lost { total: Tensor::from(1.0 + direction), parts }
    }

    #[test]
    fn the_first_step_that_is_no_number_is_named_with_the_part() {
        let mut watch = Watch::default();
        let mut told = None;
        for step in 1..=40 {
            let value = if step >= 19 { f64::NAN } else { 0.5 };
            told = told.or(watch.step(&lost(value), &Tensor::from(1f32)));
        }
        assert_eq!(told.as_deref(), Some("the direction loss is NaN in step 19"));
        let mut watch = Watch::default();
        assert_eq!(watch.step(&lost(0.5), &Tensor::from(f32::INFINITY)), None);
        assert_eq!(watch.look().as_deref(), Some("the norm of the gradients is inf in step 1"));
        assert_eq!(watch.look(), None);
    }

    #[test]
    fn weights_that_are_no_numbers_are_named() {
        let named = |name: &str, values: &[f32]| (name.to_owned(), Tensor::from_slice(values));
        let fine = named("a", &[1.0, 2.0]);
        assert_eq!(weights(std::slice::from_ref(&fine)), None);
        let broken = weights(&[fine, named("b", &[1.0, f32::NEG_INFINITY])]);
        assert_eq!(broken.as_deref(), Some("b has weights that are no finite numbers"));
    }
}
