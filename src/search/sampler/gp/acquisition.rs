//! Which candidate promises most.

use rand::Rng;
use statrs::function::erf::erfc;

use super::super::neighbour::neighbours;
use super::super::{Request, random};
use super::points::place;
use super::surrogate::Surrogate;
use crate::search::snapshot::Assignment;

/// The best candidates so far, whose neighbours are looked at.
const INCUMBENTS: usize = 3;
/// The most promising candidates, each of which is improved.
const CLIMBERS: usize = 4;
/// Steps that each of them takes at most.
const CLIMB: usize = 12;

/// A search for the candidate with the largest expected improvement.
pub(super) struct Acquisition<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) surrogate: Surrogate,
    /// The best loss so far.
    pub(super) best: f64,
}

impl Acquisition<'_> {
    /// The best of `candidates` draws and the neighbours of the best so far, improved one parameter at a time; one that is
    /// not known, unless none was found. `losses` are those of the history.
    pub(super) fn most_promising(&self, losses: &[f64], candidates: usize, rng: &mut dyn Rng) -> Assignment {
        let Request { space, attempt, .. } = *self.request;
        let history = self.request.history.all();
        let mut pool: Vec<Assignment> = (0..candidates.max(1)).map(|_| random::draw(space, rng)).collect();
        let mut order: Vec<usize> = (0..losses.len()).collect();
        let by_loss = |a: &usize, b: &usize| losses[*a].total_cmp(&losses[*b]).then(a.cmp(b));
        if order.len() > INCUMBENTS {
            order.select_nth_unstable_by(INCUMBENTS, by_loss);
            order.truncate(INCUMBENTS);
        }
        order.sort_by(by_loss);
        for at in order {
            pool.extend(neighbours(space, history[at].assignment, rng));
        }
        let mut found: Vec<(f64, Assignment)> = pool.into_iter().map(|a| (self.promise(&a), a)).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        for at in 0..CLIMBERS.min(found.len()) {
            let mut top = found[at].clone();
            for _ in 0..CLIMB {
                let around = neighbours(space, &top.1, rng).into_iter().map(|a| (self.promise(&a), a));
                match around.max_by(|a, b| a.0.total_cmp(&b.0)) {
                    Some(better) if better.0 > top.0 => {
                        top = better;
                        found.push(top.clone());
                    }
                    _ => break,
                }
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.dedup_by(|a, b| a.1 == b.1);
        let is_new = |assignment: &Assignment| history.iter().all(|o| o.assignment != assignment);
        let new = found.iter().filter(|(_, assignment)| is_new(assignment)).nth(attempt);
        new.map_or_else(|| random::draw(space, rng), |(_, assignment)| assignment.clone())
    }

    fn promise(&self, assignment: &Assignment) -> f64 {
        let (mean, deviation) = self.surrogate.predict(&place(self.request.space, assignment));
        log_expected_improvement(mean, deviation, self.best)
    }
}

/// Logarithm of the expected improvement of a loss over `best`, for a normal belief about it: finite also where the
/// improvement itself is too small for a number (Ament et al., "Unexpected Improvements to Expected Improvement for
/// Bayesian Optimization", 2023).
fn log_expected_improvement(mean: f64, deviation: f64, best: f64) -> f64 {
    let z = (best - mean) / deviation;
    let log_density = -0.5 * (z * z + std::f64::consts::TAU.ln());
    let log_gain = if z > -5.0 {
        let cumulative = 0.5 * erfc(-z / std::f64::consts::SQRT_2);
        (log_density.exp() + z * cumulative).ln()
    } else {
        // phi(z) + z Phi(z) = phi(z) / z^2 (1 - 3 / z^2 + 15 / z^4 - ...)
        let square = 1.0 / (z * z);
        log_density + (square * (1.0 - 3.0 * square + 15.0 * square * square)).ln()
    };
    log_gain + deviation.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_improvement_is_the_integral() {
        for (mean, deviation, best) in [(0.0, 1.0, 0.0), (1.0, 0.5, 0.2), (-1.0, 2.0, 0.5), (3.0, 1.0, 0.0)] {
            let steps = 200_000;
            let width = 24.0 / f64::from(steps);
            let sum: f64 = (0..steps)
                .map(|step| {
                    let z = -12.0 + (f64::from(step) + 0.5) * width;
                    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
                    (best - (mean + deviation * z)).max(0.0) * density * width
                })
                .sum();
            let found = log_expected_improvement(mean, deviation, best);
            assert!((found - sum.ln()).abs() < 1e-6, "{found} {}", sum.ln());
        }
    }

    #[test]
    fn far_from_any_improvement_it_is_finite_and_falls_steadily() {
        let at = |mean: f64| log_expected_improvement(mean, 1.0, 0.0);
        let all: Vec<f64> = (0..200).map(|step| at(0.1 * f64::from(step))).collect();
        assert!(all.iter().all(|value| value.is_finite()));
        assert!(all.is_sorted_by(|a, b| a > b));
        assert!(at(100.0).is_finite());
    }
}
