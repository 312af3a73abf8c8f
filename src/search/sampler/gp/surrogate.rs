//! A Gaussian process over points: a guess of the loss anywhere, and how sure it is.
//!
//! Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006). The covariance of two points is that of a part
//! in which all parameters act together, a product over axes (Matern 5/2 along scales, exponential between kinds), and of
//! parts in which a single one acts by itself (Duvenaud et al., "Additive Gaussian Processes", 2011). The few hours that a
//! search of architectures can pay for show the second before the first.

use nalgebra::{Cholesky, DMatrix, DVector};

use super::observed::Observed;
use super::points::{Axis, Point, distance};
use super::shape::Shape;

const ROOT5: f64 = 2.236_067_977_499_79;
/// How fast the part of a single parameter changes along a scale.
const ALONE: f64 = 1.5;
/// Variances below this are those of a point that is known.
const LEAST: f64 = 1e-10;

/// A process fitted to observations.
#[derive(Debug)]
pub(super) struct Surrogate {
    axes: Vec<Axis>,
    weights: Vec<f64>,
    shares: Vec<f64>,
    points: Vec<Point>,
    inverse: DMatrix<f64>,
    alpha: DVector<f64>,
    variance: f64,
}

impl Surrogate {
    /// The process of this shape given what was observed; `None` when the covariance is singular in this precision.
    pub(super) fn fit(axes: &[Axis], observed: &Observed, shape: &Shape) -> Option<Self> {
        let Observed { points, values, doubts } = observed;
        let weights: Vec<f64> = shape.weights.iter().map(|w| w.exp()).collect();
        let shares: Vec<f64> = shape.shares.iter().map(|s| s.exp()).collect();
        let covariance = DMatrix::from_fn(points.len(), points.len(), |i, j| match i == j {
            true => 1.0 + shares.iter().sum::<f64>() + shape.noise.exp() + doubts[i],
            false => covariance(axes, &weights, &shares, &points[i.max(j)], &points[i.min(j)]),
        });
        let cholesky = Cholesky::new(covariance)?;
        let y = DVector::from_column_slice(values);
        let alpha = cholesky.solve(&y);
        let variance = (y.dot(&alpha) / values.len() as f64).max(LEAST);
        Some(Self {
            axes: axes.to_vec(),
            weights,
            shares,
            points: points.clone(),
            inverse: cholesky.inverse(),
            alpha,
            variance,
        })
    }

    /// Mean and standard deviation of the loss at a point, without the noise of a single run.
    pub(super) fn predict(&self, point: &Point) -> (f64, f64) {
        let to = |other: &Point| covariance(&self.axes, &self.weights, &self.shares, other, point);
        let k = DVector::from_iterator(self.points.len(), self.points.iter().map(to));
        let explained = k.dot(&(&self.inverse * &k));
        let prior = 1.0 + self.shares.iter().sum::<f64>();
        (k.dot(&self.alpha), (self.variance * (prior - explained).max(LEAST)).sqrt())
    }
}

/// Covariance of the losses at two points, relative to the variance of the part in which all parameters act together.
fn covariance(axes: &[Axis], weights: &[f64], shares: &[f64], a: &Point, b: &Point) -> f64 {
    let (mut exponent, mut factor, mut sum) = (0.0, 1.0, 0.0);
    for (at, axis) in axes.iter().enumerate() {
        let distance = distance(*axis, a[at], b[at]);
        sum += shares[at] * alone(*axis, distance);
        match axis {
            Axis::Kind => exponent -= weights[at] * distance,
            Axis::Scale => {
                let r = ROOT5 * weights[at] * distance;
                exponent -= r;
                factor *= 1.0 + r + r * r / 3.0;
            }
        }
    }
    factor * exponent.exp() + sum
}

/// Logarithm of a factor of the product for the weighted distance `r`, and its derivative by the logarithm of the weight.
pub(super) fn together(axis: Axis, r: f64) -> (f64, f64) {
    match axis {
        Axis::Kind => (-r, -r),
        Axis::Scale => {
            let r = ROOT5 * r;
            let polynomial = 1.0 + r + r * r / 3.0;
            (polynomial.ln() - r, -r * r * (1.0 + r) / (3.0 * polynomial))
        }
    }
}

/// Correlation of the part in which a single parameter acts by itself.
pub(super) fn alone(axis: Axis, distance: f64) -> f64 {
    match axis {
        Axis::Kind => 1.0 - distance,
        Axis::Scale => {
            let r = ROOT5 * ALONE * distance;
            (1.0 + r + r * r / 3.0) * (-r).exp()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_it_was_given_and_is_unsure_far_from_it() {
        let axes = [Axis::Kind, Axis::Scale];
        let points = vec![vec![0.0, 0.1], vec![0.0, 0.3], vec![1.0, 0.2], vec![1.0, f64::NAN]];
        let values = vec![-1.0, 0.5, 1.5, -1.0];
        let shape = Shape { weights: vec![0.0, 1.0], shares: vec![-1.0, -1.0], noise: -12.0 };
        let observed = Observed { points, values, doubts: vec![0.0; 4] };
        let surrogate = Surrogate::fit(&axes, &observed, &shape).unwrap();
        for (point, value) in observed.points.iter().zip(&observed.values) {
            let (mean, deviation) = surrogate.predict(point);
            assert!((mean - value).abs() < 1e-3 && deviation < 0.02, "{mean} {deviation}");
        }
        let deviation = |u: f64| surrogate.predict(&vec![0.0, u]).1;
        assert!(deviation(0.2) < deviation(0.5) && deviation(0.5) < deviation(0.9));
    }

    #[test]
    fn the_derivative_of_a_factor_is_that_of_finite_differences() {
        for axis in [Axis::Kind, Axis::Scale] {
            for r in [0.01, 0.5, 3.0_f64] {
                let at = |log: f64| together(axis, log.exp()).0;
                let difference = (at(r.ln() + 1e-6) - at(r.ln() - 1e-6)) / 2e-6;
                assert!((together(axis, r).1 - difference).abs() < 1e-6);
            }
        }
    }
}
