//! Rows of labels that can be read but are doubtful. One problem a file and kind, with the first example.

use std::collections::BTreeSet;
use std::path::Path;

use super::problem::{Kind, Problem};
use crate::seld::event::FrameEvent;

/// Takes out rows after the end of the audio.
pub(super) fn late(labels: &Path, events: &mut Vec<FrameEvent>, frames: u32) -> Option<Problem> {
    let rows = events.len();
    events.retain(|event| event.frame < frames);
    let late = rows - events.len();
    let text = format!("{late} rows after the end of the audio (frame {frames}); they are not used");
    (late > 0).then(|| Problem::warning(labels, Kind::Late, text))
}

/// Rows of one frame, class, source and direction that are there more than once.
pub(super) fn duplicates(labels: &Path, events: &[FrameEvent]) -> Option<Problem> {
    let mut seen = BTreeSet::new();
    let again = |event: &&FrameEvent| {
        let direction = [event.direction.azimuth_deg, event.direction.elevation_deg].map(f64::to_bits);
        !seen.insert((event.frame, event.class, event.source, direction))
    };
    let doubled: Vec<&FrameEvent> = events.iter().filter(again).collect();
    let first = doubled.first()?;
    let text = format!(
        "{} rows are there twice, first frame {}, class {}, source {}; the metrics count both",
        doubled.len(),
        first.frame,
        first.class,
        first.source
    );
    Some(Problem::warning(labels, Kind::Duplicate, text))
}

/// Azimuths that can be understood but are not in the range that all datasets use.
pub(super) fn angles(labels: &Path, events: &[FrameEvent]) -> Option<Problem> {
    let outside = |event: &&FrameEvent| !(-180.0..=180.0).contains(&event.direction.azimuth_deg);
    let first = events.iter().find(outside)?;
    let rows = events.iter().filter(outside).count();
    let azimuth = first.direction.azimuth_deg;
    let text = format!(
        "{rows} rows with an azimuth outside [-180, 180], first {azimuth} in frame {}; is it counted clockwise or \
         from another direction?",
        first.frame
    );
    Some(Problem::warning(labels, Kind::Angle, text))
}
