//! The percentile rule: end a trial whose best score so far is worse than what a given share of its peers had reached after
//! as many epochs. With half of them it is the median rule (Golovin et al., "Google Vizier", 2017).

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Judged, Pruner, shown};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Verdict;

/// Options of the pruner.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Percentile {
    /// Percent of peers that must have done better than a trial for it to be ended, above 0 and at most 100.
    pub percentile: f64,
    /// Epochs that every trial gets.
    pub warmup_epochs: u32,
    /// No trial is ended against fewer peers than this; at least 1.
    pub min_peers: usize,
}

impl Default for Percentile {
    fn default() -> Self {
        Self { percentile: 50.0, warmup_epochs: 2, min_peers: 4 }
    }
}

/// What is left to be chosen when the share is a half.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Median {
    warmup_epochs: u32,
    min_peers: usize,
}

impl Default for Median {
    fn default() -> Self {
        let Percentile { warmup_epochs, min_peers, .. } = Percentile::default();
        Self { warmup_epochs, min_peers }
    }
}

pub(super) const KIND: Kind<dyn Pruner> = Kind {
    name: "percentile",
    build: |options| {
        serde_path_to_error::deserialize(options).map(|percentile: Percentile| Arc::new(percentile) as _)
    },
    options: schema::of::<Percentile>,
};

pub(super) const MEDIAN: Kind<dyn Pruner> = Kind {
    name: "median",
    build: |options| {
        let Median { warmup_epochs, min_peers } = serde_path_to_error::deserialize(options)?;
        Ok(Arc::new(Percentile { warmup_epochs, min_peers, ..Percentile::default() }))
    },
    options: schema::of::<Median>,
};

impl Pruner for Percentile {
    fn judge(&self, trial: &Judged<'_>, peers: &[Judged<'_>]) -> Verdict {
        let epoch = trial.curve.epoch();
        if epoch <= self.warmup_epochs {
            return Verdict::Continue;
        }
        let mut others: Vec<f64> = peers.iter().filter_map(|peer| peer.curve.best(epoch)).collect();
        if others.len() < self.min_peers.max(1) {
            return Verdict::Continue;
        }
        others.sort_by(f64::total_cmp);
        let limit = quantile(&others, self.percentile / 100.0);
        let own = trial.curve.best(epoch).unwrap_or(f64::INFINITY);
        if own > limit {
            let name = match self.percentile {
                50.0 => "the median".to_owned(),
                other => format!("the best {other} %, which end at"),
            };
            let reason = format!(
                "best score {} after epoch {epoch} is worse than {name} {} of {} peers",
                shown(own),
                shown(limit),
                others.len()
            );
            return Verdict::Prune { reason };
        }
        Verdict::Continue
    }
}

/// The value below which a share in [0, 1] of the sorted ones lies, in the middle between neighbours where it falls there.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    let part = place - place.floor();
    // Infinities of peers without any score stay infinite.
    if part == 0.0 { below } else { (1.0 - part) * below + part * above }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Trial, judge};
    use super::*;

    fn pruned(own: &[f64], peers: &[&[f64]]) -> bool {
        let pruner = Percentile { warmup_epochs: 1, min_peers: 3, ..Percentile::default() };
        judge(&pruner, &Trial::of(9, own), &Trial::all(peers)).is_some()
    }

    #[test]
    fn ends_the_worse_half_by_their_best_so_far() {
        let peers: [&[f64]; 3] = [&[0.9, 0.8], &[0.9, 0.6], &[0.9, 0.4]];
        assert!(pruned(&[0.9, 0.7], &peers));
        assert!(!pruned(&[0.9, 0.6], &peers));
        assert!(!pruned(&[0.5, 0.9], &peers), "its best is better than the median");
    }

    #[test]
    fn gives_every_trial_its_warm_up() {
        let peers: [&[f64]; 3] = [&[0.1], &[0.1], &[0.1]];
        assert!(!pruned(&[0.9], &peers));
        assert!(!pruned(&[], &peers));
    }

    #[test]
    fn needs_enough_peers_at_the_same_epoch() {
        let mut peers: Vec<&[f64]> = vec![&[0.1, 0.1], &[0.1, 0.1], &[0.1]];
        assert!(!pruned(&[0.9, 0.9], &peers));
        peers.push(&[0.1, 0.1, 0.1]);
        assert!(pruned(&[0.9, 0.9], &peers));
    }

    #[test]
    fn an_undefined_score_is_the_worst() {
        let peers: [&[f64]; 3] = [&[0.9, 0.8], &[0.9, 0.8], &[0.9, f64::NAN]];
        assert!(pruned(&[f64::NAN, f64::NAN], &peers));
        let unknown: [&[f64]; 4] = [&[f64::NAN, f64::NAN]; 4];
        assert!(!pruned(&[f64::NAN, f64::NAN], &unknown), "nobody has a score yet");
        assert!(!pruned(&[0.9, 0.9], &unknown));
    }

    #[test]
    fn a_smaller_share_keeps_fewer() {
        let peers: [&[f64]; 5] = [&[0.0, 0.1], &[0.0, 0.2], &[0.0, 0.3], &[0.0, 0.4], &[0.0, 0.5]];
        let peers = peers.map(|peer| &peer[1..]);
        let kept = |percentile: f64| {
            let pruner = Percentile { percentile, warmup_epochs: 0, min_peers: 1 };
            let own = [0.15, 0.25, 0.35, 0.45];
            own.iter()
                .filter(|own| judge(&pruner, &Trial::of(9, &[**own]), &Trial::all(&peers)).is_none())
                .count()
        };
        assert_eq!([25.0, 50.0, 75.0, 100.0].map(kept), [1, 2, 3, 4]);
    }
}
