//! What the tests of this part share.

use proptest::prelude::*;

use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// An event straight ahead but for its azimuth, at an unknown distance.
pub(super) fn event(frame: u32, class: u32, azimuth_deg: f64) -> FrameEvent {
    let direction = Direction { azimuth_deg, elevation_deg: 0.0 };
    FrameEvent { frame, class, source: 0, direction, distance_m: None }
}

/// Up to 60 events of 4 classes in 35 frames, in any order.
pub(super) fn events() -> impl Strategy<Value = Vec<FrameEvent>> {
    let row = (0u32..35, 0u32..4, -180.0f64..180.0, -90.0f64..90.0, 0.1f64..5.0);
    prop::collection::vec(row, 0..60).prop_map(|rows| {
        let event = |(frame, class, azimuth_deg, elevation_deg, distance_m)| FrameEvent {
            direction: Direction { azimuth_deg, elevation_deg },
            distance_m: Some(distance_m),
            ..event(frame, class, 0.0)
        };
        rows.into_iter().map(event).collect()
    })
}
