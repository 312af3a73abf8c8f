//! What the labels of a recording say, and the groups that it is looked at in.

use std::collections::BTreeMap;

use crate::dataset::stats::MOVING_DEG;
use crate::dataset::{ClassMap, Recording};
use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// The labels of one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Rows of the classes that count, in the order of the file.
    pub events: Vec<FrameEvent>,
    /// Of each row, which event it is a frame of: a stretch of frames without a gap, of one class and source.
    pub instances: Vec<usize>,
    /// Of each event, whether it gets further than [`MOVING_DEG`] from where it began.
    pub moves: Vec<bool>,
    /// Events that sound at once in each label frame, those of classes that do not count included: `[T]`.
    pub polyphony: Vec<u32>,
}

impl Truth {
    /// From the labels of a recording of `frames` label frames; rows of later frames are left out.
    pub fn new(labels: &[FrameEvent], frames: u32, map: Option<&ClassMap>) -> Self {
        let labels: Vec<FrameEvent> = labels.iter().filter(|row| row.frame < frames).copied().collect();
        let (of_row, moves) = instances(&labels);
        let mut polyphony = vec![0; frames as usize];
        let (mut events, mut instances) = (Vec::new(), Vec::new());
        for (row, instance) in labels.iter().zip(of_row) {
            polyphony[row.frame as usize] += 1;
            let class = map.map_or(Some(row.class), |map| map.of_data(row.class as usize));
            if let Some(class) = class {
                events.push(FrameEvent { class, ..*row });
                instances.push(instance);
            }
        }
        Self { events, instances, moves, polyphony }
    }

    /// Whether a row is of an event that moves.
    pub fn moves(&self, row: usize) -> bool {
        self.moves[self.instances[row]]
    }
}

/// Of each row the number of its event, and of each event whether it moves.
fn instances(labels: &[FrameEvent]) -> (Vec<usize>, Vec<bool>) {
    struct Lasting {
        instance: usize,
        last: u32,
        first: Direction,
    }
    let mut rows: Vec<usize> = (0..labels.len()).collect();
    rows.sort_by_key(|&row| labels[row].frame);
    let (mut of_row, mut moves) = (vec![0; labels.len()], Vec::new());
    let mut lasting: BTreeMap<(u32, u32, usize), Lasting> = BTreeMap::new();
    for rows in rows.chunk_by(|&a, &b| labels[a].frame == labels[b].frame) {
        let mut of_source: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for &row in rows {
            let FrameEvent { frame, class, source, direction, .. } = labels[row];
            // One source may be there twice: a number tells such rows apart.
            let number = of_source.entry((class, source)).or_default();
            let key = (class, source, *number);
            *number += 1;
            match lasting.get_mut(&key).filter(|lasting| lasting.last + 1 == frame) {
                Some(lasting) => {
                    lasting.last = frame;
                    moves[lasting.instance] |= lasting.first.angle_to(direction) > MOVING_DEG;
                    of_row[row] = lasting.instance;
                }
                None => {
                    let instance = moves.len();
                    moves.push(false);
                    of_row[row] = instance;
                    lasting.insert(key, Lasting { instance, last: frame, first: direction });
                }
            }
        }
    }
    (of_row, moves)
}

/// The room a recording was made in: by its name, with the fold, as rooms are numbered anew in each fold by some
/// datasets ("fold3_room4"; "ir2" of TAU2019, where they are not); else by the folder that it lies in.
pub fn room(recording: &Recording) -> String {
    match (&recording.room, recording.fold) {
        (Some(room), Some(fold)) if room.starts_with("room") => format!("fold{fold}_{room}"),
        (Some(room), _) => room.clone(),
        (None, _) => {
            let folder = recording.audio.parent().and_then(|folder| folder.file_name());
            folder.map_or_else(|| ".".to_owned(), |folder| folder.to_string_lossy().into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{event, events};
    use super::*;
    use crate::dataset::stats::Tally;

    #[test]
    fn an_event_ends_with_a_gap_and_moves_as_a_whole() {
        let source = |source, row: FrameEvent| FrameEvent { source, ..row };
        let labels = [
            event(0, 0, 0.0),
            event(1, 0, 4.0),
            source(1, event(1, 0, 90.0)),
            event(2, 0, 12.0),
            event(4, 0, 12.0),
            event(9, 1, 0.0),
        ];
        let truth = Truth::new(&labels, 9, None);
        assert_eq!(truth.instances, [0, 0, 1, 0, 2]);
        assert_eq!(truth.moves, [true, false, false]);
        assert_eq!(truth.polyphony, [1, 2, 1, 0, 1, 0, 0, 0, 0]);
        // The first row belongs to an event that moves later.
        assert!(truth.moves(0) && !truth.moves(2));
    }

    #[test]
    fn a_map_hides_events_but_not_that_they_sound() {
        let names = ["a", "b"].map(str::to_owned);
        let map = ClassMap::load("same-names", &names[1..], &names).unwrap();
        let truth = Truth::new(&[event(0, 0, 0.0), event(0, 1, 0.0)], 2, Some(&map));
        assert_eq!(truth.events, [event(0, 0, 0.0)]);
        assert_eq!((truth.instances, truth.polyphony), (vec![1], vec![2, 0]));
    }

    #[test]
    fn rooms_have_the_fold_in_their_name_where_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let wav = folder.path().join("hall/mix.wav");
            crate::audio::write_wav(&wav, 24_000, &[[0.0; 4]; 4]).unwrap();
            let mut recording = Recording::of_file(&wav);
            let parts = name.split_once('_');
            recording.room = parts.map(|(_, room)| room.to_owned());
            recording.fold = parts.and_then(|(fold, _)| fold.parse().ok());
            recording
        };
        assert_eq!(room(&place("3_room4")), "fold3_room4");
        assert_eq!(room(&place("1_ir2")), "ir2");
        assert_eq!(room(&place("mix")), "hall");
    }

    proptest! {
        #[test]
        fn events_are_those_of_the_statistics(labels in events()) {
            let truth = Truth::new(&labels, 35, None);
            let total = Tally::of(&labels, 35, 4).total();
            prop_assert_eq!(truth.moves.len() as u64, total.events);
            prop_assert_eq!(truth.moves.iter().filter(|moves| **moves).count() as u64, total.moving);
            prop_assert_eq!(truth.polyphony.iter().sum::<u32>() as usize, labels.len());
        }
    }
}
