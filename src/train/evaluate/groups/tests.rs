use proptest::prelude::*;

use super::super::testing::{event, events, heard};
use super::super::truth::Truth;
use super::*;

fn scoring(metric: Metric) -> Scoring {
    Scoring { metric, options: Options::official(metric), average: Average::Macro, classes: 4 }
}

fn groups(metric: Metric, labels: &[FrameEvent], found: &[FrameEvent], frames: u32) -> Groups {
    let truth = Truth::new(labels, frames, None);
    let mut tallies = GroupTallies::new(scoring(metric), &Grouping::ALL);
    tallies.add(&heard(&truth, found, &[]));
    tallies.finish(&["a", "b", "c", "d"].map(String::from))
}

#[test]
fn frames_are_apart_by_what_sounds_in_them() {
    // Frame 0: one event, found. Frame 1: two events, one of them found. Frame 2: none, but one is found. Frame 12:
    // four events, none of them found; the segment ends at 20.
    let mut labels = vec![event(0, 0, 0.0), event(1, 0, 0.0), event(1, 1, 90.0)];
    labels.extend((0..4).map(|class| event(12, class, 0.0)));
    let found = [event(0, 0, 0.0), event(1, 1, 90.0), event(2, 3, 0.0)];
    let groups = groups(Metric::Dcase2023, &labels, &found, 30);
    let polyphony = groups.polyphony.unwrap();
    let counts = |g: &GroupScores| (g.group.clone(), g.classes, g.frames, g.references, g.predictions);
    let expected = [("0", 0, 17, 0, 1), ("1", 1, 1, 1, 1), ("2", 2, 1, 2, 1), ("3+", 4, 1, 4, 0)];
    let expected = expected.map(|(name, classes, frames, r, p)| (name.to_owned(), classes, frames, r, p));
    assert_eq!(polyphony.iter().map(counts).collect::<Vec<_>>(), expected);
    assert!((polyphony[0].busy - 1.0 / 17.0).abs() < 1e-12 && polyphony[3].busy == 0.0);
    // Nothing can be found where nothing is.
    assert!(polyphony[0].values.f.is_nan() && polyphony[0].values.seld.is_nan());
    let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{value} {expected}");
    near(polyphony[1].values.f, 1.0);
    near(polyphony[1].values.er, 0.0);
    // Of two classes one is found; the others do not count.
    near(polyphony[2].values.f, 0.5);
    near(polyphony[2].values.er, 0.5);
    near(polyphony[2].values.le, 90.0);
    near(polyphony[3].values.lr, 0.0);
    assert_eq!(groups.room.unwrap()[0].group, "room");
}

#[test]
fn rooms_are_in_the_order_of_their_numbers() {
    let mut names = ["fold4_room10", "fold4_room2", "hall", "fold3_room11", "ir2"];
    names.sort_by_key(|name| natural(name));
    assert_eq!(names, ["fold3_room11", "fold4_room2", "fold4_room10", "hall", "ir2"]);
}

proptest! {
    #[test]
    fn classes_have_their_official_scores(labels in events(), found in events()) {
        prop_assume!(!labels.is_empty());
        let groups = groups(Metric::Dcase2023, &labels, &found, 35);
        let mut tally = Tally::new(Metric::Dcase2023, 4, Options::official(Metric::Dcase2023));
        tally.add_recording(&labels, &found, Metric::Dcase2023.scored_frames(&labels, 35));
        let official = tally.scores(Average::Macro).classwise;
        for (own, official) in groups.class.unwrap().iter().zip(official) {
            if own.references > 0 {
                prop_assert!((own.values.f, own.values.le, own.values.lr) == (official.f, official.le, official.lr));
            }
        }
    }

    #[test]
    fn every_scored_frame_and_event_is_in_one_group(labels in events(), found in events()) {
        for metric in [Metric::Dcase2020, Metric::Dcase2021, Metric::Dcase2023] {
            let groups = groups(metric, &labels, &found, 35);
            let room = &groups.room.unwrap()[0];
            for groups in [groups.class.unwrap(), groups.polyphony.unwrap()] {
                prop_assert_eq!(groups.iter().map(|g| g.references).sum::<u64>(), room.references);
                prop_assert_eq!(groups.iter().map(|g| g.predictions).sum::<u64>(), room.predictions);
            }
        }
        let motion = groups(Metric::Dcase2023, &labels, &found, 35).motion.unwrap();
        prop_assert_eq!(motion.iter().map(|g| g.references).sum::<u64>(), labels.len() as u64);
    }

    #[test]
    fn a_single_room_has_the_scores_of_all(labels in events(), found in events()) {
        let all_there = (0..4).all(|class| labels.iter().any(|row| row.class == class && row.frame < 20));
        prop_assume!(all_there);
        let groups = groups(Metric::Dcase2021, &labels, &found, 35);
        let mut tally = Tally::new(Metric::Dcase2021, 4, Options::official(Metric::Dcase2021));
        tally.add_recording(&labels, &found, 35);
        prop_assert_eq!(groups.room.unwrap()[0].values, tally.scores(Average::Macro).overall);
    }
}
