//! What a trial will have reached in the end, by what others came to that had once stood where it stands now.

use std::cell::RefCell;
use std::collections::BTreeMap;

use nalgebra::{Matrix2, Vector2};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::Curve;

/// Fewest curves to the end that say anything.
const LEAST: usize = 3;
/// Losses further above the median than so many times the distance of the best one below it are cut off there, so that one
/// that diverged does not bend the line.
const REACH: f64 = 3.0;
/// Observations that the prior of the slope counts as, which says that differences stay as they are.
const SLOPE: f64 = 1.0;
/// Degrees of freedom that the prior of the scatter counts as, which says that what trials reach early tells nothing.
const SCATTER: f64 = 1.0;
/// Keeps the precision of the slope from being singular where all curves stand at the same place.
const TINY: f64 = 1e-12;

/// A belief about the loss that a trial will have in the end: a t distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Its middle.
    pub mean: f64,
    /// Its scale.
    pub scale: f64,
    /// Its degrees of freedom.
    pub freedom: f64,
}

impl Forecast {
    /// How likely the loss will be below this one.
    pub fn chance_below(&self, loss: f64) -> f64 {
        match StudentsT::new(self.mean, self.scale.max(TINY), self.freedom) {
            Ok(belief) => belief.cdf(loss),
            Err(_) => 1.0,
        }
    }
}

/// From the best loss after so many epochs, and how fast it fell of late, to the loss in the end: Bayesian linear regression
/// over the curves that were trained to the end, one for each number of epochs.
#[derive(Debug)]
pub struct Forecaster<'a> {
    complete: Vec<Curve<'a>>,
    epochs: u32,
    planes: RefCell<BTreeMap<u32, Option<Plane>>>,
}

impl<'a> Forecaster<'a> {
    /// By those of the curves that came as far as `epochs`, for trials that are to be trained as long.
    pub fn new(curves: impl Iterator<Item = Curve<'a>>, epochs: u32) -> Self {
        let is_complete = |curve: &Curve<'_>| curve.best(epochs).is_some_and(f64::is_finite);
        Self { complete: curves.filter(is_complete).collect(), epochs, planes: RefCell::default() }
    }

    /// How many curves came to the end.
    pub fn count(&self) -> usize {
        self.complete.len()
    }

    /// The smallest loss in the end.
    pub fn best(&self) -> Option<f64> {
        self.last().min_by(f64::total_cmp)
    }

    /// The belief about a trial that has not begun; `None` when too few curves are known.
    pub fn unknown(&self) -> Option<Forecast> {
        if self.count() < LEAST {
            return None;
        }
        let most = most(self.last());
        let count = self.count() as f64;
        let mean = self.last().map(|loss| loss.min(most)).sum::<f64>() / count;
        let squares: f64 = self.last().map(|loss| (loss.min(most) - mean).powi(2)).sum();
        let scale = (squares / (count - 1.0) * (1.0 + 1.0 / count)).sqrt();
        Some(Forecast { mean, scale, freedom: count - 1.0 })
    }

    /// The belief about what a curve will come to; `None` when it has no loss yet, or too few curves are known.
    pub fn forecast(&self, curve: &Curve<'_>) -> Option<Forecast> {
        let epoch = curve.epoch();
        let stands = stands(curve, epoch)?;
        let plane = *self.planes.borrow_mut().entry(epoch).or_insert_with(|| self.plane(epoch));
        plane.map(|plane| plane.at(stands))
    }

    fn last(&self) -> impl Iterator<Item = f64> {
        self.complete.iter().filter_map(|curve| curve.best(self.epochs))
    }

    fn plane(&self, epoch: u32) -> Option<Plane> {
        let pair = |curve: &Curve<'_>| Some((stands(curve, epoch)?, curve.best(self.epochs)?));
        let (early, mut last): (Vec<Vector2<f64>>, Vec<f64>) = self.complete.iter().filter_map(pair).unzip();
        if early.len() < LEAST {
            return None;
        }
        let most = Vector2::from_fn(|at, _| most(early.iter().map(|stands| stands[at])));
        let most_last = self::most(last.iter().copied());
        last.iter_mut().for_each(|loss| *loss = loss.min(most_last));
        Some(Plane::through(&early, &last, most))
    }
}

/// Where a curve stands after an epoch: its best loss, and how much larger that was after half of the epochs.
fn stands(curve: &Curve<'_>, epoch: u32) -> Option<Vector2<f64>> {
    let now = curve.best(epoch).filter(|loss| loss.is_finite())?;
    let before = curve.best(epoch.div_ceil(2)).filter(|loss| loss.is_finite()).unwrap_or(now);
    Some(Vector2::new(now, before - now))
}

/// Where losses that are far above the rest are cut off.
fn most(losses: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = losses.collect();
    sorted.sort_by(f64::total_cmp);
    let (best, median) = (sorted[0], sorted[(sorted.len() - 1) / 2]);
    if median > best { median + REACH * (median - best) } else { sorted[sorted.len() - 1] }
}

#[derive(Debug, Clone, Copy)]
struct Plane {
    count: f64,
    /// Means of where curves stood, and of the losses in the end.
    early: Vector2<f64>,
    last: f64,
    slope: Vector2<f64>,
    /// Inverse of the precision of the slope, relative to the variance about the plane.
    unsure: Matrix2<f64>,
    /// Variance about the plane.
    scatter: f64,
    freedom: f64,
    /// Where curves stand is cut off here.
    most: Vector2<f64>,
}

impl Plane {
    fn through(early: &[Vector2<f64>], last: &[f64], most: Vector2<f64>) -> Self {
        let count = early.len() as f64;
        let early: Vec<Vector2<f64>> = early.iter().map(|stands| stands.inf(&most)).collect();
        let x = early.iter().sum::<Vector2<f64>>() / count;
        let y = last.iter().sum::<f64>() / count;
        let xx: Matrix2<f64> = early.iter().map(|e| (e - x) * (e - x).transpose()).sum();
        let xy: Vector2<f64> = early.iter().zip(last).map(|(e, l)| (e - x) * (l - y)).sum();
        let yy: f64 = last.iter().map(|l| (l - y).powi(2)).sum();
        // Differences stay as they are, whatever the pace.
        let expected = Vector2::new(1.0, 0.0);
        let prior = Matrix2::from_diagonal(&(xx.diagonal() * (SLOPE / count)).add_scalar(TINY));
        let precision = xx + prior;
        let unsure = precision.try_inverse().unwrap_or_else(Matrix2::zeros);
        let slope = unsure * (xy + prior * expected);
        let off = slope - expected;
        let about = yy - 2.0 * slope.dot(&xy) + slope.dot(&(xx * slope)) + off.dot(&(prior * off));
        let freedom = count - 1.0 + SCATTER;
        let scatter = (about.max(0.0) + SCATTER * yy / (count - 1.0)) / freedom;
        Self { count, early: x, last: y, slope, unsure, scatter, freedom, most }
    }

    fn at(&self, stands: Vector2<f64>) -> Forecast {
        let off = stands.inf(&self.most) - self.early;
        let far = off.dot(&(self.unsure * off));
        Forecast {
            mean: self.last + self.slope.dot(&off),
            scale: (self.scatter * (1.0 + 1.0 / self.count + far)).sqrt(),
            freedom: self.freedom,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::snapshot::{CurvePoint, Scores};
    use crate::search::space::Objective;

    fn points(losses: &[f64]) -> Vec<CurvePoint> {
        let point = |(epoch, loss): (u32, &f64)| CurvePoint {
            epoch,
            train_loss: 1.0,
            val_loss: 1.0,
            scores: Scores { seld: Some(*loss), ..Scores::default() },
            seconds: 1.0,
        };
        (1..).zip(losses).map(point).collect()
    }

    /// The forecast for `own` by curves of 4 epochs.
    fn forecast(own: &[f64], curves: &[[f64; 4]]) -> Option<Forecast> {
        let curves: Vec<_> = curves.iter().map(|losses| points(losses)).collect();
        let own = points(own);
        let curve = |points| Curve::new(points, Objective::Seld);
        Forecaster::new(curves.iter().map(|points| curve(points)), 4).forecast(&curve(&own))
    }

    #[test]
    fn follows_a_line_that_the_curves_lie_on() {
        let curves = [1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4].map(|x| [x, 0.9 * x, 0.8 * x, 0.7 * x]);
        let found = forecast(&[1.5, 1.35], &curves).unwrap();
        assert!((found.mean - 1.05).abs() < 0.05 && found.scale < 0.2, "{found:?}");
        let late = forecast(&[1.5, 1.35, 1.2], &curves).unwrap();
        assert!((late.mean - 1.05).abs() < 0.05, "{late:?}");
        assert!(found.chance_below(0.5) < 0.05 && found.chance_below(1.6) > 0.95);
        assert_eq!(forecast(&[1.5], &curves[..2]), None);
        assert_eq!(forecast(&[f64::NAN], &curves), None);
    }

    #[test]
    fn what_says_nothing_leaves_the_spread_of_all() {
        let curves = [(1.0, 0.5), (1.1, 0.1), (1.2, 0.9), (1.3, 0.2), (1.4, 0.8), (1.5, 0.4)]
            .map(|(first, last)| [first, 1.0_f64.min(first), last, last]);
        let found = forecast(&[1.05], &curves).unwrap();
        assert!(found.scale > 0.25 && (found.mean - 0.5).abs() < 0.3, "{found:?}");
    }

    #[test]
    fn of_two_that_stand_equal_the_one_that_falls_faster_comes_further() {
        // A fast fall goes on as fast, from whatever it begins.
        let curves = [
            (2.0, 0.1),
            (2.2, 0.4),
            (2.1, 0.2),
            (2.4, 0.5),
            (1.9, 0.3),
            (2.3, 0.15),
            (2.0, 0.45),
            (2.2, 0.25),
        ]
        .map(|(first, fall)| [first, first - fall, first - 2.0 * fall, first - 3.0 * fall]);
        let (slow, fast) = (forecast(&[2.0, 1.9], &curves).unwrap(), forecast(&[2.3, 1.9], &curves).unwrap());
        assert!(fast.mean < slow.mean - 0.1, "{slow:?} {fast:?}");
    }

    #[test]
    fn one_that_diverged_does_not_bend_the_line() {
        let mut curves = [1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4].map(|x| [x, 0.9 * x, 0.8 * x, 0.7 * x]);
        let before = forecast(&[1.5, 1.35], &curves).unwrap();
        curves[7] = [1e9; 4];
        let after = forecast(&[1.5, 1.35], &curves).unwrap();
        assert!((before.mean - after.mean).abs() < 0.05 && after.scale < 0.3, "{before:?} {after:?}");
        let belief = Forecaster::new(std::iter::empty(), 4).unknown();
        assert_eq!(belief, None);
    }
}
