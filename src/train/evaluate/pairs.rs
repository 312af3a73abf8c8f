//! Which prediction belongs to which label.

use std::cmp::Ordering;

use crate::seld::event::FrameEvent;
use crate::seld::metric::{Coordinates, Matched, Matcher};

/// Pairs of a reference and a prediction of the same class in the same frame, by their places in the slices: as many
/// as the shorter side has, of least total angle, as the DCASE metrics pair them. In the order of frames and classes.
pub(super) fn pairs(
    references: &[FrameEvent],
    predictions: &[FrameEvent],
    coordinates: Coordinates,
) -> Vec<Matched> {
    let key = |event: &FrameEvent| (event.frame, event.class);
    let sorted = |events: &[FrameEvent]| {
        let mut rows: Vec<usize> = (0..events.len()).collect();
        rows.sort_by_key(|&row| key(&events[row]));
        rows
    };
    let (mut there, mut found) = (&*sorted(references), &*sorted(predictions));
    let mut matcher = Matcher::new(coordinates);
    let mut pairs = Vec::new();
    while let (Some(&reference), Some(&prediction)) = (there.first(), found.first()) {
        let (own, other) = (key(&references[reference]), key(&predictions[prediction]));
        let least = own.min(other);
        let own_rows = take(&mut there, |row| key(&references[row]) == least);
        let other_rows = take(&mut found, |row| key(&predictions[row]) == least);
        if own.cmp(&other) != Ordering::Equal {
            continue;
        }
        let matched = matcher.least_angle(
            own_rows.iter().map(|&row| references[row].direction),
            other_rows.iter().map(|&row| predictions[row].direction),
        );
        pairs.extend(matched.iter().map(|pair| Matched {
            reference: own_rows[pair.reference],
            prediction: other_rows[pair.prediction],
            angle_deg: pair.angle_deg,
        }));
    }
    pairs
}

/// Takes the rows off the front for which `belongs` holds.
fn take<'a>(rows: &mut &'a [usize], belongs: impl Fn(usize) -> bool) -> &'a [usize] {
    let count = rows.iter().take_while(|&&row| belongs(row)).count();
    let (taken, rest) = rows.split_at(count);
    *rows = rest;
    taken
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{event, events};
    use super::*;

    #[test]
    fn frames_and_classes_are_apart_and_the_nearest_are_together() {
        let references = [event(3, 0, 0.0), event(1, 0, 0.0), event(1, 0, 90.0), event(1, 1, 10.0)];
        let predictions = [event(1, 0, 80.0), event(1, 1, 180.0), event(2, 0, 0.0), event(3, 1, 0.0)];
        let found = pairs(&references, &predictions, Coordinates::Polar);
        let found: Vec<_> = found.iter().map(|p| (p.reference, p.prediction, p.angle_deg.round())).collect();
        assert_eq!(found, [(2, 0, 10.0), (3, 1, 170.0)]);
    }

    proptest! {
        #[test]
        fn as_many_as_there_can_be_and_each_event_once(references in events(), predictions in events()) {
            let found = pairs(&references, &predictions, Coordinates::Polar);
            let number = |events: &[FrameEvent], frame, class| {
                events.iter().filter(|e| (e.frame, e.class) == (frame, class)).count()
            };
            let cells = (0..35).flat_map(|frame| (0..4).map(move |class| (frame, class)));
            let most: usize =
                cells.map(|(f, c)| number(&references, f, c).min(number(&predictions, f, c))).sum();
            prop_assert_eq!(found.len(), most);
            for side in [|pair: &Matched| pair.reference, |pair: &Matched| pair.prediction] {
                let distinct: std::collections::BTreeSet<_> = found.iter().map(side).collect();
                prop_assert_eq!(distinct.len(), found.len());
            }
        }
    }
}
