//! Patience: end a trial that has not become better for a while.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Judged, Pruner, shown};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Verdict;

/// Options of the pruner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Patience {
    /// Epochs without a better score after which a trial is ended; at least 1.
    pub epochs: u32,
    /// Epochs that every trial gets.
    pub warmup_epochs: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { epochs: 10, warmup_epochs: 0 }
    }
}

pub(super) const KIND: Kind<dyn Pruner> = Kind {
    name: "patience",
    build: |options| {
        serde_path_to_error::deserialize(options).map(|patience: Patience| Arc::new(patience) as _)
    },
    options: schema::of::<Patience>,
};

impl Pruner for Patience {
    fn judge(&self, trial: &Judged<'_>, _: &[Judged<'_>]) -> Verdict {
        let epoch = trial.curve.epoch();
        let best_epoch = trial.curve.best_epoch().unwrap_or(0);
        let waited = epoch - best_epoch;
        if epoch <= self.warmup_epochs || waited < self.epochs.max(1) {
            return Verdict::Continue;
        }
        let best = trial.curve.best(epoch).unwrap_or(f64::INFINITY);
        let reason = match best_epoch {
            0 => format!("no defined score in {epoch} epochs"),
            _ => format!("no better score than {} of epoch {best_epoch} in {waited} epochs", shown(best)),
        };
        Verdict::Prune { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Trial, judge};
    use super::*;

    #[test]
    fn waits_for_a_better_score_only_so_long() {
        let patience = Patience { epochs: 2, warmup_epochs: 3 };
        let ended = |curve: &[f64]| judge(&patience, &Trial::of(0, curve), &[]).is_some();
        assert!(!ended(&[]));
        assert!(!ended(&[0.5, 0.6, 0.6]), "warm-up");
        assert!(ended(&[0.5, 0.6, 0.6, 0.6]));
        assert!(!ended(&[0.5, 0.6, 0.4, 0.6]));
        assert!(ended(&[0.5, 0.6, 0.4, 0.4, 0.4]), "as good is not better");
        assert!(ended(&[f64::NAN; 4]));
    }
}
