//! Least-cost assignment of predicted to reference events.

use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;

use super::coordinates::{Coordinates, Point};
use crate::seld::doa::Direction;

/// One reference event and the prediction that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Matched {
    /// Position in the reference.
    pub(crate) reference: usize,
    /// Position in the prediction.
    pub(crate) prediction: usize,
    /// Angle between the two in degrees.
    pub(crate) angle_deg: f64,
}

/// Angles are compared in whole billionths of a degree: sums of whole numbers are exact, so the assignment is
/// the same on every platform.
const STEPS_PER_DEGREE: f64 = 1e9;
/// Up to this many events on the longer side all ways to choose are tried: at most 120, and usually 2 or 6.
const MOST_TRIED: usize = 5;

/// Matches events frame by frame; keeps its memory from one to the next.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    coordinates: Coordinates,
    reference: Vec<Point>,
    prediction: Vec<Point>,
    /// Angles of the shorter side to the longer one, row-major.
    angles_deg: Vec<f64>,
    /// The same in whole steps.
    costs: Vec<i64>,
    pairs: Vec<Matched>,
}

impl Matcher {
    pub(crate) fn new(coordinates: Coordinates) -> Self {
        Self {
            coordinates,
            reference: Vec::new(),
            prediction: Vec::new(),
            angles_deg: Vec::new(),
            costs: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// The pairs of least total angle, as many as the shorter side has events, in the order of that side. Among
    /// equals the first predictions go to the first references, where neither side has more than [`MOST_TRIED`]
    /// events.
    pub(crate) fn least_angle(
        &mut self,
        reference: impl Iterator<Item = Direction>,
        prediction: impl Iterator<Item = Direction>,
    ) -> &[Matched] {
        self.reference.clear();
        self.reference.extend(reference.map(|direction| self.coordinates.point(direction)));
        self.prediction.clear();
        self.prediction.extend(prediction.map(|direction| self.coordinates.point(direction)));
        self.pairs.clear();
        match (self.reference.len(), self.prediction.len()) {
            (0, _) | (_, 0) => {}
            (1, 1) => {
                let angle_deg = self.angle_deg(0, 0);
                self.pairs.push(Matched { reference: 0, prediction: 0, angle_deg });
            }
            (rows, columns) if rows <= columns => self.assign(rows, columns, |row, column| (row, column)),
            (columns, rows) => self.assign(rows, columns, |row, column| (column, row)),
        }
        &self.pairs
    }

    fn angle_deg(&self, reference: usize, prediction: usize) -> f64 {
        self.coordinates.between_deg(self.reference[reference], self.prediction[prediction])
    }

    /// `indices` turns a row and a column into positions in reference and prediction.
    fn assign(&mut self, rows: usize, columns: usize, indices: impl Fn(usize, usize) -> (usize, usize)) {
        self.angles_deg.clear();
        for row in 0..rows {
            for column in 0..columns {
                let (reference, prediction) = indices(row, column);
                self.angles_deg.push(self.angle_deg(reference, prediction));
            }
        }
        self.costs.clear();
        self.costs
            .extend(self.angles_deg.iter().map(|angle_deg| (angle_deg * STEPS_PER_DEGREE).round() as i64));
        let angles_deg = &self.angles_deg;
        let pair = |(row, column): (usize, usize)| {
            let (reference, prediction) = indices(row, column);
            Matched { reference, prediction, angle_deg: angles_deg[row * columns + column] }
        };
        if columns <= MOST_TRIED {
            let mut search = Search { costs: &self.costs, rows, columns, ..Search::default() };
            search.try_from_row(0, 0, 0);
            self.pairs.extend(search.best.into_iter().take(rows).enumerate().map(pair));
        } else {
            let costs = Matrix::from_fn(rows, columns, |(row, column)| self.costs[row * columns + column]);
            self.pairs.extend(kuhn_munkres_min(&costs).1.into_iter().enumerate().map(pair));
        }
    }
}

/// All ways to give each row a column of its own, in order, with the cheapest of them.
#[derive(Default)]
struct Search<'a> {
    costs: &'a [i64],
    rows: usize,
    columns: usize,
    chosen: [usize; MOST_TRIED],
    best: [usize; MOST_TRIED],
    best_total: Option<i64>,
}

impl Search<'_> {
    fn try_from_row(&mut self, row: usize, used: u32, total: i64) {
        if self.best_total.is_some_and(|best| total >= best) {
            return;
        }
        if row == self.rows {
            self.best_total = Some(total);
            self.best = self.chosen;
            return;
        }
        for column in (0..self.columns).filter(|column| used & (1 << column) == 0) {
            self.chosen[row] = column;
            self.try_from_row(row + 1, used | 1 << column, total + self.costs[row * self.columns + column]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn directions(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Direction>> {
        let direction = (-180.0f64..180.0, -90.0f64..90.0)
            .prop_map(|(azimuth_deg, elevation_deg)| Direction { azimuth_deg, elevation_deg });
        prop::collection::vec(direction, count)
    }

    /// Least total over all ways to choose, by trying all.
    fn brute_force(rows: &[Direction], columns: &[Direction], used: u32) -> f64 {
        let Some((first, rest)) = rows.split_first() else { return 0.0 };
        let free = (0..columns.len()).filter(|c| used & (1 << c) == 0);
        let total = |c: usize| first.angle_to(columns[c]) + brute_force(rest, columns, used | (1 << c));
        free.map(total).fold(f64::INFINITY, f64::min)
    }

    proptest! {
        #[test]
        fn total_is_the_least_and_no_event_is_used_twice(a in directions(0..7), b in directions(0..7)) {
            let mut matcher = Matcher::new(Coordinates::Polar);
            let pairs = matcher.least_angle(a.iter().copied(), b.iter().copied());
            prop_assert_eq!(pairs.len(), a.len().min(b.len()));
            let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
            let total: f64 = pairs.iter().map(|pair| pair.angle_deg).sum();
            prop_assert!((total - brute_force(short, long, 0)).abs() < 1e-5);
            for pair in pairs {
                prop_assert!((pair.angle_deg - a[pair.reference].angle_to(b[pair.prediction])).abs() < 1e-5);
            }
            for side in [|pair: &Matched| pair.reference, |pair: &Matched| pair.prediction] {
                let distinct: std::collections::BTreeSet<_> = pairs.iter().map(side).collect();
                prop_assert_eq!(distinct.len(), pairs.len());
            }
        }
    }

    #[test]
    fn among_equals_the_first_are_paired_first() {
        let at = |azimuth_deg| Direction { azimuth_deg, elevation_deg: 0.0 };
        let mut matcher = Matcher::new(Coordinates::Polar);
        let mut of = |reference: &[f64], prediction: &[f64]| {
            let (reference, prediction) = (reference.iter().copied(), prediction.iter().copied());
            let pairs = matcher.least_angle(reference.map(at), prediction.map(at));
            pairs.iter().map(|pair| (pair.reference, pair.prediction)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[10.0, 10.0], &[15.0, 12.0]), [(0, 0), (1, 1)]);
        assert_eq!(of(&[10.0, 10.0], &[15.0]), [(0, 0)]);
        assert_eq!(of(&[10.0], &[5.0, 15.0]), [(0, 0)]);
    }
}
