//! Trials with made-up curves.

use super::{Curve, Judged, Pruner};
use crate::search::snapshot::{Assignment, CurvePoint, Scores, Verdict};
use crate::search::space::{Objective, ParameterSpace};

#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub(super) number: Option<u32>,
    pub(super) space: ParameterSpace,
    pub(super) parameters: Assignment,
    pub(super) points: Vec<CurvePoint>,
    pub(super) epochs: u32,
}

impl Trial {
    /// A trial of 100 epochs with these SELD scores, one for each finished epoch.
    pub(super) fn of(number: u32, losses: &[f64]) -> Self {
        let point = |(epoch, loss): (u32, &f64)| CurvePoint {
            epoch,
            train_loss: 1.0,
            val_loss: 1.0,
            scores: Scores { seld: Some(*loss), ..Scores::default() },
            seconds: 1.0,
        };
        Self {
            number: Some(number),
            space: ParameterSpace::default(),
            parameters: Assignment::new(),
            points: (1..).zip(losses).map(point).collect(),
            epochs: 100,
        }
    }

    pub(super) fn all(curves: &[&[f64]]) -> Vec<Self> {
        (0..).zip(curves).map(|(number, losses)| Self::of(number, losses)).collect()
    }

    pub(super) fn judged(&self) -> Judged<'_> {
        Judged {
            number: self.number,
            space: &self.space,
            parameters: &self.parameters,
            curve: Curve::new(&self.points, Objective::Seld),
            epochs: self.epochs,
        }
    }
}

/// The reason for which a trial is ended.
pub(super) fn judge(pruner: &dyn Pruner, trial: &Trial, peers: &[Trial]) -> Option<String> {
    let peers: Vec<Judged<'_>> = peers.iter().map(Trial::judged).collect();
    match pruner.judge(&trial.judged(), &peers) {
        Verdict::Continue => None,
        Verdict::Prune { reason } => Some(reason),
    }
}
