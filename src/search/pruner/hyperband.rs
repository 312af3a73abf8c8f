//! Hyperband: several successive halvings side by side, which begin to compare early, later, or not at all, for curves that
//! cross after the first epochs.
//!
//! Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization" (2018), asynchronously as in
//! [`super::Asha`].

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Asha, Judged, Pruner};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Verdict;

/// Options of the pruner.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hyperband {
    /// Epochs after which the first bracket compares for the first time.
    pub min_epochs: u32,
    /// As in ASHA; each bracket begins later by as much than the one before. At least 1.1.
    #[serde(deserialize_with = "super::asha::eta")]
    pub eta: f64,
}

impl Default for Hyperband {
    fn default() -> Self {
        let Asha { min_epochs, eta } = Asha::default();
        Self { min_epochs, eta }
    }
}

pub(super) const KIND: Kind<dyn Pruner> = Kind {
    name: "hyperband",
    build: |options| {
        serde_path_to_error::deserialize(options).map(|hyperband: Hyperband| Arc::new(hyperband) as _)
    },
    options: schema::of::<Hyperband>,
};

impl Hyperband {
    /// The brackets for trials of so many epochs: when each compares for the first time, and how many of its trials come in
    /// one round.
    fn brackets(&self, epochs: u32) -> Vec<(u32, u32)> {
        let eta = self.eta;
        let first = f64::from(self.min_epochs.max(1));
        let count =
            (0..).take_while(|bracket| first * eta.powi(*bracket) <= f64::from(epochs)).count().max(1);
        let bracket = |at: usize| {
            let halvings = count - 1 - at;
            let trials = (count as f64 / (halvings + 1) as f64 * eta.powi(halvings as i32)).ceil();
            ((first * eta.powi(at as i32)).round() as u32, trials as u32)
        };
        (0..count).map(bracket).collect()
    }

    /// The bracket that a trial is in. Those of a round come mixed, so that a small budget sees all of them.
    fn bracket(brackets: &[(u32, u32)], number: u32) -> usize {
        let round: u64 = brackets.iter().map(|(_, trials)| u64::from(*trials)).sum();
        let place = u64::from(number) % round.max(1);
        // Who is furthest behind its share is next.
        let mut taken = vec![0_u32; brackets.len()];
        let mut chosen = 0;
        for so_far in 0..=place {
            let behind = |at: usize| {
                f64::from(brackets[at].1) * (so_far + 1) as f64 / round as f64 - f64::from(taken[at])
            };
            chosen = (0..brackets.len())
                .max_by(|a, b| behind(*a).total_cmp(&behind(*b)).then(b.cmp(a)))
                .unwrap_or(0);
            taken[chosen] += 1;
        }
        chosen
    }
}

impl Pruner for Hyperband {
    fn judge(&self, trial: &Judged<'_>, peers: &[Judged<'_>]) -> Verdict {
        let brackets = self.brackets(trial.epochs);
        let bracket = Self::bracket(&brackets, trial.number.unwrap_or(0));
        let min_epochs = brackets[bracket].0;
        if trial.curve.epoch() < min_epochs || trial.curve.epoch() >= trial.epochs {
            return Verdict::Continue;
        }
        let is_peer = |peer: &&Judged<'_>| match peer.number {
            Some(number) => Self::bracket(&brackets, number) == bracket,
            None => true,
        };
        let peers: Vec<Judged<'_>> = peers.iter().filter(is_peer).copied().collect();
        Asha { min_epochs, eta: self.eta }.judge(trial, &peers)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Trial, judge};
    use super::*;

    #[test]
    fn brackets_are_those_of_the_paper() {
        let brackets = Hyperband::default().brackets(81);
        // Table 1 of the paper, s from 4 to 0.
        assert_eq!(brackets, [(1, 81), (3, 34), (9, 15), (27, 8), (81, 5)]);
        assert_eq!(Hyperband::default().brackets(1), [(1, 1)]);
        assert_eq!(Hyperband { min_epochs: 5, eta: 3.0 }.brackets(4), [(5, 1)]);
    }

    #[test]
    fn a_round_has_all_trials_of_each_bracket_and_they_come_mixed() {
        let brackets = Hyperband::default().brackets(27);
        let round: u32 = brackets.iter().map(|(_, trials)| trials).sum();
        for start in [0, round] {
            let mut count = vec![0; brackets.len()];
            (start..start + round).for_each(|n| count[Hyperband::bracket(&brackets, n)] += 1);
            assert_eq!(count, brackets.iter().map(|(_, trials)| *trials).collect::<Vec<_>>());
        }
        let early: std::collections::BTreeSet<usize> =
            (0..round / 2).map(|n| Hyperband::bracket(&brackets, n)).collect();
        assert_eq!(early.len(), brackets.len());
    }

    #[test]
    fn trials_are_compared_within_their_bracket() {
        let hyperband = Hyperband::default();
        let brackets = hyperband.brackets(27);
        let of = |bracket: usize| (0..).find(|n| Hyperband::bracket(&brackets, *n) == bracket).unwrap();
        let better = [Trial { epochs: 27, ..Trial::of(of(1), &[0.1]) }];
        let own = Trial { epochs: 27, ..Trial::of(of(0), &[0.9]) };
        assert_eq!(judge(&hyperband, &own, &better), None);
        let better = [Trial { number: Some(of(0)), ..better[0].clone() }];
        let own = Trial { number: Some(of(0)), ..own };
        assert!(judge(&hyperband, &own, &better).is_some());
    }
}
