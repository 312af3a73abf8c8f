//! Assignments as points: one coordinate for each parameter of a space, and how far two of them are apart.

use crate::search::snapshot::Assignment;
use crate::search::space::{Parameter, ParameterSpace};

/// How far a parameter that takes part is from one that does not, in the units of its scale.
const ABSENCE: f64 = 0.5;
/// How much of the distance between choices follows from their order: people list them from small to large more often than
/// not, and where they do not, the rest keeps them apart.
const ORDER: f64 = 0.5;

/// How values of a parameter are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// As kinds, which are the same or not.
    Kind,
    /// By their distance on a scale.
    Scale,
}

/// A place in [0, 1] for each parameter, in the order of the space; NaN where it takes no part.
pub(super) type Point = Vec<f64>;

/// How each parameter of a space is compared.
pub(super) fn axes(space: &ParameterSpace) -> Vec<Axis> {
    let axis = |parameter: &Parameter| match parameter.domain.is_scale() {
        true => Axis::Scale,
        false => Axis::Kind,
    };
    space.parameters().iter().map(axis).collect()
}

/// The point of an assignment. What is not of a parameter's domain counts as absent.
pub(super) fn place(space: &ParameterSpace, assignment: &Assignment) -> Point {
    let coordinate = |parameter: &Parameter| parameter.domain.place(assignment.get(&parameter.key)?);
    space.parameters().iter().map(|parameter| coordinate(parameter).unwrap_or(f64::NAN)).collect()
}

/// How far two points are apart along an axis; at most 1 between values that take part.
pub(super) fn distance(axis: Axis, a: f64, b: f64) -> f64 {
    match (axis, a.is_nan(), b.is_nan()) {
        (_, true, true) => 0.0,
        (Axis::Kind, false, false) if a == b => 0.0,
        (Axis::Kind, false, false) => (1.0 - ORDER) + ORDER * (a - b).abs(),
        (Axis::Kind, ..) => 1.0,
        (Axis::Scale, false, false) => (a - b).abs(),
        // Absence lies beside the middle of the scale, so that distances stay those of a plane.
        (Axis::Scale, true, false) => ABSENCE.hypot(b - 0.5),
        (Axis::Scale, false, true) => ABSENCE.hypot(a - 0.5),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::search::space::Domain;

    #[test]
    fn numbers_are_on_a_scale_and_kinds_apart_wherever_they_stand() {
        let parameter = |key: &str, domain| Parameter { key: key.into(), domain, when: Vec::new() };
        let space = ParameterSpace::new(vec![
            parameter("a", Domain::Choice(vec![json!("x"), json!("y"), json!("z")])),
            parameter("b", Domain::Choice(vec![json!(64), json!(16), json!(32)])),
            parameter("c", Domain::Float { low: 1.0, high: 100.0, log: true }),
        ])
        .unwrap();
        assert_eq!(axes(&space), [Axis::Kind, Axis::Scale, Axis::Scale]);
        let assignment = [("a", json!("y")), ("b", json!(64)), ("c", json!(10.0))];
        let point = place(&space, &assignment.map(|(key, value)| (key.to_owned(), value)).into());
        assert_eq!(point, [0.5, 1.0, 0.5]);
        let nowhere = place(&space, &[("a".to_owned(), json!("w"))].into());
        assert!(nowhere.iter().all(|x| x.is_nan()));
        assert_eq!(distance(Axis::Kind, 0.0, 0.0), 0.0);
        assert!(distance(Axis::Kind, 0.0, 0.5) > 0.5 && distance(Axis::Kind, 0.0, 1.0) == 1.0);
        assert_eq!(distance(Axis::Scale, f64::NAN, f64::NAN), 0.0);
        assert!(distance(Axis::Scale, f64::NAN, 0.5) > 0.0);
    }
}
