//! Splits: train, test, and the part of train that is held out for validation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::recording::Recording;

/// What a recording may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Training and validation.
    Train,
    /// Only the final test.
    Test,
}

impl Split {
    /// Both, in the order they are listed in.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no split {name:?}; there are train and test")]
pub struct UnknownSplit {
    /// What was asked for.
    pub name: String,
}

impl std::str::FromStr for Split {
    type Err = UnknownSplit;

    fn from_str(name: &str) -> Result<Self, UnknownSplit> {
        let known = Self::ALL.into_iter().find(|split| split.name() == name);
        known.ok_or_else(|| UnknownSplit { name: name.to_owned() })
    }
}

/// "room4" of `fold3_room4_mix001`.
pub(super) fn room_of(name: &str) -> Option<String> {
    let is_room = |part: &&str| {
        part.strip_prefix("room").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    name.split('_').find(is_room).map(str::to_owned)
}

/// Divides recordings into (fit, validation): whole rooms, or single recordings where fewer than two rooms are
/// named. Rooms are put in an order that depends on their names alone; the first ones are held out, as many as
/// come nearest to `fraction` of the length. Both sides get at least one room; a single recording is only fitted.
pub(super) fn holdout<'a>(
    recordings: &[&'a Recording],
    fraction: f64,
) -> (Vec<&'a Recording>, Vec<&'a Recording>) {
    let rooms: std::collections::BTreeSet<_> = recordings.iter().filter_map(|r| r.room.as_deref()).collect();
    let group = |recording: &'a Recording| match &recording.room {
        Some(room) if rooms.len() > 1 => room.as_str(),
        _ => recording.name.as_str(),
    };
    let mut samples: BTreeMap<&str, u64> = BTreeMap::new();
    for recording in recordings {
        *samples.entry(group(recording)).or_default() += recording.samples;
    }
    let mut groups: Vec<(&str, u64)> = samples.into_iter().collect();
    groups.sort_by_key(|(name, _)| (crate::rng::derive(0, &["holdout", name]), *name));

    let total: u64 = groups.iter().map(|(_, samples)| samples).sum();
    let wanted = fraction * total as f64;
    let mut held = 0;
    let mut best: Option<(f64, usize)> = None;
    for (index, (_, samples)) in groups.iter().enumerate().take(groups.len().saturating_sub(1)) {
        held += samples;
        let distance = (held as f64 - wanted).abs();
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, index + 1));
        }
    }
    let out = &groups[..best.map_or(0, |(_, count)| count)];
    let (validation, fit) = recordings
        .iter()
        .copied()
        .partition(|recording| out.iter().any(|(name, _)| *name == group(recording)));
    (fit, validation)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recordings(rooms: &[(Option<u32>, u64)]) -> Vec<Recording> {
        let make = |(index, (room, samples)): (usize, &(Option<u32>, u64))| {
            let name = match room {
                Some(room) => format!("fold3_room{room}_mix{index:03}"),
                None => format!("mix{index:03}"),
            };
            Recording {
                room: room_of(&name),
                audio: format!("{name}.wav").into(),
                labels: format!("{name}.csv").into(),
                name,
                split: Split::Train,
                samples: *samples,
                frames: 1,
                events: Vec::new(),
            }
        };
        rooms.iter().enumerate().map(make).collect()
    }

    #[test]
    fn room_is_a_part_of_the_name() {
        assert_eq!(room_of("fold3_room4_mix001").as_deref(), Some("room4"));
        assert_eq!(room_of("fold3_roomy_mix001"), None);
        assert_eq!(room_of("bedroom4"), None);
    }

    #[test]
    fn one_room_is_divided_by_recording_and_one_recording_is_fitted() {
        let all = recordings(&[(Some(1), 10); 10]);
        let (fit, validation) = holdout(&all.iter().collect::<Vec<_>>(), 0.2);
        assert_eq!((fit.len(), validation.len()), (8, 2));
        let (fit, validation) = holdout(&[&all[0]], 0.2);
        assert_eq!((fit.len(), validation.len()), (1, 0));
        assert_eq!(holdout(&[], 0.2), (vec![], vec![]));
    }

    proptest! {
        #[test]
        fn sides_share_no_room_and_do_not_depend_on_order(
            rooms in prop::collection::vec((prop::option::of(1u32..6), 1u64..1000), 2..30), fraction in 0.05f64..0.95)
        {
            let all = recordings(&rooms);
            let forward: Vec<&Recording> = all.iter().collect();
            let (fit, validation) = holdout(&forward, fraction);
            prop_assert_eq!(fit.len() + validation.len(), all.len());
            prop_assert!(!fit.is_empty() && !validation.is_empty());
            let distinct: std::collections::BTreeSet<_> = all.iter().filter_map(|r| r.room.as_ref()).collect();
            if distinct.len() > 1 {
                prop_assert!(fit.iter().all(|a| a.room.is_none() || validation.iter().all(|b| a.room != b.room)));
            }
            let backward: Vec<&Recording> = all.iter().rev().collect();
            let (_, mut again) = holdout(&backward, fraction);
            again.reverse();
            prop_assert_eq!(validation, again);
        }
    }
}
