//! What a process is fitted to.

use super::super::Observation;
use super::points::{Point, place};
use crate::search::space::ParameterSpace;

/// How much more a doubt counts than its square: by about as much the variance of a whole loss, which is 1, is larger than
/// that of the part of it in which all parameters act together.
const DOUBT: f64 = 3.0;

/// Points with their losses.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    pub(super) points: Vec<Point>,
    /// In units in which all losses of the history have mean 0 and variance 1.
    pub(super) values: Vec<f64>,
    /// Variances of the values that are guesses, relative to that of the part in which all parameters act together.
    pub(super) doubts: Vec<f64>,
}

impl Observed {
    /// Those of the history at `places`.
    pub(super) fn of(
        space: &ParameterSpace,
        history: &[Observation<'_>],
        losses: &[f64],
        doubts: &[f64],
        places: &[usize],
    ) -> Self {
        Self {
            points: places.iter().map(|at| place(space, history[*at].assignment)).collect(),
            values: places.iter().map(|at| losses[*at]).collect(),
            doubts: places.iter().map(|at| DOUBT * doubts[*at].powi(2)).collect(),
        }
    }

    /// Whether both are the same; absence is equal to itself.
    pub(super) fn is(&self, other: &Self) -> bool {
        let bits = |points: &[Point]| points.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
        self.values == other.values
            && self.doubts == other.doubts
            && bits(&self.points) == bits(&other.points)
    }
}
