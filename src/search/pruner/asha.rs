//! Asynchronous successive halving: after 1, eta, eta^2, ... times the first epochs, a trial goes on only when it is among
//! the best of those that came as far, and nobody waits for others to arrive.
//!
//! Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020), in the form in which trials are stopped rather
//! than paused and promoted later.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::{Judged, Pruner, shown};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Verdict;

/// Options of the pruner.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Asha {
    /// Epochs after which trials are compared for the first time.
    pub min_epochs: u32,
    /// One in so many goes on each time; the epochs until the next comparison grow by as much. At least 1.1.
    #[serde(deserialize_with = "eta")]
    pub eta: f64,
}

impl Default for Asha {
    fn default() -> Self {
        Self { min_epochs: 1, eta: 3.0 }
    }
}

pub(super) const KIND: Kind<dyn Pruner> = Kind {
    name: "asha",
    build: |options| serde_path_to_error::deserialize(options).map(|asha: Asha| Arc::new(asha) as _),
    options: schema::of::<Asha>,
};

/// Reads an `eta` with which the comparisons come to an end.
pub(super) fn eta<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let eta = f64::deserialize(deserializer)?;
    if eta >= 1.1 { Ok(eta) } else { Err(D::Error::custom(format!("{eta} is outside 1.1.."))) }
}

impl Asha {
    /// Whether trials of so many epochs are compared after this one.
    fn is_rung(&self, epoch: u32, epochs: u32) -> bool {
        let mut rung = f64::from(self.min_epochs.max(1));
        while rung.round() < f64::from(epoch) {
            rung *= self.eta;
        }
        rung.round() == f64::from(epoch) && epoch < epochs
    }
}

impl Pruner for Asha {
    fn judge(&self, trial: &Judged<'_>, peers: &[Judged<'_>]) -> Verdict {
        let epoch = trial.curve.epoch();
        if epoch == 0 || !self.is_rung(epoch, trial.epochs) {
            return Verdict::Continue;
        }
        let own = trial.curve.best(epoch).unwrap_or(f64::INFINITY);
        let others: Vec<f64> = peers.iter().filter_map(|peer| peer.curve.best(epoch)).collect();
        let better = others.iter().filter(|other| **other < own).count();
        // The best one always goes on.
        let places = (((others.len() + 1) as f64 / self.eta) as usize).max(1);
        if better < places {
            return Verdict::Continue;
        }
        let reason = format!(
            "best score {} after epoch {epoch} is number {} of {} that came as far, of which {places} go on",
            shown(own),
            better + 1,
            others.len() + 1
        );
        Verdict::Prune { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Trial, judge};
    use super::*;

    #[test]
    fn compares_after_growing_numbers_of_epochs_and_not_after_the_last() {
        let rungs = |asha: Asha, epochs: u32| -> Vec<u32> {
            (1..=epochs).filter(|epoch| asha.is_rung(*epoch, epochs)).collect()
        };
        assert_eq!(rungs(Asha::default(), 27), [1, 3, 9]);
        assert_eq!(rungs(Asha { min_epochs: 2, eta: 2.0 }, 20), [2, 4, 8, 16]);
        assert_eq!(rungs(Asha { min_epochs: 1, eta: 1.5 }, 6), [1, 2, 3, 5]);
        assert!(rungs(Asha { min_epochs: 9, eta: 3.0 }, 9).is_empty());
    }

    #[test]
    fn an_eta_with_which_it_would_not_end_is_refused() {
        for build in [KIND.build, super::super::hyperband::KIND.build] {
            let error = build(serde_json::json!({"eta": 1.0})).unwrap_err().to_string();
            assert!(error.contains("1 is outside 1.1.."), "{error}");
            assert!(build(serde_json::json!({"eta": 2})).is_ok());
        }
    }

    #[test]
    fn one_in_eta_goes_on_and_the_best_always() {
        let asha = Asha::default();
        let verdict = |own: f64, peers: &[&[f64]]| judge(&asha, &Trial::of(99, &[own]), &Trial::all(peers));
        assert_eq!(verdict(0.5, &[]), None);
        assert!(verdict(0.5, &[&[0.4]]).is_some());
        assert_eq!(verdict(0.3, &[&[0.4]]), None);
        let five: [&[f64]; 5] = [&[0.1], &[0.2], &[0.3], &[0.4], &[0.5]];
        assert_eq!(verdict(0.15, &five), None, "second of six, of which two go on");
        assert!(verdict(0.25, &five).is_some());
        assert_eq!(judge(&asha, &Trial::of(9, &[0.9, 0.9]), &Trial::all(&five)), None, "no comparison there");
    }

    #[test]
    fn an_undefined_score_is_the_worst() {
        let asha = Asha::default();
        let peers: [&[f64]; 2] = [&[0.9], &[0.8]];
        assert!(judge(&asha, &Trial::of(9, &[f64::NAN]), &Trial::all(&peers)).is_some());
    }
}
