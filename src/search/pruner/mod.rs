//! When a running trial is ended early: the trait, and the implementations by name.

mod asha;
mod curve;
mod extrapolation;
mod forecast;
mod hyperband;
mod none;
mod patience;
mod percentile;
mod regression;

use std::fmt::Debug;

pub use asha::Asha;
pub use curve::Curve;
pub use extrapolation::Extrapolation;
pub use forecast::{Forecast, Forecaster, Learnt};
pub use hyperband::Hyperband;
pub use none::Never;
pub use patience::Patience;
pub use percentile::Percentile;

use super::registry::Registry;
use super::snapshot::{Assignment, Verdict};
use super::space::{Budget, ParameterSpace};

/// A trial that is judged, or one that it is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// Position in its stage; `None` for one of an earlier stage.
    pub number: Option<u32>,
    /// What the stage of the trial that is judged searches.
    pub space: &'a ParameterSpace,
    /// What it is in that space, and perhaps more: one of an earlier stage may have none of its parameters.
    pub parameters: &'a Assignment,
    /// Its learning curve so far.
    pub curve: Curve<'a>,
    /// Epochs that it is to be trained for.
    pub epochs: u32,
}

impl Judged<'_> {
    /// What it is, as numbers.
    fn traits(&self) -> Vec<f64> {
        self.space.traits(self.parameters)
    }
}

/// Judges running trials.
pub trait Pruner: Debug + Send + Sync {
    /// What to do with a trial, given its peers, some of which may have shorter curves. A trial with an empty curve goes
    /// on.
    fn judge(&self, trial: &Judged<'_>, peers: &[Judged<'_>]) -> Verdict;

    /// Whether it ever thinks better of a trial that it ended.
    fn reconsiders(&self) -> bool {
        false
    }

    /// Which of some trials that were ended should be tried again, by what is known now: its place among them.
    fn second_chance(&self, _ended: &[Judged<'_>], _forecaster: &Forecaster<'_>) -> Option<usize> {
        None
    }
}

/// All pruners.
pub static REGISTRY: Registry<dyn Pruner> = Registry {
    seam: "pruner",
    default: none::KIND.name,
    kinds: &[
        none::KIND,
        percentile::MEDIAN,
        percentile::KIND,
        asha::KIND,
        hyperband::KIND,
        patience::KIND,
        extrapolation::KIND,
    ],
    later: &[],
};

/// The name of the pruner of a stage that names none: where what pruning saves goes to other candidates there is one.
pub fn default_of(budget: &Budget) -> &'static str {
    match budget.trials {
        Some(_) => REGISTRY.default,
        None => extrapolation::KIND.name,
    }
}

/// A score, for people: as they know it, whichever sign it has as a loss.
fn shown(loss: f64) -> String {
    if loss.is_finite() { format!("{:.4}", loss.abs()) } else { "undefined".into() }
}

#[cfg(test)]
mod testing;
