use proptest::prelude::*;

use super::*;
use crate::seld::doa::Direction;

fn vector(azimuth_deg: f64) -> [f32; 3] {
    Direction { azimuth_deg, elevation_deg: 0.0 }.to_vector().map(|c| c as f32)
}

/// One frame of two tracks and classes.
fn frame(angles_deg: [f64; 2]) -> Prediction {
    Prediction {
        tracks: 2,
        classes: 2,
        activity: vec![0.9, 0.1, 0.9, 0.6],
        direction: angles_deg.into_iter().flat_map(vector).collect(),
        distance: None,
    }
}

/// One track and class that point to the front.
fn one(activity: &[f32]) -> Prediction {
    Prediction {
        tracks: 1,
        classes: 1,
        activity: activity.to_vec(),
        direction: activity.iter().flat_map(|_| [1.0, 0.0, 0.0]).collect(),
        distance: None,
    }
}

fn rules(median_frames: usize, min_frames: usize) -> Rules {
    Rules { median_frames, min_frames, ..Rules::plain(vec![0.5], 0.0) }
}

fn frames(activity: &[f32], rules: &Rules) -> Vec<u32> {
    one(activity).decode(rules).iter().map(|event| event.frame).collect()
}

#[test]
fn near_tracks_of_one_class_are_one_event() {
    let events = frame([10.0, 20.0]).events(&[0.5, 0.5], 30.0);
    assert_eq!(events.iter().map(|e| (e.class, e.source)).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    assert!((events[0].direction.azimuth_deg - 15.0).abs() < 1e-3);
}

#[test]
fn distant_tracks_of_one_class_are_two() {
    let events = frame([10.0, 80.0]).events(&[0.5, 0.7], 30.0);
    assert_eq!(events.iter().map(|e| (e.class, e.source)).collect::<Vec<_>>(), [(0, 0), (0, 1)]);
}

#[test]
fn an_event_keeps_the_number_of_the_track_that_heard_it_first() {
    // The second track is louder when it joins.
    let prediction = Prediction {
        tracks: 2,
        classes: 1,
        activity: vec![0.6, 0.0, 0.6, 0.9],
        direction: [0.0, 0.0, 0.0, 10.0].into_iter().flat_map(vector).collect(),
        distance: Some(vec![1.0, 9.0, 1.0, 2.0]),
    };
    let found = prediction.detect(&Rules::plain(vec![0.5], 30.0));
    assert_eq!(found.iter().map(|d| (d.event.frame, d.event.source)).collect::<Vec<_>>(), [(0, 0), (1, 0)]);
    assert!((found[1].activity - 0.9).abs() < 1e-6);
    assert_eq!(found[0].event.distance_m, Some(1.0));
    assert!((found[1].event.distance_m.unwrap() - (0.6 + 1.8) / 1.5).abs() < 1e-6);
}

#[test]
fn a_median_fills_gaps_and_takes_away_blips() {
    let heard = [0.0, 0.9, 0.0, 0.0, 0.8, 0.7, 0.1, 0.9, 0.8, 0.0];
    assert_eq!(frames(&heard, &rules(1, 1)), [1, 4, 5, 7, 8]);
    assert_eq!(frames(&heard, &rules(3, 1)), [4, 5, 6, 7, 8]);
    let filled = one(&heard).detect(&rules(3, 1))[2];
    assert!((filled.activity - 0.7).abs() < 1e-6, "the median of 0.7, 0.1 and 0.9");
    assert!(frames(&[0.9], &rules(3, 1)).is_empty(), "silence is beyond the ends");
}

#[test]
fn short_events_are_dropped_up_to_the_ends() {
    let heard = [0.9, 0.9, 0.0, 0.9, 0.0, 0.9, 0.9, 0.9, 0.0, 0.9, 0.9];
    assert_eq!(frames(&heard, &rules(1, 2)), [0, 1, 5, 6, 7, 9, 10]);
    assert_eq!(frames(&heard, &rules(1, 3)), [5, 6, 7]);
    assert!(frames(&heard, &rules(1, 4)).is_empty());
}

#[test]
fn a_temperature_moves_activities_and_not_what_0_5_means() {
    let prediction = one(&[0.51, 0.49, 0.9]);
    let hot = |threshold| Rules { temperature: 2.0, ..Rules::plain(vec![threshold], 0.0) };
    assert_eq!(prediction.decode(&hot(0.5)).len(), 2);
    // A logit of 2.197 halves to 1.099: 0.75.
    let found = prediction.detect(&hot(0.74));
    assert_eq!(found.len(), 1);
    assert!((found[0].activity - 0.75).abs() < 1e-6);
    assert!(prediction.decode(&hot(0.76)).is_empty());
}

#[test]
fn files_of_before_read_and_wrong_values_are_named() {
    let old: Decoding = serde_json::from_str(r#"{"thresholds": {"a": 0.3}, "merge_deg": 30.0}"#).unwrap();
    assert_eq!(old, Decoding { thresholds: [("a".into(), 0.3)].into(), ..Decoding::uniform(&[], 0.5) });
    assert_eq!(old.problem(), None);
    for (wrong, words) in [
        (Decoding { median_frames: 4, ..old.clone() }, "median_frames: 4 is not an odd number"),
        (Decoding { min_frames: 0, ..old.clone() }, "min_frames: 0"),
        (Decoding { temperature: -1.0, ..old.clone() }, "temperature: -1"),
        (Decoding { merge_deg: f64::NAN, ..old.clone() }, "merge_deg: NaN"),
        (Decoding { thresholds: [("a".into(), 1.5)].into(), ..old }, "thresholds.a: 1.5"),
    ] {
        assert!(wrong.problem().unwrap().contains(words), "{:?}", wrong.problem());
    }
}

/// The median filter and the least duration as their definitions say, on a whole recording.
fn literal(activity: &[f32], threshold: f32, median: usize, min: usize) -> Vec<usize> {
    let at = |t: i64| usize::try_from(t).ok().and_then(|t| activity.get(t)).copied().unwrap_or(0.0);
    let half = (median / 2) as i64;
    let active: Vec<bool> = (0..activity.len() as i64)
        .map(|t| {
            let mut around: Vec<f32> = (t - half..=t + half).map(at).collect();
            around.sort_by(f32::total_cmp);
            around[median / 2] > threshold
        })
        .collect();
    let mut frames = Vec::new();
    let mut at = 0;
    for run in active.chunk_by(|a, b| a == b) {
        if run[0] && run.len() >= min {
            frames.extend(at..at + run.len());
        }
        at += run.len();
    }
    frames
}

proptest! {
    #[test]
    fn frame_by_frame_is_what_the_definitions_say(
        activity in prop::collection::vec(0f32..1.0, 0..60),
        half in 0usize..4,
        min in 1usize..6,
    ) {
        let found = frames(&activity, &rules(2 * half + 1, min));
        let expected = literal(&activity, 0.5, 2 * half + 1, min);
        prop_assert_eq!(found.iter().map(|f| *f as usize).collect::<Vec<_>>(), expected);
    }
}
