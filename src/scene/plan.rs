//! What to make: the settings of a dataset and the list of its recordings.

use std::path::PathBuf;

use super::bank::Subset;
use super::error::SceneError;
use crate::seld::event::FRAMES_PER_SECOND;

/// Length of a recording in seconds; the last one of a subset may be shorter.
const RECORDING_S: f64 = 30.0;
/// Shorter remainders are not made.
const LEAST_RECORDING_S: f64 = 1.0;
/// Rooms of the train and of the test subset where the number is not given.
const ROOMS: (usize, usize) = (4, 2);

/// Settings of a synthesised dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthConfig {
    /// Total length in minutes, above 0.
    pub minutes: f64,
    /// Folder of recordings, one sub-folder a class; the built-in procedural events when absent.
    pub events: Option<PathBuf>,
    /// Rooms of both subsets together, at least 2; 4 for train and 2 for test when absent.
    pub rooms: Option<usize>,
    /// Most events at a time, 1 to 5.
    pub polyphony: usize,
    /// Share of events that move, in [0, 1].
    pub moving: f64,
    /// Lowest and highest ratio of event to ambient noise power of a recording, in dB.
    pub snr_db: (f64, f64),
    /// Seed of everything random.
    pub seed: u64,
    /// Proportion of train to test minutes, both above 0.
    pub split: (f64, f64),
}

impl SynthConfig {
    /// Default settings for a dataset of so many minutes.
    pub fn new(minutes: f64) -> Self {
        Self {
            minutes,
            events: None,
            rooms: None,
            polyphony: 2,
            moving: 0.25,
            snr_db: (10.0, 30.0),
            seed: 0,
            split: (3.0, 1.0),
        }
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// The first setting that is outside.
    pub fn validate(&self) -> Result<(), SceneError> {
        let check = |ok: bool, key, expected, got: String| {
            if ok { Ok(()) } else { Err(SceneError::Setting { key, expected, got }) }
        };
        let minutes = self.minutes > 0.0 && self.minutes <= 100_000.0;
        check(minutes, "minutes", "a number above 0 and up to 100000", self.minutes.to_string())?;
        let rooms = self.rooms.is_none_or(|rooms| (2..=1000).contains(&rooms));
        check(rooms, "rooms", "2 to 1000", format!("{:?}", self.rooms.unwrap_or(0)))?;
        check((1..=5).contains(&self.polyphony), "polyphony", "1 to 5", self.polyphony.to_string())?;
        check((0.0..=1.0).contains(&self.moving), "moving", "a share in [0, 1]", self.moving.to_string())?;
        let (low, high) = self.snr_db;
        let snr = low <= high && low >= -20.0 && high <= 100.0;
        check(snr, "snr", "LO:HI in dB with -20 <= LO <= HI <= 100", format!("{low}:{high}"))?;
        let (train, test) = self.split;
        let split = train > 0.0 && test > 0.0 && (train + test).is_finite();
        check(split, "split", "two numbers above 0, as in 3:1", format!("{train}:{test}"))?;
        let least_s = self.seconds(Subset::Train).min(self.seconds(Subset::Test));
        let expected = "at least 1 second for each of train and test";
        check(least_s >= LEAST_RECORDING_S, "minutes", expected, self.minutes.to_string())
    }

    fn seconds(&self, subset: Subset) -> f64 {
        let (train, test) = self.split;
        let share = if subset == Subset::Train { train } else { test };
        // To the millisecond, so that 8 of 11 minutes are not a hair less than 16 recordings.
        (self.minutes * 60_000.0 * share / (train + test)).round() / 1_000.0
    }

    fn rooms_of(&self, subset: Subset) -> (usize, usize) {
        let (train, test) = match self.rooms {
            None => ROOMS,
            Some(rooms) => {
                let share = self.split.1 / (self.split.0 + self.split.1);
                let test = ((rooms as f64 * share).round() as usize).clamp(1, rooms - 1);
                (rooms - test, test)
            }
        };
        if subset == Subset::Train { (1, train) } else { (train + 1, test) }
    }

    /// The recordings to make, in order. Rooms are numbered from 1, those of the test subset after the others.
    pub(super) fn recordings(&self) -> Vec<RecordingPlan> {
        let mut plans = Vec::new();
        for subset in [Subset::Train, Subset::Test] {
            let (first_room, rooms) = self.rooms_of(subset);
            let seconds = self.seconds(subset);
            let whole = (seconds / RECORDING_S) as usize;
            let rest = seconds - whole as f64 * RECORDING_S;
            let lengths = std::iter::repeat_n(RECORDING_S, whole).chain([rest]);
            for (index, seconds) in lengths.enumerate().filter(|(_, s)| *s >= LEAST_RECORDING_S) {
                plans.push(RecordingPlan {
                    subset,
                    index,
                    room: first_room + index % rooms,
                    mix: index / rooms + 1,
                    frames: (seconds * FRAMES_PER_SECOND as f64).round() as usize,
                });
            }
        }
        plans
    }
}

/// One recording to make.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RecordingPlan {
    /// Train or test.
    pub(super) subset: Subset,
    /// Number within the subset, from 0.
    pub(super) index: usize,
    /// Room number, from 1.
    pub(super) room: usize,
    /// Number within the room, from 1.
    pub(super) mix: usize,
    /// Length in label frames.
    pub(super) frames: usize,
}

impl RecordingPlan {
    /// Path below `foa_dev` and `metadata_dev`, without an extension.
    pub(super) fn stem(&self) -> String {
        let (folder, fold) = match self.subset {
            Subset::Train => ("dev-train-synth", 3),
            Subset::Test => ("dev-test-synth", 4),
        };
        format!("{folder}/fold{fold}_room{}_mix{:03}", self.room, self.mix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_and_rooms_are_divided() {
        let config = SynthConfig { split: (8.0, 3.0), ..SynthConfig::new(11.0) };
        config.validate().unwrap();
        let plans = config.recordings();
        let (train, test): (Vec<_>, Vec<_>) = plans.iter().partition(|plan| plan.subset == Subset::Train);
        assert_eq!((train.len(), test.len()), (16, 6));
        assert!(plans.iter().all(|plan| plan.frames == 300));
        let rooms = |plans: &[&RecordingPlan]| {
            plans.iter().map(|plan| plan.room).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(rooms(&train), (1..=4).collect());
        assert_eq!(rooms(&test), (5..=6).collect());
        assert_eq!(train[5].stem(), "dev-train-synth/fold3_room2_mix002");
    }

    #[test]
    fn settings_outside_their_range_are_named() {
        let base = SynthConfig::new(1.0);
        for (config, key) in [
            (SynthConfig::new(0.0), "minutes"),
            (SynthConfig::new(f64::NAN), "minutes"),
            (SynthConfig { rooms: Some(1), ..base.clone() }, "rooms"),
            (SynthConfig { polyphony: 0, ..base.clone() }, "polyphony"),
            (SynthConfig { moving: 1.5, ..base.clone() }, "moving"),
            (SynthConfig { snr_db: (30.0, 6.0), ..base.clone() }, "snr"),
            (SynthConfig { split: (1.0, 0.0), ..base.clone() }, "split"),
            (SynthConfig { split: (1000.0, 1.0), ..base }, "minutes"),
        ] {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.starts_with(key), "{message}");
        }
    }
}
