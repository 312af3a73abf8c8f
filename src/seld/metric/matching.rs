//! Least-cost assignment of predicted to reference events.

use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;

use super::Coordinates;
use crate::seld::doa::Direction;

/// One reference event and the prediction that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    /// Position in the reference.
    pub(super) reference: usize,
    /// Position in the prediction.
    pub(super) prediction: usize,
    /// Angle between the two in degrees.
    pub(super) angle_deg: f64,
}

/// Angles are compared in whole billionths of a degree: sums of whole numbers are exact, so the assignment is
/// the same on every platform.
const STEPS_PER_DEGREE: f64 = 1e9;

/// The pairs of least total angle, as many as the shorter side has events, in the order of that side.
pub(super) fn least_angle(
    reference: &[Direction],
    prediction: &[Direction],
    coordinates: Coordinates,
) -> Vec<Pair> {
    let pair = |reference_index: usize, prediction_index: usize| Pair {
        reference: reference_index,
        prediction: prediction_index,
        angle_deg: coordinates.angle_deg(reference[reference_index], prediction[prediction_index]),
    };
    match (reference.len(), prediction.len()) {
        (0, _) | (_, 0) => Vec::new(),
        (1, 1) => vec![pair(0, 0)],
        (rows, columns) => {
            let cost = |pair: Pair| (pair.angle_deg * STEPS_PER_DEGREE).round() as i64;
            // The algorithm wants at least as many columns as rows.
            if rows <= columns {
                let costs = Matrix::from_fn(rows, columns, |(r, p)| cost(pair(r, p)));
                kuhn_munkres_min(&costs).1.into_iter().enumerate().map(|(r, p)| pair(r, p)).collect()
            } else {
                let costs = Matrix::from_fn(columns, rows, |(p, r)| cost(pair(r, p)));
                kuhn_munkres_min(&costs).1.into_iter().enumerate().map(|(p, r)| pair(r, p)).collect()
            }
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
        fn total_is_the_least_and_no_event_is_used_twice(a in directions(0..5), b in directions(0..5)) {
            let pairs = least_angle(&a, &b, Coordinates::Polar);
            prop_assert_eq!(pairs.len(), a.len().min(b.len()));
            let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
            let total: f64 = pairs.iter().map(|pair| pair.angle_deg).sum();
            prop_assert!((total - brute_force(short, long, 0)).abs() < 1e-6);
            for side in [|pair: &Pair| pair.reference, |pair: &Pair| pair.prediction] {
                let distinct: std::collections::BTreeSet<_> = pairs.iter().map(side).collect();
                prop_assert_eq!(distinct.len(), pairs.len());
            }
        }
    }
}
