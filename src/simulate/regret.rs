//! What many searches of a table say together.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::replay::Mark;
use super::table::Table;

/// Searches of one setting that had the same budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Regret {
    /// In whole trainings.
    pub budget: u32,
    /// Mean over seeds of how far the best value found is above the optimum, in percent of how far the median is.
    pub percent: f64,
    /// Half of the 95 % interval of that mean (Student's t); `None` for a single seed.
    pub ci95: Option<f64>,
    /// Searches.
    pub seeds: usize,
    /// Mean number of different rows that were begun.
    pub distinct_trials: f64,
}

/// Sums searches of a table up, budget by budget; `searches` have marks for the same budgets.
pub fn summarise(table: &Table, searches: &[Vec<Mark>]) -> Vec<Regret> {
    let budgets = searches.iter().map(Vec::len).min().unwrap_or(0);
    (0..budgets)
        .map(|at| {
            let marks: Vec<&Mark> = searches.iter().map(|marks| &marks[at]).collect();
            let percent: Vec<f64> = marks.iter().map(|mark| percent(table, mark.incumbent)).collect();
            let count = marks.len() as f64;
            Regret {
                budget: marks[0].budget,
                percent: percent.iter().sum::<f64>() / count,
                ci95: half_interval(&percent),
                seeds: marks.len(),
                distinct_trials: marks.iter().map(|mark| mark.distinct as f64).sum::<f64>() / count,
            }
        })
        .collect()
}

/// A value above the optimum, in percent of the median above the optimum.
fn percent(table: &Table, value: f64) -> f64 {
    let span = table.median - table.optimum;
    if span > 0.0 { 100.0 * (value - table.optimum) / span } else { 0.0 }
}

/// Half of the 95 % interval of the mean of `values`.
fn half_interval(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let student = StudentsT::new(0.0, 1.0, count - 1.0).ok().filter(|_| values.len() > 1)?;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some(student.inverse_cdf(0.975) * (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_students_t() {
        assert_eq!(half_interval(&[1.0]), None);
        // Of 1, 2, 3: t = 4.3027, s = 1.
        let half = half_interval(&[1.0, 2.0, 3.0]).unwrap();
        assert!((half - 4.302_653 / 3.0_f64.sqrt()).abs() < 1e-5, "{half}");
    }
}
