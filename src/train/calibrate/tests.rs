use proptest::prelude::*;
use rand::RngExt;

use super::*;
use crate::model::decode::sigmoid;
use crate::rng;
use crate::seld::doa::Direction;

const CLASSES: usize = 3;

fn names() -> Vec<String> {
    ["a", "b", "c"].map(String::from).to_vec()
}

fn event(frame: u32, class: u32, azimuth_deg: f64) -> FrameEvent {
    let direction = Direction { azimuth_deg, elevation_deg: 0.0 };
    FrameEvent { frame, class, source: 0, direction, distance_m: None }
}

/// One track that points to the front.
fn one_track(frames: u32, heard: impl Fn(u32) -> [f32; CLASSES]) -> Prediction {
    Prediction {
        tracks: 1,
        classes: CLASSES,
        activity: (0..frames).flat_map(heard).collect(),
        direction: (0..frames).flat_map(|_| [1.0, 0.0, 0.0]).collect(),
        distance: None,
    }
}

#[test]
fn each_class_gets_the_threshold_that_finds_it() {
    // Class 0 is there in the first ten seconds at 0.32, and heard falsely at 0.12 in the next. Class 1 is sure. Class 2 is
    // never there.
    let frames = 300;
    let events: Vec<FrameEvent> =
        (0..100).map(|f| event(f, 0, 0.0)).chain((200..300).map(|f| event(f, 1, 0.0))).collect();
    let prediction = one_track(frames, |frame| match frame {
        0..100 => [0.32, 0.0, 0.0],
        100..200 => [0.12, 0.0, 0.0],
        _ => [0.0, 0.99, 0.3],
    });
    for objective in [Objective::F20, Objective::Seld] {
        let mut calibration = Calibration::new(CLASSES).for_objective(objective);
        calibration.add(&events, frames, &prediction);
        // Without a temperature, so that thresholds are those of the activities above.
        let decoding = search::search(&calibration, &names(), 1.0);
        // 0.15 to 0.3 are equally good for class 0.
        let thresholds = [("a", 0.3), ("b", 0.5), ("c", 0.5)].map(|(name, t)| (name.to_owned(), t));
        assert_eq!(decoding, Decoding { thresholds: thresholds.into(), ..Decoding::uniform(&[], 0.5) });
        assert!(calibration.scores(&decoding, &names()).classwise[0].f > 0.99);
    }
}

#[test]
fn blips_are_taken_away_where_that_helps() {
    let frames = 600;
    let events: Vec<FrameEvent> = (0..150).chain(450..600).map(|f| event(f, 0, 0.0)).collect();
    let prediction = one_track(frames, |frame| match frame {
        // A blip every second where nothing is.
        150..450 if frame % 10 != 3 => [0.0, 0.0, 0.0],
        _ => [0.9, 0.0, 0.0],
    });
    let mut calibration = Calibration::new(CLASSES);
    calibration.add(&events, frames, &prediction);
    let decoding = calibration.decoding(&names());
    assert!(decoding.median_frames > 1 || decoding.min_frames > 1, "{decoding:?}");
    let plain = calibration.scores(&Decoding::uniform(&names(), 0.5), &names()).overall;
    assert!(calibration.scores(&decoding, &names()).overall.seld < plain.seld - 0.1);
}

/// Activities of a network that is right as often as it says, with logits scaled by `scale`.
fn scaled(scale: f64) -> Calibration {
    let mut rng = rng::stream(3, &["temperature"]);
    let mut calibration = Calibration::new(CLASSES);
    for _ in 0..4 {
        let frames = 2_000;
        let (mut labels, mut activity) = (Vec::new(), Vec::new());
        for (frame, class) in
            (0..frames).flat_map(|frame| (0..CLASSES as u32).map(move |class| (frame, class)))
        {
            let logit: f64 = rng.random_range(-5.0..3.0);
            activity.push(sigmoid(logit * scale) as f32);
            if rng.random_bool(sigmoid(logit)) {
                labels.push(event(frame, class, 0.0));
            }
        }
        let direction = (0..frames).flat_map(|_| [1.0, 0.0, 0.0]).collect();
        let prediction = Prediction { tracks: 1, classes: CLASSES, activity, direction, distance: None };
        calibration.add(&labels, frames, &prediction);
    }
    calibration
}

#[test]
fn the_temperature_is_the_one_that_activities_were_made_with() {
    for scale in [0.5, 1.6, 3.0] {
        let found = temperature::fit(CLASSES, &scaled(scale).recordings);
        assert!((found / scale - 1.0).abs() < 0.04, "{found} for {scale}");
    }
    assert_eq!(temperature::fit(CLASSES, &scaled(1.0).recordings), 1.0, "no gain to speak of");
    assert_eq!(temperature::fit(CLASSES, &[]), 1.0);
}

/// A recording of two tracks in which anything may be heard and labelled.
fn anything() -> impl Strategy<Value = (Vec<FrameEvent>, Prediction)> {
    let labels = prop::collection::vec((0u32..60, 0u32..3, -180.0..180.0), 0..60);
    let heard = prop::collection::vec((0f32..1.0, -180.0f64..180.0), 60 * 2 * 4);
    (labels, heard).prop_map(|(labels, heard)| {
        let mut labels: Vec<FrameEvent> =
            labels.into_iter().map(|(f, c, azimuth)| event(f, c, azimuth)).collect();
        labels.sort_by_key(|event| event.frame);
        let activity = heard.iter().map(|(activity, _)| *activity).take(60 * 2 * CLASSES).collect();
        let vector =
            |azimuth_deg: f64| Direction { azimuth_deg, elevation_deg: 0.0 }.to_vector().map(|c| c as f32);
        let direction = heard.iter().take(60 * 2).flat_map(|(_, azimuth)| vector(*azimuth)).collect();
        (labels, Prediction { tracks: 2, classes: CLASSES, activity, direction, distance: None })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn never_worse_than_threshold_0_5_on_its_own_data(
        recordings in prop::collection::vec(anything(), 1..4), seld in any::<bool>(),
    ) {
        let objective = if seld { Objective::Seld } else { Objective::F20 };
        let mut calibration = Calibration::new(CLASSES).for_objective(objective);
        recordings.iter().for_each(|(labels, prediction)| calibration.add(labels, 60, prediction));
        let decoding = calibration.decoding(&names());
        prop_assert_eq!(decoding.problem(), None);
        prop_assert_eq!(&decoding, &calibration.decoding(&names()));
        let loss = |decoding: &Decoding| objective.loss(&calibration.scores(decoding, &names()));
        let (found, plain) = (loss(&decoding), loss(&Decoding::uniform(&names(), 0.5)));
        prop_assert!(found <= plain + 1e-12, "{found} and {plain} by {decoding:?}");
    }
}
