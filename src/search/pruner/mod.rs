//! When a running trial is ended early: the trait, and the implementations by name.

mod median;
mod none;

use std::fmt::Debug;

pub use median::Median;
pub use none::Never;

use super::registry::Registry;
use super::snapshot::Verdict;

/// A learning curve as losses, lower is better: (finished epochs, loss), in order. An undefined score is
/// `None`, and worse than any number.
pub type LossCurve = Vec<(u32, Option<f64>)>;

/// Judges running trials.
pub trait Pruner: Debug + Send + Sync {
    /// What to do with the trial whose curve so far is `curve`, given those of its peers, some of which may be
    /// shorter. A trial with an empty curve goes on.
    fn judge(&self, curve: &LossCurve, peers: &[LossCurve]) -> Verdict;
}

/// All pruners.
pub static REGISTRY: Registry<dyn Pruner> = Registry {
    seam: "pruner",
    kinds: &[("none", none::build), ("median", median::build)],
    later: &["asha", "hyperband", "percentile", "patient", "successive_halving", "curve"],
};
