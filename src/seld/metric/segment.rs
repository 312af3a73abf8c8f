//! Events by segment and class, which is how the metrics of 2020 to 2023 look at a recording.

use std::collections::BTreeMap;

use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// The directions of one class in every frame of one segment, in the order of the rows. Empty when silent.
pub(super) type Frames = Vec<Vec<Direction>>;

/// One class in one segment.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) reference: Frames,
    pub(super) prediction: Frames,
}

/// The classes of one segment that are in reference or prediction, by index.
pub(super) type Segment = BTreeMap<usize, Cell>;

/// Cuts the first `scored_frames` frames, rounded up to whole segments, into segments of `length` frames. Only
/// segments that are not silent are there, so that a far frame costs no more than a near one.
pub(super) fn cut(
    [reference, prediction]: [&[FrameEvent]; 2],
    classes: usize,
    length: usize,
    scored_frames: usize,
) -> impl Iterator<Item = Segment> {
    let length = length.max(1);
    let count = scored_frames.div_ceil(length);
    let mut segments: BTreeMap<usize, Segment> = BTreeMap::new();
    for (events, frames_of) in [(reference, reference_of as Side), (prediction, prediction_of)] {
        for event in events {
            let (segment, frame) = (event.frame as usize / length, event.frame as usize % length);
            let class = event.class as usize;
            if segment < count && class < classes {
                let cell = segments.entry(segment).or_default().entry(class).or_default();
                let frames = frames_of(cell);
                frames.resize(length, Vec::new());
                frames[frame].push(event.direction);
            }
        }
    }
    segments.into_values()
}

type Side = fn(&mut Cell) -> &mut Frames;

fn reference_of(cell: &mut Cell) -> &mut Frames {
    &mut cell.reference
}

fn prediction_of(cell: &mut Cell) -> &mut Frames {
    &mut cell.prediction
}

/// Events of the busiest frame.
pub(super) fn busiest(frames: &Frames) -> usize {
    frames.iter().map(Vec::len).max().unwrap_or(0)
}
