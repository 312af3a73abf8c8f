//! Splits: train, validation, test and evaluation, folds, and the part of train that is held out where no
//! validation split is published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::recording::Recording;

/// What a recording may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Split {
    /// Training; and validation where there is no split for it.
    #[serde(rename = "train")]
    Train,
    /// Validation: what training chooses its best epoch and its thresholds by.
    #[serde(rename = "val")]
    Validation,
    /// The test of the development set, which training never sees.
    #[serde(rename = "test")]
    Test,
    /// The evaluation set of a challenge, where its labels were published.
    #[serde(rename = "eval")]
    Evaluation,
}

impl Split {
    /// All, in the order they are listed in.
    pub const ALL: [Self; 4] = [Self::Train, Self::Validation, Self::Test, Self::Evaluation];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "val",
            Self::Test => "test",
            Self::Evaluation => "eval",
        }
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of the recordings of a dataset, by name: a split, a fold, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// A split.
    Split(Split),
    /// A fold, whatever it is used for.
    Fold(u32),
    /// Everything.
    All,
}

impl Selection {
    /// Whether a recording belongs to it.
    pub fn contains(self, recording: &Recording) -> bool {
        match self {
            Self::Split(split) => recording.split == split,
            Self::Fold(fold) => recording.fold == Some(fold),
            Self::All => true,
        }
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Split(split) => split.fmt(f),
            Self::Fold(fold) => write!(f, "fold{fold}"),
            Self::All => f.write_str("all"),
        }
    }
}

/// The text names no split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no split {name:?}; there are train, val, test, eval, fold1, fold2, ... and all")]
pub struct UnknownSplit {
    /// What was asked for.
    pub name: String,
}

impl std::str::FromStr for Selection {
    type Err = UnknownSplit;

    fn from_str(name: &str) -> Result<Self, UnknownSplit> {
        let split = Split::ALL.into_iter().find(|split| split.name() == name).map(Self::Split);
        let fold = || name.strip_prefix("fold").and_then(|n| n.parse().ok()).map(Self::Fold);
        let all = || (name == "all").then_some(Self::All);
        split.or_else(fold).or_else(all).ok_or_else(|| UnknownSplit { name: name.to_owned() })
    }
}

/// "room4" of `fold3_room4_mix001`, "ir2" of `split1_ir2_ov1_7`: the room, by the impulse responses used.
pub(super) fn room_of(name: &str) -> Option<String> {
    name.split('_').find(|part| number_after(part, &["room", "ir"]).is_some()).map(str::to_owned)
}

/// 3 of `fold3_room4_mix001` and of `split3_ir2_ov1_7`.
pub(super) fn fold_of(name: &str) -> Option<u32> {
    name.split('_').find_map(|part| number_after(part, &["fold", "split"]))
}

fn number_after(part: &str, words: &[&str]) -> Option<u32> {
    let digits = words.iter().find_map(|word| part.strip_prefix(word))?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
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
            Recording::named(&name, *samples)
        };
        rooms.iter().enumerate().map(make).collect()
    }

    #[test]
    fn room_is_a_part_of_the_name() {
        assert_eq!(room_of("fold3_room4_mix001").as_deref(), Some("room4"));
        assert_eq!(room_of("fold3_roomy_mix001"), None);
        assert_eq!(room_of("bedroom4"), None);
        assert_eq!(room_of("split1_ir2_ov1_7").as_deref(), Some("ir2"));
        assert_eq!((fold_of("split1_ir2_ov1_7"), fold_of("fold3_room4_mix001")), (Some(1), Some(3)));
        assert_eq!((fold_of("folding_room4"), fold_of("mix001")), (None, None));
    }

    #[test]
    fn selections_have_names() {
        for name in ["train", "val", "test", "eval", "fold2", "all"] {
            assert_eq!(name.parse::<Selection>().unwrap().to_string(), name);
        }
        for name in ["validation", "fold", "foldx", ""] {
            assert!(name.parse::<Selection>().is_err(), "{name}");
        }
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
