//! What the tests of this part share.

use proptest::prelude::*;

use super::{Heard, Truth};
use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// An event straight ahead but for its azimuth.
pub(super) fn event(frame: u32, class: u32, azimuth_deg: f64) -> FrameEvent {
    let direction = Direction { azimuth_deg, elevation_deg: 0.0 };
    FrameEvent { frame, class, source: 0, direction, distance_m: None }
}

/// Up to 80 events of 4 classes in 35 frames, in any order; some of them close to each other.
pub(super) fn events() -> impl Strategy<Value = Vec<FrameEvent>> {
    let row = (0u32..35, 0u32..4, 0u32..2, -12i32..12, -4i32..4);
    let event = row.prop_map(|(frame, class, source, azimuth, elevation)| {
        let direction =
            Direction { azimuth_deg: f64::from(15 * azimuth), elevation_deg: f64::from(15 * elevation) };
        FrameEvent { frame, class, source, direction, distance_m: None }
    });
    prop::collection::vec(event, 0..80)
}

/// A recording of 35 frames in which a model finds these events, whatever the threshold.
pub(super) fn heard<'a>(truth: &'a Truth, events: &'a [FrameEvent], strongest: &'a [f32]) -> Heard<'a> {
    let events_at: &'a (dyn Fn(f64) -> Vec<FrameEvent> + Sync) = &|_| Vec::new();
    let frames = truth.polyphony.len() as u32;
    Heard { room: "room", frames, truth, events, scored: events, strongest, events_at }
}
