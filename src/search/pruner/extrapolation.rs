//! The curve model: end a trial that will hardly become the best one, by what the curves of others came to.
//!
//! After Domhan et al., "Speeding up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of
//! Learning Curves" (2015), with a model that is learnt from the study's own curves in place of a set of formulas: how much a
//! loss says early differs from task to task more than the look of curves does. Where it says nothing, nothing is ended. A
//! trial that repeats another one to the last digit is ended as well: what it comes to is known.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::forecast::Forecaster;
use super::{Judged, Pruner, shown};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Verdict;

/// Every so many trials one is trained to its end to see whether the model is right,
const CHECKED: u32 = 10;
/// once so many have come to their end.
const SETTLED: usize = 16;

/// Options of the pruner.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Extrapolation {
    /// A trial is ended when it becomes the best one with less than this share of the probability with which one does that
    /// has not begun; from 0 to 1. The share, because the probability itself falls with every good trial that is known.
    pub chance: f64,
    /// Share of the trials that came as far whose best ones go on all the same, from 0 to 1: a model of few curves errs.
    pub keep: f64,
    /// Most of all epochs that may go to trials that go on whatever the model says, every tenth one, from 0 to 1: it learns from
    /// what it let pass alone, and would not see that it ends good ones.
    pub checks: f64,
    /// Epochs that every trial gets.
    pub warmup_epochs: u32,
    /// No trial is ended before so many others came to the end; at least 3.
    pub min_peers: usize,
}

impl Default for Extrapolation {
    fn default() -> Self {
        Self { chance: 0.5, keep: 0.3, checks: 0.2, warmup_epochs: 0, min_peers: 4 }
    }
}

pub(super) const KIND: Kind<dyn Pruner> = Kind {
    name: "curve",
    build: |options| {
        serde_path_to_error::deserialize(options).map(|curve: Extrapolation| Arc::new(curve) as _)
    },
    options: schema::of::<Extrapolation>,
};

impl Extrapolation {
    /// Whether a trial goes on to check the model. Those of earlier stages are no checks of it.
    fn is_check(&self, trial: &Judged<'_>, peers: &[Judged<'_>]) -> bool {
        let is_check =
            |trial: &Judged<'_>| trial.number.is_some_and(|number| number % CHECKED == CHECKED - 1);
        let epochs = |peer: &Judged<'_>| u64::from(peer.curve.epoch());
        let all: u64 = peers.iter().map(epochs).sum();
        let checks: u64 = peers.iter().filter(|peer| is_check(peer)).map(epochs).sum();
        is_check(trial) && (checks as f64) < self.checks * all as f64
    }
}

impl Pruner for Extrapolation {
    fn judge(&self, trial: &Judged<'_>, peers: &[Judged<'_>]) -> Verdict {
        let epoch = trial.curve.epoch();
        if epoch <= self.warmup_epochs || epoch >= trial.epochs {
            return Verdict::Continue;
        }
        let forecaster = Forecaster::new(peers.iter().copied(), trial.epochs);
        if let Some(known) = forecaster.twin(trial) {
            let reason = format!(
                "{epoch} epochs are the same as those of another trial, which came to {}",
                shown(known)
            );
            return Verdict::Prune { reason };
        }
        let own = trial.curve.best(epoch).unwrap_or(f64::INFINITY);
        let others: Vec<f64> = peers.iter().filter_map(|peer| peer.curve.best(epoch)).collect();
        let better = others.iter().filter(|other| **other < own).count();
        let is_checked = forecaster.count() >= SETTLED && self.is_check(trial, peers);
        if is_checked || (better as f64) < self.keep * (others.len() + 1) as f64 {
            return Verdict::Continue;
        }
        let beliefs = (forecaster.best(), forecaster.forecast(trial), forecaster.unknown());
        let (Some(best), Some(forecast), Some(unknown)) = beliefs else { return Verdict::Continue };
        let chance = forecast.chance_below(best);
        if forecaster.count() < self.min_peers || chance >= self.chance * unknown.chance_below(best) {
            return Verdict::Continue;
        }
        let reason = format!(
            "best score {} after epoch {epoch} leads to about {} by {} curves: better than {} with {:.1} %, a new trial \
             with {:.1} %",
            shown(own),
            shown(forecast.mean),
            forecaster.count(),
            shown(best),
            100.0 * chance,
            100.0 * unknown.chance_below(best),
        );
        Verdict::Prune { reason }
    }

    fn reconsiders(&self) -> bool {
        true
    }

    /// The one that most likely becomes the best one, when that is likelier than of a new trial.
    fn second_chance(&self, ended: &[Judged<'_>], forecaster: &Forecaster<'_>) -> Option<usize> {
        let (best, unknown) = (forecaster.best()?, forecaster.unknown()?);
        if forecaster.count() < SETTLED {
            return None;
        }
        let chances = ended.iter().enumerate().filter_map(|(at, trial)| {
            let forecast = forecaster.forecast(trial).filter(|forecast| !forecast.is_certain())?;
            Some((at, forecast.chance_below(best)))
        });
        let (at, chance) = chances.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        (chance >= unknown.chance_below(best)).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Trial, judge};
    use super::*;

    /// A curve over 8 epochs from `first` to `last`.
    fn curve(first: f64, last: f64) -> Vec<f64> {
        (0..8).map(|epoch| last + (first - last) * 0.5_f64.powi(epoch)).collect()
    }

    /// Trials of 8 epochs.
    fn trials(curves: &[Vec<f64>]) -> Vec<Trial> {
        (0..).zip(curves).map(|(number, curve)| Trial { epochs: 8, ..Trial::of(number, curve) }).collect()
    }

    fn verdict(pruner: &Extrapolation, own: &[f64], peers: &[Vec<f64>]) -> Option<String> {
        judge(pruner, &Trial { epochs: 8, ..Trial::of(99, own) }, &trials(peers))
    }

    #[test]
    fn ends_what_hardly_becomes_the_best_and_says_why() {
        let peers: Vec<Vec<f64>> =
            (0..8).map(|n| curve(1.0 + 0.1 * f64::from(n), 0.2 + 0.1 * f64::from(n))).collect();
        let pruner = Extrapolation::default();
        let reason = verdict(&pruner, &curve(1.7, 0.9)[..3], &peers).unwrap();
        assert!(reason.starts_with("best score 1.1000 after epoch 3 leads to about 0.9"), "{reason}");
        assert!(reason.contains("by 8 curves: better than 0.2"), "{reason}");
        assert_eq!(verdict(&pruner, &curve(0.95, 0.15)[..3], &peers), None);
        // As good as the third of nine: it goes on whatever the model says.
        assert_eq!(verdict(&pruner, &curve(1.15, 0.35)[..3], &peers), None);
        let strict = Extrapolation { keep: 0.0, ..pruner.clone() };
        assert!(verdict(&strict, &curve(1.35, 0.55)[..3], &peers).is_some());
        let warm = Extrapolation { warmup_epochs: 3, ..pruner };
        assert_eq!(verdict(&warm, &curve(1.7, 0.9)[..3], &peers), None);
    }

    #[test]
    fn waits_for_enough_curves_and_ends_nothing_that_is_over() {
        let peers: Vec<Vec<f64>> =
            (0..3).map(|n| curve(1.0 + 0.1 * f64::from(n), 0.2 + 0.1 * f64::from(n))).collect();
        let pruner = Extrapolation::default();
        assert_eq!(verdict(&pruner, &curve(1.9, 1.1)[..3], &peers), None);
        let ready = Extrapolation { min_peers: 3, ..pruner };
        assert!(verdict(&ready, &curve(1.9, 1.1)[..3], &peers).is_some());
        assert_eq!(verdict(&ready, &curve(1.9, 1.1), &peers), None);
        assert_eq!(verdict(&ready, &[], &peers), None);
    }

    #[test]
    fn what_repeats_another_is_ended_however_good_it_is() {
        let peers: Vec<Vec<f64>> = (0..4).map(|n| curve(1.0 + 0.1 * f64::from(n), 0.2)).collect();
        let pruner = Extrapolation::default();
        let reason = verdict(&pruner, &peers[0][..3], &peers).unwrap();
        assert_eq!(reason, "3 epochs are the same as those of another trial, which came to 0.2063");
        assert_eq!(verdict(&pruner, &peers[0][..2], &peers), None);
        let warm = Extrapolation { warmup_epochs: 3, ..pruner };
        assert_eq!(verdict(&warm, &peers[0][..3], &peers), None);
    }

    #[test]
    fn now_and_then_one_goes_on_to_check_the_model() {
        let peers: Vec<Vec<f64>> =
            (0..16).map(|n| curve(1.0 + 0.1 * f64::from(n), 0.2 + 0.1 * f64::from(n))).collect();
        let own = &curve(2.45, 1.65)[..3];
        let goes_on = |number: u32, checks: f64, peers: &[Vec<f64>]| {
            let pruner = Extrapolation { checks, ..Extrapolation::default() };
            judge(&pruner, &Trial { epochs: 8, ..Trial::of(number, own) }, &trials(peers)).is_none()
        };
        assert!(goes_on(19, 0.2, &peers) && !goes_on(18, 0.2, &peers));
        // Trial 9 has had one sixteenth of all epochs.
        assert!(!goes_on(19, 0.05, &peers) && !goes_on(19, 0.0, &peers));
        assert!(!goes_on(19, 0.2, &peers[..15]));
    }

    #[test]
    fn what_was_ended_is_tried_again_when_more_is_known() {
        let pruner = Extrapolation::default();
        let chance = |ended: &[Vec<f64>], peers: &[Vec<f64>]| {
            let [ended, peers] = [trials(ended), trials(peers)];
            let [ended, peers] =
                [&ended, &peers].map(|all| all.iter().map(Trial::judged).collect::<Vec<_>>());
            pruner.second_chance(&ended, &Forecaster::new(peers.into_iter(), 8))
        };
        let peer = |n: u32| curve(1.0 + 0.1 * f64::from(n), 0.2 + 0.1 * f64::from(n));
        let peers: Vec<Vec<f64>> = (0..16).map(peer).collect();
        let ended = [
            curve(1.75, 0.95)[..3].to_vec(),
            curve(0.95, 0.15)[..3].to_vec(),
            curve(1.05, 0.25)[..3].to_vec(),
        ];
        assert_eq!(chance(&ended, &peers), Some(1));
        assert_eq!(chance(&ended[..1], &peers), None);
        assert_eq!(chance(&ended, &peers[..15]), None);
        assert_eq!(chance(&[peers[0][..3].to_vec()], &peers), None, "what that comes to is known");
        assert_eq!(chance(&[], &peers), None);
    }

    #[test]
    fn where_the_start_says_nothing_about_the_end_nothing_is_ended() {
        let peers: Vec<Vec<f64>> = [0.5, 0.2, 0.6, 0.3, 0.4, 0.55, 0.25, 0.45]
            .iter()
            .zip(0..)
            .map(|(last, n)| curve(1.0 + 0.01 * f64::from(n), *last))
            .collect();
        let first = 1.04;
        assert_eq!(verdict(&Extrapolation::default(), &[first], &peers), None);
    }
}
