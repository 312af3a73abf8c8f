//! A learning curve as pruners see it.

use crate::search::snapshot::CurvePoint;
use crate::search::space::Objective;

/// A learning curve as losses: lower is better, and an undefined score is worse than any number.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    points: &'a [CurvePoint],
    objective: Objective,
}

impl<'a> Curve<'a> {
    /// The curve of this score; `points` are in the order of epochs.
    pub fn new(points: &'a [CurvePoint], objective: Objective) -> Self {
        Self { points, objective }
    }

    /// Finished epochs; 0 before the first.
    pub fn epoch(&self) -> u32 {
        self.points.last().map_or(0, |point| point.epoch)
    }

    /// The smallest loss up to and with `epoch`; infinite when none is defined. `None` when the curve is shorter.
    pub fn best(&self, epoch: u32) -> Option<f64> {
        let until = self.points.iter().take_while(|point| point.epoch <= epoch);
        let best = until.filter_map(|point| self.objective.loss(&point.scores)).fold(f64::INFINITY, f64::min);
        (self.epoch() >= epoch).then_some(best)
    }

    /// The first epoch with the smallest loss; `None` when no loss is defined.
    pub fn best_epoch(&self) -> Option<u32> {
        let known = self.points.iter().filter_map(|p| Some((self.objective.loss(&p.scores)?, p.epoch)));
        known.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, epoch)| epoch)
    }
}
