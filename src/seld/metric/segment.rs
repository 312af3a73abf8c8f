//! Events by segment and class, which is how the metrics up to 2023 look at a recording.

use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// The directions of one class in every frame of one segment, in the order of the rows.
pub(super) type Frames = Vec<Vec<Direction>>;

/// A recording cut into segments.
pub(super) struct Segments {
    classes: usize,
    cells: Vec<Option<Frames>>,
}

impl Segments {
    /// Cuts the first `scored_frames` frames, rounded up to whole segments, into segments of `length` frames.
    pub(super) fn new(events: &[FrameEvent], classes: usize, length: usize, scored_frames: usize) -> Self {
        let count = scored_frames.div_ceil(length);
        let mut cells: Vec<Option<Frames>> = vec![None; count * classes];
        for event in events {
            let (segment, frame) = (event.frame as usize / length, event.frame as usize % length);
            let class = event.class as usize;
            if segment < count && class < classes {
                let frames = cells[segment * classes + class].get_or_insert_with(|| vec![Vec::new(); length]);
                frames[frame].push(event.direction);
            }
        }
        Self { classes, cells }
    }

    /// One slice for each segment, with one cell for each class: `None` where the class is silent.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[Option<Frames>]> {
        // Without classes there are no cells either, and a chunk size of zero is not allowed.
        self.cells.chunks(self.classes.max(1))
    }
}

/// Events of the busiest frame.
pub(super) fn busiest(frames: Option<&Frames>) -> usize {
    frames.into_iter().flatten().map(Vec::len).max().unwrap_or(0)
}
