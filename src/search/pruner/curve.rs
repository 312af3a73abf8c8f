//! A learning curve as pruners see it.

use crate::search::snapshot::CurvePoint;
use crate::search::space::Objective;

/// Two trials that agree over so many epochs are one training under two names.
const TWIN_EPOCHS: usize = 3;

/// The losses at the epoch from which on curves may repeat each other.
pub(super) type Start = [u64; 2];

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

    /// Number of points.
    pub(super) fn count(&self) -> usize {
        self.points.len()
    }

    /// The smallest loss up to and with `epoch`; infinite when none is defined. `None` when the curve is shorter.
    pub fn best(&self, epoch: u32) -> Option<f64> {
        if self.epoch() < epoch {
            return None;
        }
        let until = self.points.iter().take_while(|point| point.epoch <= epoch);
        Some(until.filter_map(|point| self.objective.loss(&point.scores)).fold(f64::INFINITY, f64::min))
    }

    /// What tells curves apart that do not repeat each other, most of the time; `None` for one that is too short to repeat any.
    pub(super) fn start(&self) -> Option<Start> {
        let last = self.points.get(TWIN_EPOCHS - 1)?;
        // Both zeros are the same loss.
        Some([last.train_loss, last.val_loss].map(|loss| (loss + 0.0).to_bits()))
    }

    /// Whether all that was measured so far was measured of another trial before, to the last digit: over at least
    /// [`TWIN_EPOCHS`] epochs with as many different losses, so that standing still is no likeness.
    pub fn repeats(&self, other: &Self) -> bool {
        if other.points.len() < self.points.len() {
            return false;
        }
        let mut pairs = self.points.iter().zip(other.points);
        if !pairs.all(|(own, other)| CurvePoint { seconds: own.seconds, ..*other } == *own) {
            return false;
        }
        let mut losses: Vec<f64> =
            self.points.iter().filter_map(|p| self.objective.loss(&p.scores)).collect();
        losses.sort_by(f64::total_cmp);
        losses.dedup();
        losses.len() >= TWIN_EPOCHS
    }

    /// The first epoch with the smallest loss; `None` when no loss is defined.
    pub fn best_epoch(&self) -> Option<u32> {
        let known = self.points.iter().filter_map(|p| Some((self.objective.loss(&p.scores)?, p.epoch)));
        known.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, epoch)| epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Trial;

    fn repeats(own: &Trial, other: &Trial) -> bool {
        own.judged().curve.repeats(&other.judged().curve)
    }

    #[test]
    fn a_curve_repeats_another_when_all_that_was_measured_is_the_same() {
        let other = Trial::of(0, &[0.9, 0.8, 0.7, 0.6]);
        let mut own = Trial::of(1, &[0.9, 0.8, 0.7]);
        assert!(repeats(&own, &other) && !repeats(&other, &own));
        own.points[0].seconds = 7.0;
        assert!(repeats(&own, &other), "time differs from run to run");
        own.points[1].val_loss = 0.5;
        assert!(!repeats(&own, &other));
        assert!(!repeats(&Trial::of(1, &[0.9, 0.8]), &other), "two may be chance");
        let still = Trial::of(0, &[1.0; 9]);
        assert!(!repeats(&Trial::of(1, &[1.0; 5]), &still), "nothing has happened yet");
    }
}
