//! A recording cut into blocks of frames, and each block into classes: how the metrics look at it.

use std::borrow::Cow;

use crate::seld::event::FrameEvent;

/// Rows of some frames. Every slice of rows that this module hands out is in the order of frames, and within a
/// frame in that of the file, which is what tells tracks apart.
type Rows<'a> = [&'a FrameEvent];

/// Rows of one class in one block; one of the two sides may be empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) class: usize,
    pub(super) reference: &'a Rows<'a>,
    pub(super) prediction: &'a Rows<'a>,
}

/// One block with at least one event, its rows sorted by class first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    reference: &'a Rows<'a>,
    prediction: &'a Rows<'a>,
}

/// Calls `each` for every block of `length` frames that is not silent, in order of time, up to frame `frames`
/// rounded up to whole blocks. A far frame costs no more than a near one.
pub(super) fn for_each_block(
    [reference, prediction]: [&[FrameEvent]; 2],
    length: usize,
    frames: usize,
    mut each: impl FnMut(Block<'_>),
) {
    let length = length.max(1);
    let (reference, prediction) = (by_frame(reference), by_frame(prediction));
    let (mut reference_rest, mut prediction_rest) = (&*reference, &*prediction);
    let (mut reference_rows, mut prediction_rows) = (Vec::new(), Vec::new());
    let next = |rows: &[FrameEvent]| rows.first().map(|event| event.frame as usize / length);
    while let Some(block) = [next(reference_rest), next(prediction_rest)].into_iter().flatten().min() {
        if block >= frames.div_ceil(length) {
            break;
        }
        let end = (block + 1).saturating_mul(length);
        take(&mut reference_rest, end, &mut reference_rows);
        take(&mut prediction_rest, end, &mut prediction_rows);
        each(Block { reference: &reference_rows, prediction: &prediction_rows });
    }
}

/// Rows sorted by frame, the order within a frame kept; without a copy where they are already.
pub(super) fn by_frame(events: &[FrameEvent]) -> Cow<'_, [FrameEvent]> {
    if events.is_sorted_by_key(|event| event.frame) {
        return Cow::Borrowed(events);
    }
    let mut sorted = events.to_vec();
    sorted.sort_by_key(|event| event.frame);
    Cow::Owned(sorted)
}

/// Moves the rows before frame `end` from `rest` to `rows`, sorted by class.
fn take<'a>(rest: &mut &'a [FrameEvent], end: usize, rows: &mut Vec<&'a FrameEvent>) {
    let count = rest.iter().take_while(|event| (event.frame as usize) < end).count();
    let (taken, remaining) = rest.split_at(count);
    rows.clear();
    rows.extend(taken);
    rows.sort_by_key(|event| event.class);
    *rest = remaining;
}

impl<'a> Block<'a> {
    /// The classes below `classes` that are in reference or prediction, in order.
    pub(super) fn cells(self, classes: usize) -> impl Iterator<Item = Cell<'a>> {
        let Self { mut reference, mut prediction } = self;
        std::iter::from_fn(move || {
            let next = |rows: &Rows| rows.first().map(|event| event.class);
            let class = [next(reference), next(prediction)].into_iter().flatten().min()?;
            let cell = Cell {
                class: class as usize,
                reference: split_while(&mut reference, |event| event.class == class),
                prediction: split_while(&mut prediction, |event| event.class == class),
            };
            (cell.class < classes).then_some(cell)
        })
    }
}

impl<'a> Cell<'a> {
    /// Reference and prediction of every frame that has both.
    pub(super) fn common_frames(self) -> impl Iterator<Item = (&'a Rows<'a>, &'a Rows<'a>)> {
        let Self { mut reference, mut prediction, .. } = self;
        std::iter::from_fn(move || {
            loop {
                let (there, predicted) = (reference.first()?.frame, prediction.first()?.frame);
                let rows = split_while(&mut reference, |event| event.frame == there && there <= predicted);
                let others =
                    split_while(&mut prediction, |event| event.frame == predicted && predicted <= there);
                if there == predicted {
                    return Some((rows, others));
                }
            }
        })
    }
}

/// Events of the busiest frame.
pub(super) fn busiest(rows: &Rows) -> usize {
    rows.chunk_by(|a, b| a.frame == b.frame).map(<[_]>::len).max().unwrap_or(0)
}

/// Takes the rows off the front of `rest` for which `belongs` holds.
fn split_while<'a>(rest: &mut &'a Rows<'a>, belongs: impl Fn(&FrameEvent) -> bool) -> &'a Rows<'a> {
    let count = rest.iter().take_while(|event| belongs(event)).count();
    let (taken, remaining) = rest.split_at(count);
    *rest = remaining;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seld::metric::testing::event;

    #[test]
    fn blocks_are_whole_and_cells_are_by_class_and_frame() {
        let reference =
            [event(12, 1, 0.0), event(3, 2, 1.0), event(3, 1, 2.0), event(3, 2, 3.0), event(25, 0, 0.0)];
        let prediction = [event(3, 2, 4.0), event(4, 1, 5.0), event(u32::MAX, 0, 6.0), event(3, 9, 7.0)];
        let mut seen = Vec::new();
        // Up to frame 11, which ends the second block: frame 12 is in, 25 is not.
        for_each_block([&reference, &prediction], 10, 11, |block| {
            for cell in block.cells(3) {
                let azimuths = |rows: &Rows| rows.iter().map(|e| e.direction.azimuth_deg).collect::<Vec<_>>();
                let common = cell.common_frames().count();
                seen.push((cell.class, azimuths(cell.reference), azimuths(cell.prediction), common));
            }
        });
        let expected =
            [(1, vec![2.0], vec![5.0], 0), (2, vec![1.0, 3.0], vec![4.0], 1), (1, vec![0.0], vec![], 0)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn frames_in_common_are_found_whatever_lies_between() {
        let rows = |frames: &[u32]| frames.iter().map(|&frame| event(frame, 0, 0.0)).collect::<Vec<_>>();
        let (reference, prediction) = (rows(&[0, 2, 2, 5, 7]), rows(&[1, 2, 3, 5, 5, 9]));
        for_each_block([&reference, &prediction], 10, 10, |block| {
            let cell = block.cells(1).next().unwrap();
            let common: Vec<_> = cell.common_frames().map(|(r, p)| (r[0].frame, r.len(), p.len())).collect();
            assert_eq!(common, [(2, 2, 1), (5, 1, 2)]);
            assert_eq!((busiest(cell.reference), busiest(cell.prediction), busiest(&[])), (2, 2, 0));
        });
    }
}
