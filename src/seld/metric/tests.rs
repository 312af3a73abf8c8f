//! The metrics against their definitions: corner cases with values worked out by hand, and everything else against
//! a slow transcription that looks at every frame, segment and class.

use proptest::prelude::*;

use super::testing::{event, events};
use super::*;
use crate::seld::doa::Direction;

const CLASSES: usize = 4;
const FRAMES: usize = 33;

fn scores_of(
    metric: Metric,
    options: Options,
    average: Average,
    recordings: &[(&[FrameEvent], &[FrameEvent])],
) -> Scores {
    let mut tally = Tally::new(metric, CLASSES, options);
    for (reference, prediction) in recordings {
        tally.add_recording(reference, prediction, FRAMES);
    }
    tally.scores(average)
}

fn official(metric: Metric, average: Average, reference: &[FrameEvent], prediction: &[FrameEvent]) -> Values {
    scores_of(metric, Options::official(metric), average, &[(reference, prediction)]).overall
}

fn at_distance(frame: u32, class: u32, azimuth_deg: f64, distance_m: f64) -> FrameEvent {
    FrameEvent { distance_m: Some(distance_m), ..event(frame, class, azimuth_deg) }
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-5 * (1.0 + b.abs())
}

#[track_caller]
fn assert_near(got: f64, expected: f64) {
    assert!(near(got, expected), "{got}, expected {expected}");
}

mod literal;

proptest! {
    #[test]
    fn dcase2019_is_its_definition(a in events(), b in events(), c in events(), d in events(), length in 1usize..12) {
        let recordings: [(&[FrameEvent], &[FrameEvent]); 2] = [(&a, &b), (&c, &d)];
        for variant in [Variant::Grid, Variant::Regression] {
            let options =
                Options { variant, frames_per_second: length, ..Options::official(Metric::Dcase2019) };
            let got = scores_of(Metric::Dcase2019, options, Average::Macro, &recordings).overall;
            let expected = literal::dcase2019(&recordings, options);
            prop_assert!(near(got.er, expected.er), "ER {} {}", got.er, expected.er);
            prop_assert!(near(got.f, expected.f), "F {} {}", got.f, expected.f);
            prop_assert!(near(got.le, expected.le), "LE {} {}", got.le, expected.le);
            prop_assert!(near(got.lr, expected.lr), "LR {} {}", got.lr, expected.lr);
            prop_assert!(near(got.seld, expected.seld), "SELD {} {}", got.seld, expected.seld);
        }
    }

    #[test]
    fn dcase2020_is_its_definition(
        a in events(), b in events(), c in events(), d in events(), doa in 0.0f64..180.0, length in 1usize..12)
    {
        let recordings: [(&[FrameEvent], &[FrameEvent]); 2] = [(&a, &b), (&c, &d)];
        let metric = Metric::Dcase2020;
        let options =
            Options { doa_threshold_deg: doa, frames_per_second: length, ..Options::official(metric) };
        let got = scores_of(metric, options, Average::Macro, &recordings).overall;
        let expected = literal::dcase2020(&recordings, options);
        prop_assert!(near(got.er, expected.er) && near(got.f, expected.f), "{got:?} {expected:?}");
        prop_assert!(near(got.le, expected.le) && near(got.lr, expected.lr), "{got:?} {expected:?}");
        prop_assert!(near(got.seld, expected.seld), "{got:?} {expected:?}");
    }

    #[test]
    fn dcase2021_to_2023_are_their_definition(a in events(), b in events(), c in events(), d in events()) {
        let recordings: [(&[FrameEvent], &[FrameEvent]); 2] = [(&a, &b), (&c, &d)];
        let options = Options { doa_threshold_deg: 60.0, ..Options::official(Metric::Dcase2022) };
        let (counts, errors) = literal::dcase2022(&recordings, options);
        let eps = f64::EPSILON;
        let of = |[tp, fp, spatial, missed, _, total, de_tp]: [f64; 7], weight: f64| {
            let f = tp / (eps + tp + weight * spatial + 0.5 * (fp + missed));
            let le = if de_tp > 0.0 { total / (de_tp + eps) } else { 180.0 };
            [f, le, de_tp / (eps + de_tp + missed)]
        };
        let pooled = counts.iter().fold([0.0; 7], |sum, c| std::array::from_fn(|i| sum[i] + c[i]));
        let er = errors / (pooled[4] + eps);
        for metric in [Metric::Dcase2021, Metric::Dcase2022, Metric::Dcase2023] {
            let weight = if metric == Metric::Dcase2021 { 0.5 } else { 1.0 };
            let got = scores_of(metric, options, Average::Micro, &recordings).overall;
            let [f, le, lr] = of(pooled, weight);
            for (got, expected) in [(got.er, er), (got.f, f), (got.le, le), (got.lr, lr)] {
                prop_assert!(near(got, expected), "{metric:?} {got} {expected}");
            }
        }
        let got = scores_of(Metric::Dcase2023, options, Average::Macro, &recordings);
        for (got, counts) in got.classwise.iter().zip(counts) {
            let [f, le, lr] = of(counts, 1.0);
            prop_assert!(near(got.f, f) && near(got.le, le) && near(got.lr, lr) && near(got.er, er));
        }
        let mean = counts.iter().map(|&c| of(c, 1.0)[0]).sum::<f64>() / CLASSES as f64;
        prop_assert!(near(got.overall.f, mean));
    }

    #[test]
    fn dcase2024_is_its_definition(
        a in events(), b in events(), doa in 0.0f64..180.0,
        distance in prop::option::of(0.0f64..3.0), relative in prop::option::of(0.0f64..2.0))
    {
        let options = Options {
            doa_threshold_deg: doa,
            distance_threshold_m: distance,
            relative_distance_threshold: relative,
            ..Options::official(Metric::Dcase2024)
        };
        let (expected, er) = literal::dcase2024(&a, &b, options);
        let got = scores_of(Metric::Dcase2024, options, Average::Macro, &[(&a, &b)]);
        let mut selds = Vec::new();
        for (got, [f, le, lr, de, rde]) in got.classwise.iter().zip(expected) {
            prop_assert!(near(got.f, f) && near(got.le, le) && near(got.lr, lr) && near(got.er, er));
            prop_assert!(near(got.de.unwrap(), de) && near(got.rde.unwrap(), rde));
            let parts: Vec<f64> = [1.0 - f, le / 180.0, rde].into_iter().filter(|x| !x.is_nan()).collect();
            selds.push(parts.iter().sum::<f64>() / parts.len() as f64);
            prop_assert!(near(got.seld, selds[selds.len() - 1]));
        }
        prop_assert!(near(got.overall.seld, selds.iter().sum::<f64>() / CLASSES as f64));
        let les: Vec<f64> = expected.iter().map(|v| v[1]).filter(|le| !le.is_nan()).collect();
        prop_assert!(near(got.overall.le, les.iter().sum::<f64>() / les.len() as f64));
    }

    #[test]
    fn merged_tallies_score_as_one(a in events(), b in events(), c in events(), d in events()) {
        for metric in Metric::ALL {
            for variant in [Variant::Grid, Variant::Regression] {
                let options = Options { variant, ..Options::official(metric) };
                let tally = |reference: &[FrameEvent], prediction: &[FrameEvent]| {
                    let mut tally = Tally::new(metric, CLASSES, options);
                    tally.add_recording(reference, prediction, FRAMES);
                    tally
                };
                let mut merged = tally(&a, &b);
                merged.merge(&tally(&c, &d));
                let one = scores_of(metric, options, Average::Macro, &[(&a, &b), (&c, &d)]).overall;
                let merged = merged.scores(Average::Macro).overall;
                prop_assert!(near(merged.seld, one.seld) && near(merged.le, one.le));
            }
        }
    }

    #[test]
    fn a_perfect_prediction_scores_zero_errors(a in events()) {
        prop_assume!(a.iter().any(|event| (event.frame as usize) < FRAMES));
        for metric in [Metric::Dcase2021, Metric::Dcase2022, Metric::Dcase2023, Metric::Dcase2024] {
            let values = official(metric, Average::Micro, &a, &a);
            prop_assert!(values.er == 0.0 && values.le < 1e-3);
            prop_assert!((values.f - 1.0).abs() < 1e-9 && (values.lr - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn dcase2019_puts_directions_on_the_grid() {
    let at = |azimuth_deg, elevation_deg| FrameEvent {
        direction: Direction { azimuth_deg, elevation_deg },
        ..event(0, 0, 0.0)
    };
    // +180 becomes 170, not -180; -0.1 goes down to -10; beyond 40 is clipped.
    let values = official(Metric::Dcase2019, Average::Macro, &[at(180.0, 45.0)], &[at(170.0, 40.0)]);
    assert_near(values.le, 0.0);
    let values = official(Metric::Dcase2019, Average::Macro, &[at(-0.1, 0.0)], &[at(0.0, 0.0)]);
    assert_near(values.le, 10.0);
    // Two in one cell are one: the frame has the right number of events.
    let values = official(Metric::Dcase2019, Average::Macro, &[at(1.0, 1.0), at(9.0, 9.0)], &[at(5.0, 5.0)]);
    assert_near(values.lr, 1.0);
    assert_near(values.le, 0.0);
    // Of another class they are not.
    let other = FrameEvent { class: 1, ..at(9.0, 9.0) };
    let values = official(Metric::Dcase2019, Average::Macro, &[at(1.0, 1.0), other], &[at(5.0, 5.0)]);
    assert_near(values.lr, 32.0 / 33.0);
}

#[test]
fn dcase2019_ignores_the_last_frame_of_a_segment_for_detection() {
    // Frame 9 is the last of the first segment; frame 32 is in a short last one and counts.
    let values = official(
        Metric::Dcase2019,
        Average::Macro,
        &[event(9, 0, 0.0), event(32, 1, 0.0)],
        &[event(32, 1, 90.0)],
    );
    assert_near(values.er, 0.0);
    assert_near(values.f, 1.0);
    assert_near(values.le, 90.0);
    assert_near(values.lr, 32.0 / 33.0);
}

#[test]
fn dcase2019_of_nothing_is_undefined() {
    let regression = Options { variant: Variant::Regression, ..Options::official(Metric::Dcase2019) };
    let empty: [(&[FrameEvent], &[FrameEvent]); 1] = [(&[], &[])];
    let grid = official(Metric::Dcase2019, Average::Macro, &[], &[]);
    assert!(grid.er.is_nan() && grid.le.is_nan() && grid.f == 0.0 && grid.lr == 1.0 && grid.seld.is_nan());
    let values = scores_of(Metric::Dcase2019, regression, Average::Macro, &empty).overall;
    assert!(values.er.is_nan() && values.le == 0.0);
    let false_alarm = official(Metric::Dcase2019, Average::Macro, &[], &[event(0, 0, 0.0)]);
    assert!(false_alarm.er == f64::INFINITY && false_alarm.seld == f64::INFINITY && false_alarm.le == 0.0);
}

#[test]
fn dcase2020_sums_the_angles_of_a_frame() {
    let reference = [event(0, 0, 0.0), event(0, 0, 90.0), event(1, 0, 0.0)];
    let prediction = [event(0, 0, 10.0), event(0, 0, 110.0), event(1, 0, 4.0)];
    // (10 + 20) in frame 0, 4 in frame 1: 17 on average, within 20.
    let values = official(Metric::Dcase2020, Average::Macro, &reference, &prediction);
    assert_near(values.le, 17.0);
    assert_near(values.f, 1.0);
    assert_near(values.lr, 1.0);
    // Never in the same frame: missed, no false alarm, and no angle.
    let values = official(Metric::Dcase2020, Average::Macro, &[event(0, 0, 0.0)], &[event(1, 0, 0.0)]);
    assert_near(values.er, 1.0);
    assert_eq!((values.f, values.le, values.lr), (0.0, 180.0, 0.0));
    // Too far: missed, no false alarm, but an angle, and localized.
    let values = official(Metric::Dcase2020, Average::Macro, &[event(0, 0, 0.0)], &[event(0, 0, 40.0)]);
    assert_near(values.er, 1.0);
    assert_near(values.le, 40.0);
    assert_near(values.lr, 1.0);
}

#[test]
fn never_in_the_same_frame_counts_the_predicted_number_as_missed() {
    let reference = [event(0, 0, 0.0)];
    let prediction = [event(1, 0, 0.0), event(1, 0, 90.0), event(1, 0, 180.0)];
    for metric in [Metric::Dcase2021, Metric::Dcase2022] {
        let mut tally = Tally::new(metric, 1, Options::official(metric));
        tally.add_recording(&reference, &prediction, FRAMES);
        let counts: std::collections::BTreeMap<_, _> = tally.counts().into_iter().collect();
        assert_eq!((&counts["FN"], &counts["DE_FN"], &counts["FP"]), (&vec![3.0], &vec![3.0], &vec![0.0]));
        let values = tally.scores(Average::Micro).overall;
        assert_near(values.er, 3.0);
        assert_eq!((values.f, values.le, values.lr), (0.0, 180.0, 0.0));
    }
}

#[test]
fn one_prediction_matched_to_two_tracks_in_turn_is_two_hits_and_a_miss() {
    // In frame 0 the prediction is nearest to the first row, in frame 1 to the second.
    let reference = [event(0, 0, 0.0), event(0, 0, 90.0), event(1, 0, 0.0), event(1, 0, 90.0)];
    let prediction = [event(0, 0, 5.0), event(1, 0, 85.0)];
    let values = official(Metric::Dcase2023, Average::Micro, &reference, &prediction);
    assert_near(values.er, 0.5);
    assert_near(values.f, 2.0 / 2.5);
    assert_near(values.le, 5.0);
    assert_near(values.lr, 2.0 / 3.0);
}

#[test]
fn a_match_too_far_off_weighs_half_in_2021_and_full_in_2022() {
    let (reference, prediction) =
        ([event(0, 0, 0.0), event(10, 0, 0.0)], [event(0, 0, 50.0), event(10, 0, 0.0)]);
    assert_near(official(Metric::Dcase2021, Average::Micro, &reference, &prediction).f, 1.0 / 1.5);
    assert_near(official(Metric::Dcase2022, Average::Micro, &reference, &prediction).f, 1.0 / 2.0);
}

#[test]
fn dcase2024_divides_by_the_true_distance() {
    let reference = [at_distance(0, 0, 0.0, 0.0), at_distance(1, 0, 0.0, 0.0), at_distance(2, 0, 0.0, 2.0)];
    let prediction = [at_distance(0, 0, 0.0, 0.0), at_distance(1, 0, 0.0, 1.0), at_distance(2, 0, 0.0, 4.0)];
    let values = official(Metric::Dcase2024, Average::Micro, &reference, &prediction);
    assert_near(values.de.unwrap(), 1.0);
    // 0, 1 / eps and 1; the last is within the limit of 1, which is inclusive.
    assert_near(values.rde.unwrap() * f64::EPSILON, 1.0 / 3.0);
    assert_near(values.f, 2.0 / 3.0);
}

#[test]
fn dcase2024_leaves_undefined_classes_out_of_errors_but_not_out_of_the_score() {
    let reference = [at_distance(0, 0, 0.0, 1.0), at_distance(0, 1, 0.0, 1.0)];
    let prediction = [at_distance(0, 0, 18.0, 1.5)];
    let options = Options::official(Metric::Dcase2024);
    let scores = scores_of(Metric::Dcase2024, options, Average::Macro, &[(&reference, &prediction)]);
    assert!(scores.classwise[1].le.is_nan() && scores.classwise[1].rde.unwrap().is_nan());
    assert_eq!(scores.classwise[1].seld, 1.0);
    let overall = scores.overall;
    assert_near(overall.le, 18.0);
    assert_near(overall.rde.unwrap(), 0.5);
    assert_near(overall.f, 0.25);
    // (0 + 0.1 + 0.5) / 3 of the class that is found, 1 of the three others.
    assert_near(overall.seld, (0.2 + 3.0) / 4.0);
    let pooled = official(Metric::Dcase2024, Average::Micro, &reference, &prediction);
    assert_near(pooled.f, 1.0 / 1.5);
    assert_near(pooled.seld, (1.0 / 3.0 + 0.1 + 0.5) / 3.0);
    let nothing = official(Metric::Dcase2024, Average::Macro, &[], &[]);
    assert!(nothing.le.is_nan() && nothing.de.unwrap().is_nan() && nothing.seld == 1.0 && nothing.er == 0.0);
}

#[test]
fn dcase2024_matches_by_angle_alone_and_frame_by_frame() {
    // The nearer angle is at the wrong distance.
    let reference = [at_distance(0, 0, 0.0, 1.0)];
    let prediction = [at_distance(0, 0, 10.0, 1.0), at_distance(0, 0, 5.0, 9.0)];
    let values = official(Metric::Dcase2024, Average::Micro, &reference, &prediction);
    assert_near(values.de.unwrap(), 8.0);
    assert_eq!(values.f, 0.0);
    // Missed in one frame, false alarm in the next: no substitution.
    let values = official(
        Metric::Dcase2024,
        Average::Micro,
        &[at_distance(0, 0, 0.0, 1.0)],
        &[at_distance(1, 0, 0.0, 1.0)],
    );
    assert_near(values.er, 2.0);
}

#[test]
fn no_classes_and_foreign_classes_do_no_harm() {
    let foreign = event(3, 7, 0.0);
    // The last frame there can be costs no memory.
    let late = event(u32::MAX, 1, 0.0);
    for metric in Metric::ALL {
        for classes in [0, 3] {
            let mut tally = Tally::new(metric, classes, Options::official(metric));
            tally.add_recording(&[foreign, late], &[foreign], u32::MAX as usize);
            assert_eq!(tally.scores(Average::Micro).overall.f, 0.0);
        }
    }
}
