//! Events to track slots.

use std::collections::BTreeMap;

use crate::seld::event::FrameEvent;

/// An event in its slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slotted {
    /// Label frame.
    pub(super) frame: u32,
    /// Track slot, from 0.
    pub(super) slot: usize,
    /// Class index.
    pub(super) class: u32,
    /// Unit vector (x front, y left, z up).
    pub(super) direction: [f32; 3],
    /// Metres, where known.
    pub(super) distance: Option<f32>,
}

/// What shares the slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All events.
    All,
    /// Those of one class; every class has slots of its own.
    Class,
}

impl Scope {
    /// Of all things that share slots, the one that a class is of.
    pub(super) fn of(self, class: u32) -> u32 {
        match self {
            Self::All => 0,
            Self::Class => class,
        }
    }
}

/// Gives every event the lowest free of `tracks` slots of its scope when it begins, and leaves it there until it ends. Events
/// that begin when all slots are taken get none until one is free.
///
/// `events` in any order. The result is ordered by frame.
pub(super) fn assign(events: &[FrameEvent], tracks: usize, scope: Scope) -> Vec<Slotted> {
    let mut by_frame: BTreeMap<u32, Vec<&FrameEvent>> = BTreeMap::new();
    for event in events {
        by_frame.entry(event.frame).or_default().push(event);
    }
    let mut held: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let mut last_frame = None;
    let mut out = Vec::with_capacity(events.len());
    for (frame, mut active) in by_frame {
        active.sort_by_key(|e| (e.class, e.source));
        // Two rows of one source in a frame: the first counts.
        active.dedup_by_key(|e| (e.class, e.source));
        let follows = last_frame.is_some_and(|last| last + 1 == frame);
        held.retain(|key, _| follows && active.iter().any(|e| (e.class, e.source) == *key));
        for event in active {
            let key = (event.class, event.source);
            let shares = |class: u32| scope.of(class) == scope.of(event.class);
            let is_taken =
                |slot: &usize| held.iter().any(|((class, _), taken)| taken == slot && shares(*class));
            let free = || (0..tracks).find(|slot| !is_taken(slot));
            let Some(slot) = held.get(&key).copied().or_else(free) else { continue };
            held.insert(key, slot);
            let direction = event.direction.to_vector().map(|c| c as f32);
            let distance = event.distance_m.map(|metres| metres as f32);
            out.push(Slotted { frame, slot, class: event.class, direction, distance });
        }
        last_frame = Some(frame);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seld::doa::Direction;

    fn event(frame: u32, class: u32, source: u32) -> FrameEvent {
        let direction = Direction { azimuth_deg: 0.0, elevation_deg: 0.0 };
        FrameEvent { frame, class, source, direction, distance_m: None }
    }

    #[test]
    fn an_event_keeps_its_slot_when_another_ends() {
        let events = [event(0, 1, 0), event(0, 2, 0), event(1, 2, 0), event(1, 3, 0), event(2, 2, 0)];
        let slots: Vec<_> =
            assign(&events, 3, Scope::All).iter().map(|s| (s.frame, s.class, s.slot)).collect();
        assert_eq!(slots, [(0, 1, 0), (0, 2, 1), (1, 2, 1), (1, 3, 0), (2, 2, 1)]);
    }

    #[test]
    fn every_class_may_have_slots_of_its_own() {
        let events =
            [event(0, 1, 0), event(0, 1, 1), event(0, 2, 0), event(0, 2, 1), event(0, 2, 2), event(1, 2, 1)];
        let slots: Vec<_> =
            assign(&events, 2, Scope::Class).iter().map(|s| (s.frame, s.class, s.slot)).collect();
        assert_eq!(slots, [(0, 1, 0), (0, 1, 1), (0, 2, 0), (0, 2, 1), (1, 2, 1)]);
    }

    proptest! {
        #[test]
        fn no_slot_is_taken_twice(rows in proptest::collection::vec((0u32..8, 0u32..3, 0u32..3), 0..40), of_class: bool) {
            let events: Vec<_> = rows.iter().map(|&(f, c, s)| event(f, c, s)).collect();
            let mut seen = std::collections::BTreeSet::new();
            let scope = if of_class { Scope::Class } else { Scope::All };
            for slotted in assign(&events, 3, scope) {
                prop_assert!(slotted.slot < 3);
                prop_assert!(seen.insert((slotted.frame, scope.of(slotted.class), slotted.slot)));
            }
        }
    }
}
