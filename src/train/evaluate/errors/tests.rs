use proptest::prelude::*;

use super::super::testing::{event, events, heard};
use super::super::truth::Truth;
use super::*;
use crate::seld::metric::Metric;

fn options() -> Options {
    Options::official(Metric::Dcase2023)
}

fn breakdown(labels: &[FrameEvent], found: &[FrameEvent]) -> ErrorBreakdown {
    let truth = Truth::new(labels, 35, None);
    let mut tally = ErrorTally::new(4, options());
    tally.add(&heard(&truth, found, &[]));
    tally.finish(&["a", "b", "c", "d"].map(String::from))
}

/// References and predictions, and what becomes of each.
type Case<'a> = (&'a [FrameEvent], &'a [FrameEvent], Vec<Reference>, Vec<Prediction>);

#[test]
fn every_kind_of_mistake() {
    use Prediction as P;
    use Reference as R;
    let cases: [Case; 9] = [
        (&[event(0, 0, 0.0)], &[event(0, 0, 19.9)], vec![R::Hit], vec![P::Hit]),
        (&[event(0, 0, 0.0)], &[event(0, 0, 21.0)], vec![R::WrongPlace], vec![P::WrongPlace]),
        (&[event(0, 0, 0.0)], &[event(0, 1, 19.0)], vec![R::WrongClass(1)], vec![P::WrongClass]),
        (&[event(0, 0, 0.0)], &[event(0, 1, 21.0)], vec![R::Missed], vec![P::Nothing]),
        (&[event(0, 0, 0.0)], &[event(1, 0, 0.0)], vec![R::Missed], vec![P::Nothing]),
        // Twice the same: the nearer one counts.
        (
            &[event(0, 0, 0.0)],
            &[event(0, 0, 9.0), event(0, 0, 1.0)],
            vec![R::Hit],
            vec![P::Duplicate, P::Hit],
        ),
        // Another class said beside one that is found.
        (
            &[event(0, 0, 0.0)],
            &[event(0, 0, 0.0), event(0, 1, 5.0)],
            vec![R::Hit],
            vec![P::Hit, P::WrongClass],
        ),
        // One event too many of class 0 stands where class 1 is missed.
        (
            &[event(0, 0, 0.0), event(0, 1, 90.0)],
            &[event(0, 0, 1.0), event(0, 0, 88.0)],
            vec![R::Hit, R::WrongClass(0)],
            vec![P::Hit, P::WrongClass],
        ),
        // Of two that are near, the nearest is taken.
        (
            &[event(0, 0, 0.0), event(0, 1, 10.0)],
            &[event(0, 2, 9.0)],
            vec![R::Missed, R::WrongClass(2)],
            vec![P::WrongClass],
        ),
    ];
    for (references, predictions, there, said) in cases {
        let found = judge(references, predictions, &options());
        assert_eq!(found, (there, said), "{references:?} {predictions:?}");
    }
}

#[test]
fn confusions_are_the_most_frequent_first() {
    let labels: Vec<_> = (0..10).map(|frame| event(frame, 2, 0.0)).chain([event(20, 1, 0.0)]).collect();
    let found: Vec<_> = (0..4).map(|frame| event(frame, 0, 0.0)).chain([event(20, 3, 0.0)]).collect();
    let breakdown = breakdown(&labels, &found);
    let rows = breakdown.confusions.iter().map(|c| (&*c.reference, &*c.prediction, c.count, c.share));
    assert_eq!(rows.collect::<Vec<_>>(), [("c", "a", 4, 0.4), ("b", "d", 1, 1.0)]);
    let class = &breakdown.classes[2].references;
    assert_eq!((class.wrong_class, class.missed, class.total()), (4, 6, 10));
    assert_eq!(breakdown.classes[0].predictions, PredictionCounts { wrong_class: 4, ..Default::default() });
}

proptest! {
    #[test]
    fn nothing_is_lost_and_both_sides_agree(labels in events(), found in events()) {
        let breakdown = breakdown(&labels, &found);
        let number = |rows: &[FrameEvent], class| rows.iter().filter(|row| row.class == class).count() as u64;
        for (class, errors) in (0..).zip(&breakdown.classes) {
            prop_assert_eq!(errors.references.total(), number(&labels, class));
            prop_assert_eq!(errors.predictions.total(), number(&found, class));
            prop_assert_eq!(errors.references.hit, errors.predictions.hit);
            prop_assert_eq!(errors.references.wrong_place, errors.predictions.wrong_place);
        }
        let all = &breakdown.all;
        prop_assert_eq!(all.references.total(), labels.len() as u64);
        prop_assert_eq!(all.predictions.total(), found.len() as u64);
        prop_assert!(all.predictions.wrong_class >= all.references.wrong_class);
        prop_assert_eq!(breakdown.confusions.iter().map(|c| c.count).sum::<u64>(), all.references.wrong_class);
        prop_assert!(breakdown.confusions.iter().all(|c| c.reference != c.prediction));
    }

    #[test]
    fn the_order_of_rows_does_not_matter_to_the_counts(labels in events(), found in events()) {
        let forward = breakdown(&labels, &found);
        let reversed = |rows: &[FrameEvent]| rows.iter().rev().copied().collect::<Vec<_>>();
        let backward = breakdown(&reversed(&labels), &reversed(&found));
        let matched = |b: &ErrorBreakdown| b.all.references.hit + b.all.references.wrong_place;
        prop_assert_eq!(matched(&forward), matched(&backward));
    }
}
