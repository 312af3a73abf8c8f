//! The median rule: end a trial whose best score so far is worse than the median of what its peers had reached
//! after as many epochs (Golovin et al., "Google Vizier", 2017).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::{LossCurve, Pruner};
use crate::search::snapshot::Verdict;
use crate::search::space::OptionsError;

/// Options of the pruner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Median {
    /// Epochs that every trial gets.
    pub warmup_epochs: u32,
    /// No trial is ended against fewer peers than this; at least 1.
    pub min_peers: usize,
}

impl Default for Median {
    fn default() -> Self {
        Self { warmup_epochs: 2, min_peers: 4 }
    }
}

pub(super) fn build(options: Value) -> Result<Arc<dyn Pruner>, OptionsError> {
    serde_path_to_error::deserialize::<_, Median>(options).map(|median| Arc::new(median) as _)
}

impl Pruner for Median {
    fn judge(&self, curve: &LossCurve, peers: &[LossCurve]) -> Verdict {
        let Some(&(epoch, _)) = curve.last() else { return Verdict::Continue };
        if epoch <= self.warmup_epochs {
            return Verdict::Continue;
        }
        let reached = |peer: &&LossCurve| peer.last().is_some_and(|(last, _)| *last >= epoch);
        let mut others: Vec<f64> = peers.iter().filter(reached).map(|peer| best(peer, epoch)).collect();
        if others.len() < self.min_peers.max(1) {
            return Verdict::Continue;
        }
        others.sort_by(f64::total_cmp);
        let middle = others.len() / 2;
        let median = match others.len() % 2 {
            1 => others[middle],
            // Halves first: the sum of infinities of peers without any score is still one.
            _ => 0.5 * others[middle - 1] + 0.5 * others[middle],
        };
        let own = best(curve, epoch);
        if own > median {
            let own = if own.is_finite() { format!("{:.4}", own.abs()) } else { "undefined".into() };
            let peers = others.len();
            let reason = format!(
                "best score {own} after epoch {epoch} is worse than the median {:.4} of {peers} peers",
                median.abs()
            );
            return Verdict::Prune { reason };
        }
        Verdict::Continue
    }
}

/// The smallest loss up to and with `epoch`; infinite when none is defined.
fn best(curve: &LossCurve, epoch: u32) -> f64 {
    let losses = curve.iter().filter(|(at, _)| *at <= epoch).filter_map(|(_, loss)| *loss);
    losses.filter(|loss| !loss.is_nan()).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(losses: &[f64]) -> LossCurve {
        (1..).zip(losses).map(|(epoch, loss)| (epoch, Some(*loss))).collect()
    }

    fn pruned(own: &LossCurve, peers: &[LossCurve]) -> bool {
        let pruner = Median { warmup_epochs: 1, min_peers: 3 };
        matches!(pruner.judge(own, peers), Verdict::Prune { .. })
    }

    #[test]
    fn ends_the_worse_half_by_their_best_so_far() {
        let peers = [curve(&[0.9, 0.8]), curve(&[0.9, 0.6]), curve(&[0.9, 0.4])];
        assert!(pruned(&curve(&[0.9, 0.7]), &peers));
        assert!(!pruned(&curve(&[0.9, 0.6]), &peers));
        assert!(!pruned(&curve(&[0.5, 0.9]), &peers), "its best is better than the median");
    }

    #[test]
    fn gives_every_trial_its_warm_up() {
        let peers = [curve(&[0.1]), curve(&[0.1]), curve(&[0.1])];
        assert!(!pruned(&curve(&[0.9]), &peers));
        assert!(!pruned(&Vec::new(), &peers));
    }

    #[test]
    fn needs_enough_peers_at_the_same_epoch() {
        let mut peers = vec![curve(&[0.1, 0.1]), curve(&[0.1, 0.1]), curve(&[0.1])];
        assert!(!pruned(&curve(&[0.9, 0.9]), &peers));
        peers.push(curve(&[0.1, 0.1, 0.1]));
        assert!(pruned(&curve(&[0.9, 0.9]), &peers));
    }

    #[test]
    fn an_undefined_score_is_the_worst() {
        let unknown: LossCurve = vec![(1, None), (2, Some(f64::NAN))];
        let good = curve(&[0.5, 0.5]);
        assert!(pruned(&unknown, &[good.clone(), good.clone(), good.clone()]));
        let peers = [unknown.clone(), unknown.clone(), unknown.clone()];
        assert!(!pruned(&good, &peers));
        assert!(!pruned(&unknown, &peers), "no worse than its peers");
    }
}
