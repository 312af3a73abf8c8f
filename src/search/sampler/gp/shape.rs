//! The shape of a process: how fast the loss changes along each axis, how much of it one parameter decides alone, how noisy
//! it is. The most probable one given observations and a prior.

use nalgebra::{Cholesky, DMatrix, DVector};

use super::observed::Observed;
use super::points::{Axis, distance};
use super::surrogate::{alone, together};

/// Steps of the search for the most probable shape.
const STEPS: usize = 30;
/// Standard deviations of the priors of the logarithms of a weight and of a share.
const SPREAD: (f64, f64) = (1.2, 1.5);
/// Variance of all parts of single parameters together, relative to that of the product, before anything is known.
const SHARES: f64 = 2.0;
/// Mean and standard deviation of the prior of the logarithm of the noise.
const NOISE: (f64, f64) = (-5.0, 2.0);

/// All as logarithms.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    /// One for each axis: its inverse length.
    pub(super) weights: Vec<f64>,
    /// One for each axis: variance of what it decides alone, relative to that of the product.
    pub(super) shares: Vec<f64>,
    /// Variance of the noise, relative to that of the product.
    pub(super) noise: f64,
}

/// A normal prior.
#[derive(Debug, Clone, Copy)]
struct Prior {
    mean: f64,
    spread: f64,
}

impl Prior {
    /// Log density up to a constant, and its derivative.
    fn at(self, x: f64) -> (f64, f64) {
        let slope = (self.mean - x) / (self.spread * self.spread);
        (0.5 * (x - self.mean) * slope, slope)
    }
}

/// With more axes, each says less (Hvarfner et al., "Vanilla Bayesian Optimization Performs Great in High Dimensions",
/// 2024).
fn weight_prior(axis: Axis, axes: usize) -> Prior {
    let mean = -0.5 * (axes as f64).ln();
    match axis {
        Axis::Kind => Prior { mean, spread: SPREAD.0 },
        Axis::Scale => Prior { mean: mean + 0.7, spread: SPREAD.0 },
    }
}

fn share_prior(axes: usize) -> Prior {
    Prior { mean: (SHARES / axes as f64).ln(), spread: SPREAD.1 }
}

const NOISE_PRIOR: Prior = Prior { mean: NOISE.0, spread: NOISE.1 };

impl Shape {
    /// The most probable shape given what was observed.
    ///
    /// By resilient steps (iRprop-, Igel and Huesken 2003), which need neither a line search nor a scale.
    pub(super) fn most_probable(axes: &[Axis], observed: &Observed) -> Self {
        let pairs = Pairs::of(axes, observed);
        let mut shape = Self {
            weights: axes.iter().map(|axis| weight_prior(*axis, axes.len()).mean).collect(),
            shares: vec![share_prior(axes.len()).mean; axes.len()],
            noise: NOISE.0,
        };
        let mut best: Option<(f64, Self)> = None;
        let mut steps = vec![0.3_f64; 2 * axes.len() + 1];
        let mut before = vec![0.0; steps.len()];
        for _ in 0..STEPS {
            let Some((posterior, mut gradient)) = pairs.posterior(&shape) else { break };
            if best.as_ref().is_none_or(|(most, _)| posterior > *most) {
                best = Some((posterior, shape.clone()));
            }
            for (at, slope) in gradient.iter_mut().enumerate() {
                let agreement = *slope * before[at];
                if agreement > 0.0 {
                    steps[at] = (steps[at] * 1.2).min(1.0);
                } else if agreement < 0.0 {
                    steps[at] = (steps[at] * 0.5).max(1e-3);
                    *slope = 0.0;
                }
                if *slope != 0.0 {
                    shape.step(at, slope.signum() * steps[at]);
                }
            }
            before = gradient;
        }
        best.map_or(shape, |(_, best)| best)
    }

    /// Moves the coordinate `at` of weights, shares and noise, within what the numbers can bear.
    fn step(&mut self, at: usize, step: f64) {
        let axes = self.weights.len();
        let (coordinate, low, high) = match at {
            at if at < axes => (&mut self.weights[at], -6.0, 5.0),
            at if at < 2 * axes => (&mut self.shares[at - axes], -9.0, 5.0),
            _ => (&mut self.noise, -12.0, 1.0),
        };
        *coordinate = (*coordinate + step).clamp(low, high);
    }
}

/// All pairs of observations.
struct Pairs<'a> {
    axes: &'a [Axis],
    values: DVector<f64>,
    doubts: &'a [f64],
    /// For every axis the distances of the pairs (i, j) with j < i, row by row.
    distances: Vec<Vec<f64>>,
    /// The same for the correlation of the part that this axis decides alone.
    alone: Vec<Vec<f64>>,
}

impl<'a> Pairs<'a> {
    fn of(axes: &'a [Axis], observed: &'a Observed) -> Self {
        let Observed { points, values, doubts } = observed;
        let along = |(at, axis): (usize, &Axis)| -> Vec<f64> {
            let pairs =
                points.iter().enumerate().flat_map(|(i, a)| points[..i].iter().map(move |b| (a[at], b[at])));
            pairs.map(|(a, b)| distance(*axis, a, b)).collect()
        };
        let distances: Vec<Vec<f64>> = axes.iter().enumerate().map(along).collect();
        let alone = |(axis, along): (&Axis, &Vec<f64>)| along.iter().map(|d| alone(*axis, *d)).collect();
        let alone = axes.iter().zip(&distances).map(alone).collect();
        Self { axes, values: DVector::from_column_slice(values), doubts, distances, alone }
    }

    /// Log posterior of a shape up to a constant, and its gradient by weights, shares and noise. The variance of the
    /// product is the most probable one. `None` when the covariance is singular in this precision.
    fn posterior(&self, shape: &Shape) -> Option<(f64, Vec<f64>)> {
        let (product, slopes) = self.product(shape);
        let mut covariance = product.clone();
        for (share, alone) in shape.shares.iter().zip(&self.alone) {
            let share = share.exp();
            covariance.iter_mut().zip(alone).for_each(|(sum, alone)| *sum += share * alone);
        }
        let noise = shape.noise.exp();
        let diagonal = 1.0 + shape.shares.iter().map(|s| s.exp()).sum::<f64>() + noise;
        let cholesky = Cholesky::new(self.matrix(&covariance, diagonal))?;
        let alpha = cholesky.solve(&self.values);
        let count = self.values.len() as f64;
        let fit = self.values.dot(&alpha).max(1e-12);
        let determinant: f64 = cholesky.l_dirty().diagonal().iter().map(|d| d.ln()).sum();
        let inverse = cholesky.inverse();
        // The derivative by an entry of the covariance, of the pairs twice because it is symmetric.
        let by_entry = |i: usize, j: usize| 0.5 * count * alpha[i] * alpha[j] / fit - 0.5 * inverse[(i, j)];
        let by_pair: Vec<f64> = (0..self.values.len())
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| 2.0 * by_entry(i, j))
            .collect();
        let by_diagonal: f64 = (0..self.values.len()).map(|i| by_entry(i, i)).sum();
        let mut posterior = -0.5 * count * (fit / count).ln() - determinant;
        let mut gradient = Vec::with_capacity(2 * self.axes.len() + 1);
        let mut add = |slope: f64, (log_prior, prior_slope): (f64, f64)| {
            posterior += log_prior;
            gradient.push(slope + prior_slope);
        };
        let axes = self.axes.len();
        for ((slope, weight), axis) in slopes.iter().zip(&shape.weights).zip(self.axes) {
            let change =
                by_pair.iter().zip(&product).zip(slope).map(|((by, product), slope)| by * product * slope);
            add(change.sum(), weight_prior(*axis, axes).at(*weight));
        }
        for (alone, share) in self.alone.iter().zip(&shape.shares) {
            let change: f64 = by_pair.iter().zip(alone).map(|(by, alone)| by * alone).sum();
            add(share.exp() * (change + by_diagonal), share_prior(axes).at(*share));
        }
        add(noise * by_diagonal, NOISE_PRIOR.at(shape.noise));
        Some((posterior, gradient))
    }

    /// The product over axes for every pair, and for every axis the derivatives of its logarithm by that of the weight.
    fn product(&self, shape: &Shape) -> (Vec<f64>, Vec<Vec<f64>>) {
        let pairs = self.values.len() * self.values.len().saturating_sub(1) / 2;
        let mut product = vec![0.0; pairs];
        let mut slopes = Vec::with_capacity(self.axes.len());
        for ((axis, weight), distances) in self.axes.iter().zip(&shape.weights).zip(&self.distances) {
            let weight = weight.exp();
            let mut slope = vec![0.0; pairs];
            for ((total, slope), distance) in product.iter_mut().zip(&mut slope).zip(distances) {
                let (logarithm, by_weight) = together(*axis, weight * distance);
                *total += logarithm;
                *slope = by_weight;
            }
            slopes.push(slope);
        }
        product.iter_mut().for_each(|logarithm| *logarithm = logarithm.exp());
        (product, slopes)
    }

    /// A symmetric matrix of entries of the pairs, and on the diagonal what is the same everywhere and the doubts.
    fn matrix(&self, pairs: &[f64], diagonal: f64) -> DMatrix<f64> {
        let count = self.values.len();
        let mut matrix = DMatrix::from_diagonal_element(count, count, diagonal);
        self.doubts.iter().enumerate().for_each(|(i, doubt)| matrix[(i, i)] += doubt);
        let mut pairs = pairs.iter();
        for i in 0..count {
            for (j, value) in (0..i).zip(&mut pairs) {
                matrix[(i, j)] = *value;
                matrix[(j, i)] = *value;
            }
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn observed(count: usize) -> (Vec<Axis>, Observed) {
        let axes = vec![Axis::Kind, Axis::Scale, Axis::Scale];
        let mut rng = crate::rng::stream(1, &["shape"]);
        let mut points: Vec<Vec<f64>> = (0..count)
            .map(|_| vec![f64::from(rng.random_range(0..3_u8)) / 2.0, rng.random(), rng.random()])
            .collect();
        points[0][2] = f64::NAN;
        let values = points.iter().map(|p| 3.0 * (p[1] - 0.3).powi(2) + p[0] - 0.5).collect();
        let doubts = (0..count).map(|at| if at % 3 == 0 { 0.2 } else { 0.0 }).collect();
        (axes, Observed { points, values, doubts })
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let (axes, observed) = observed(12);
        let pairs = Pairs::of(&axes, &observed);
        let shape = Shape { weights: vec![0.3, -0.4, 1.1], shares: vec![-0.5, 0.2, -1.5], noise: -2.0 };
        let (_, gradient) = pairs.posterior(&shape).unwrap();
        for (at, slope) in gradient.iter().enumerate() {
            let at_step = |step: f64| {
                let mut moved = shape.clone();
                moved.step(at, step);
                pairs.posterior(&moved).unwrap().0
            };
            let difference = (at_step(1e-5) - at_step(-1e-5)) / 2e-5;
            assert!((slope - difference).abs() < 1e-5 * (1.0 + slope.abs()), "{at}: {slope} {difference}");
        }
    }

    #[test]
    fn an_axis_that_says_nothing_weighs_less_than_one_that_decides() {
        let (axes, observed) = observed(40);
        let shape = Shape::most_probable(&axes, &observed);
        let pairs = Pairs::of(&axes, &observed);
        let start = Shape { weights: vec![0.0; 3], shares: vec![0.0; 3], noise: NOISE.0 };
        assert!(pairs.posterior(&shape).unwrap().0 > pairs.posterior(&start).unwrap().0);
        let says = |axis: usize| shape.weights[axis].exp() + shape.shares[axis].exp();
        assert!(says(1) > says(2), "{shape:?}");
    }
}
