//! An evaluation to look at.

use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;
use crate::seld::metric::report::ScoreReport;
use crate::seld::metric::{Average, Metric, Options, Tally};
use crate::train::evaluate::{Asked, Diagnostics, Evaluated, Grouping, Heard, Truth};

/// Length of a recording in label frames.
const FRAMES: u32 = 100;

/// An event at the height of the ears.
fn event(frame: u32, class: u32, azimuth_deg: f64) -> FrameEvent {
    let direction = Direction { azimuth_deg, elevation_deg: 0.0 };
    FrameEvent { frame, class, source: 0, direction, distance_m: None }
}

/// Labels: speech from 10 to 60 that moves, a bell from 40 to 80, and no siren. The model hears both as they come with
/// some delay, speech in its place, the bell first as a siren and then too far off, and a second bell that is not there.
fn recording() -> (Vec<FrameEvent>, Vec<FrameEvent>) {
    let azimuth = |frame: u32| f64::from(frame) - 30.0;
    let speech = (10..60).map(|frame| event(frame, 0, azimuth(frame)));
    let bell = (40..80).map(|frame| event(frame, 1, 90.0));
    let labels = speech.chain(bell).collect();
    let speech = (15..62).map(|frame| event(frame, 0, azimuth(frame) + 0.2 * f64::from(frame)));
    let siren = (42..50).map(|frame| event(frame, 2, 95.0));
    let bell = (50..80).map(|frame| event(frame, 1, 80.0 - f64::from(frame) / 2.0));
    let second = (70..75).map(|frame| event(frame, 1, -120.0));
    (labels, speech.chain(siren).chain(bell).chain(second).collect())
}

/// Activity of what the model hears: 0.9, less for what comes late; noise below 0.1.
fn strongest(events: &[FrameEvent]) -> Vec<f32> {
    let mut activity: Vec<f32> = (0..FRAMES * 3).map(|cell| 0.01 * (cell % 9) as f32).collect();
    for event in events {
        let heard = 0.9 - 0.005 * event.frame as f32;
        activity[(event.frame * 3 + event.class) as usize] = heard;
    }
    activity
}

/// Everything that can be asked, of two rooms.
pub(super) fn evaluated() -> Evaluated {
    let classes = ["speech", "bell & gong", "siren"].map(String::from).to_vec();
    let metric = Metric::Dcase2023;
    let (options, average) = (Options::official(metric), Average::Macro);
    let asked =
        Asked { angles: true, by: Grouping::ALL.to_vec(), reliability: true, sweep: true, errors: true };
    let mut diagnostics = Diagnostics::new(&asked, &classes, metric, options, average);
    let mut tally = Tally::new(metric, classes.len(), options);
    let (labels, events) = recording();
    let strongest = strongest(&events);
    for (room, kept) in [("fold4_room2", 80), ("fold4_room10", 55)] {
        let labels: Vec<FrameEvent> = labels.iter().filter(|event| event.frame < kept).copied().collect();
        let truth = Truth::new(&labels, FRAMES, None);
        let events_at = |threshold: f64| -> Vec<FrameEvent> {
            let is_heard = |event: &&FrameEvent| {
                f64::from(strongest[(event.frame * 3 + event.class) as usize]) > threshold
            };
            events.iter().filter(is_heard).copied().collect()
        };
        diagnostics.add(&Heard {
            room,
            frames: FRAMES,
            truth: &truth,
            events: &events,
            scored: &events,
            strongest: &strongest,
            events_at: &events_at,
        });
        tally.add_recording(&labels, &events, metric.scored_frames(&labels, FRAMES as usize));
    }
    let findings = diagnostics.findings(&[Some(0.5), Some(0.5), Some(0.5)]);
    let scores = ScoreReport::new(metric, average, &tally.scores(average), None);
    Evaluated { classes, scores, findings }
}
