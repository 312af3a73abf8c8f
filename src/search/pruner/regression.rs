//! Bayesian linear regression.

use nalgebra::{DMatrix, DVector};

use super::forecast::Forecast;

/// Degrees of freedom that the prior of the scatter counts as, which says that nothing is told by anything.
const SCATTER: f64 = 1.0;
/// Keeps the precision of the slopes from being singular where all features are the same.
const TINY: f64 = 1e-12;

/// What is thought of a feature before anything is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prior {
    /// By how much the target rises with it.
    pub(super) slope: f64,
    /// Observations that this counts as.
    pub(super) weight: f64,
}

/// A line through observations in the space of their features, with conjugate priors: Gelman et al., "Bayesian Data
/// Analysis" (3rd edition, 2013), chapter 14.
#[derive(Debug, Clone)]
pub(super) struct Regression {
    count: f64,
    /// Means of the features and of the target.
    features: DVector<f64>,
    target: f64,
    slope: DVector<f64>,
    /// Inverse of the precision of the slope, relative to the variance about the line.
    unsure: DMatrix<f64>,
    /// Variance about the line.
    scatter: f64,
    freedom: f64,
}

impl Regression {
    /// Through at least two observations. Features that are NaN, as all beyond the end of a shorter row, count as middling.
    pub(super) fn through(rows: &[Vec<f64>], targets: &[f64], priors: &[Prior]) -> Self {
        let (count, width) = (targets.len() as f64, priors.len());
        let means = DVector::from_fn(width, |at, _| mean(rows, at));
        let target = targets.iter().sum::<f64>() / count;
        let rows: Vec<DVector<f64>> = rows.iter().map(|row| off(row, &means)).collect();
        let mut xx = DMatrix::zeros(width, width);
        let mut xy = DVector::zeros(width);
        let mut yy = 0.0;
        for (row, y) in rows.iter().zip(targets) {
            xx.ger(1.0, row, row, 1.0);
            xy.axpy(y - target, row, 1.0);
            yy += (y - target).powi(2);
        }
        let expected = DVector::from_fn(width, |at, _| priors[at].slope);
        let prior = DVector::from_fn(width, |at, _| xx[(at, at)] * priors[at].weight / count + TINY);
        let precision = &xx + DMatrix::from_diagonal(&prior);
        let unsure = precision.try_inverse().unwrap_or_else(|| DMatrix::zeros(width, width));
        let slope = &unsure * (&xy + prior.component_mul(&expected));
        let moved = &slope - &expected;
        let about = yy - 2.0 * slope.dot(&xy) + slope.dot(&(&xx * &slope));
        let about = about + moved.dot(&prior.component_mul(&moved));
        let freedom = count - 1.0 + SCATTER;
        let scatter = (about.max(0.0) + SCATTER * yy / (count - 1.0)) / freedom;
        Self { count, features: means, target, slope, unsure, scatter, freedom }
    }

    /// The belief about an observation with these features.
    pub(super) fn at(&self, row: &[f64]) -> Forecast {
        let off = off(row, &self.features);
        let far = off.dot(&(&self.unsure * &off));
        Forecast {
            mean: self.target + self.slope.dot(&off),
            scale: (self.scatter * (1.0 + 1.0 / self.count + far)).sqrt(),
            freedom: self.freedom,
        }
    }
}

/// The mean of a feature over the rows that have it.
fn mean(rows: &[Vec<f64>], at: usize) -> f64 {
    let known = || rows.iter().filter_map(|row| row.get(at)).filter(|x| !x.is_nan());
    known().sum::<f64>() / known().count().max(1) as f64
}

/// How far features are from their means, 0 where they are not known.
fn off(row: &[f64], means: &DVector<f64>) -> DVector<f64> {
    let known = |at: usize| row.get(at).copied().filter(|x| !x.is_nan());
    DVector::from_fn(means.len(), |at, _| known(at).map_or(0.0, |x| x - means[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Prior = Prior { slope: 0.0, weight: 1.0 };

    #[test]
    fn follows_a_line_and_knows_how_well() {
        let rows: Vec<Vec<f64>> = (0..40).map(|n| vec![f64::from(n % 7), f64::from(n % 5)]).collect();
        let targets: Vec<f64> = rows.iter().map(|row| 2.0 + 0.5 * row[0] - row[1]).collect();
        let line = Regression::through(&rows, &targets, &[NOTHING; 2]);
        let found = line.at(&[6.0, 0.0]);
        assert!((found.mean - 5.0).abs() < 0.3 && found.scale < 0.5, "{found:?}");
        assert!(line.at(&[60.0, 0.0]).scale > found.scale);
    }

    #[test]
    fn of_few_the_prior_says_more() {
        let rows = [vec![0.0], vec![1.0], vec![2.0]];
        let targets = [0.0, 1.0, 2.0];
        let slope = |weight| {
            let line = Regression::through(&rows, &targets, &[Prior { slope: 0.0, weight }]);
            line.at(&[2.0]).mean - line.at(&[1.0]).mean
        };
        assert!(
            (slope(0.0) - 1.0).abs() < 1e-6 && (slope(3.0) - 0.5).abs() < 1e-6,
            "{} {}",
            slope(0.0),
            slope(3.0)
        );
    }

    #[test]
    fn what_is_not_known_is_middling() {
        let rows = [vec![0.0, 0.0], vec![1.0, 1.0], vec![2.0], vec![3.0, f64::NAN]];
        let line = Regression::through(&rows, &[0.0, 1.0, 2.0, 3.0], &[NOTHING; 2]);
        assert_eq!(line.at(&[1.5, f64::NAN]), line.at(&[1.5, 0.5]));
        assert_eq!(line.at(&[1.5]), line.at(&[1.5, 0.5]));
        let same = Regression::through(&[vec![1.0], vec![1.0]], &[1.0, 2.0], &[NOTHING]);
        assert!((same.at(&[5.0]).mean - 1.5).abs() < 1e-9);
    }
}
