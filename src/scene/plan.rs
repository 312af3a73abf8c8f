//! What to make: the settings of a dataset and the list of its recordings.

use std::path::PathBuf;

use super::error::SceneError;
use super::subset::Subset;
use crate::seld::event::FRAMES_PER_SECOND;

/// Length of a recording in seconds; the last one of a subset may be shorter.
const RECORDING_S: f64 = 30.0;
/// Shorter remainders are not made.
const LEAST_RECORDING_S: f64 = 1.0;
/// Rooms of the train, the validation and the test subset where the number is not given.
const ROOMS: [usize; 3] = [4, 2, 2];

/// Settings of a synthesised dataset. Pairs are the lowest and the highest value; each recording (or room, or
/// event) draws its own between them.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthConfig {
    /// Total length in minutes, above 0.
    pub minutes: f64,
    /// Folder of recordings, one sub-folder a class; the built-in procedural events when absent.
    pub events: Option<PathBuf>,
    /// The built-in events beside those of the folder.
    pub builtin: bool,
    /// Classes to use, in the order of their numbers; all when empty.
    pub classes: Vec<String>,
    /// Rooms of all subsets together, at least one for each; 4 for train and 2 for each other when absent.
    pub rooms: Option<usize>,
    /// Folder of measured FOA impulse responses, instead of simulated rooms.
    pub rirs: Option<PathBuf>,
    /// Reverberation time of simulated rooms in seconds, within [0.15, 1].
    pub rt60_s: (f64, f64),
    /// Most events at a time, 1 to 5.
    pub polyphony: usize,
    /// How likely an event that begins while others sound is of the class of one of them, in [0, 1]; at 0 no class
    /// overlaps with itself.
    pub same_class: f64,
    /// Share of events that move, in [0, 1].
    pub moving: f64,
    /// Share of the time in which no event sounds, in [0, 0.9].
    pub silence: f64,
    /// Level of an event in dB, within [-40, 40]; 0 is the same for all.
    pub gain_db: (f64, f64),
    /// Ratio of event to ambient noise power of a recording, in dB within [-20, 100].
    pub snr_db: (f64, f64),
    /// Change of the ambient noise's power density in dB an octave, within [-12, 6].
    pub noise_tilt_db: (f64, f64),
    /// Folder of recorded ambient noise, instead of generated noise.
    pub ambience: Option<PathBuf>,
    /// Most unlabelled sounds in a recording, up to 20; 2 where the folder of events has some when absent, else 0.
    pub interferers: Option<usize>,
    /// Seed of everything random.
    pub seed: u64,
    /// Proportion of train, validation and test minutes; only that of validation may be 0, for none.
    pub split: [f64; 3],
}

impl SynthConfig {
    /// Default settings for a dataset of so many minutes.
    pub fn new(minutes: f64) -> Self {
        Self {
            minutes,
            events: None,
            builtin: false,
            classes: Vec::new(),
            rooms: None,
            rirs: None,
            rt60_s: (0.2, 0.6),
            polyphony: 2,
            // The labels of STARSS22 leave 14% of the frames empty, and have two of one class in a fifth of those
            // with two or more.
            same_class: 0.1,
            moving: 0.25,
            silence: 0.15,
            gain_db: (-5.0, 5.0),
            snr_db: (10.0, 30.0),
            noise_tilt_db: (-6.0, -2.0),
            ambience: None,
            interferers: None,
            seed: 0,
            split: [3.0, 0.0, 1.0],
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
        let [train, validation, test] = self.split;
        let split = train > 0.0 && validation >= 0.0 && test > 0.0 && (train + validation + test).is_finite();
        let expected = "two or three numbers above 0, as in 3:1 or 3:1:1";
        check(split, "split", expected, format!("{train}:{validation}:{test}"))?;
        let subsets = self.subsets();
        let least_s = subsets.iter().map(|subset| self.seconds(*subset)).fold(f64::INFINITY, f64::min);
        let expected = "at least 1 second for each of train and test, and of val where there is one";
        check(least_s >= LEAST_RECORDING_S, "minutes", expected, self.minutes.to_string())?;
        let rooms = self.rooms.is_none_or(|rooms| (subsets.len()..=1000).contains(&rooms));
        let expected = if subsets.len() == 2 { "2 to 1000" } else { "3 to 1000" };
        check(rooms, "rooms", expected, format!("{:?}", self.rooms.unwrap_or(0)))?;
        check((1..=5).contains(&self.polyphony), "polyphony", "1 to 5", self.polyphony.to_string())?;
        for (key, share) in [("moving", self.moving), ("same-class", self.same_class)] {
            check((0.0..=1.0).contains(&share), key, "a share in [0, 1]", share.to_string())?;
        }
        let silence = (0.0..=0.9).contains(&self.silence);
        check(silence, "silence", "a share in [0, 0.9]", self.silence.to_string())?;
        let interferers = self.interferers.is_none_or(|most| most <= 20);
        check(interferers, "interferers", "0 to 20", format!("{:?}", self.interferers.unwrap_or(0)))?;
        for (key, (low, high), least, most, expected) in [
            ("rt60", self.rt60_s, 0.15, 1.0, "LO:HI in seconds with 0.15 <= LO <= HI <= 1"),
            ("snr", self.snr_db, -20.0, 100.0, "LO:HI in dB with -20 <= LO <= HI <= 100"),
            ("gain", self.gain_db, -40.0, 40.0, "LO:HI in dB with -40 <= LO <= HI <= 40"),
            ("noise-tilt", self.noise_tilt_db, -12.0, 6.0, "LO:HI in dB an octave with -12 <= LO <= HI <= 6"),
        ] {
            check(low <= high && low >= least && high <= most, key, expected, format!("{low}:{high}"))?;
        }
        Ok(())
    }

    /// The subsets that the dataset has.
    pub(super) fn subsets(&self) -> &'static [Subset] {
        if self.split[1] > 0.0 { &Subset::ALL } else { &Subset::TRAIN_TEST }
    }

    /// Share of the minutes that a subset has.
    fn share(&self, subset: Subset) -> f64 {
        self.split[subset as usize] / self.split.iter().sum::<f64>()
    }

    fn seconds(&self, subset: Subset) -> f64 {
        // To the millisecond, so that 8 of 11 minutes are not a hair less than 16 recordings.
        (self.minutes * 60_000.0 * self.share(subset)).round() / 1_000.0
    }

    /// Number of simulated rooms of each subset, in the order of [`Subset::ALL`]: in proportion to its minutes, and
    /// at least one.
    pub(super) fn room_counts(&self) -> [usize; 3] {
        let subsets = self.subsets();
        let mut counts = ROOMS;
        if let Some(rooms) = self.rooms {
            let mut left = rooms;
            for (before, subset) in subsets.iter().enumerate().skip(1).rev() {
                let share = (rooms as f64 * self.share(*subset)).round() as usize;
                counts[*subset as usize] = share.clamp(1, left - before);
                left -= counts[*subset as usize];
            }
            counts[Subset::Train as usize] = left;
        }
        if !subsets.contains(&Subset::Validation) {
            counts[Subset::Validation as usize] = 0;
        }
        counts
    }

    /// The recordings to make, in order, with so many rooms for each subset. Rooms are numbered from 1, those of a
    /// subset together, in the order of [`Subset::ALL`].
    pub(super) fn recordings(&self, rooms: [usize; 3]) -> Vec<RecordingPlan> {
        let mut plans = Vec::new();
        let mut first_room = 1;
        for subset in self.subsets().iter().copied() {
            let rooms = rooms[subset as usize];
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
            first_room += rooms;
        }
        plans
    }
}

/// One recording to make.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RecordingPlan {
    /// The subset it belongs to.
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
        let fold = match self.subset {
            Subset::Train => 3,
            Subset::Validation => 2,
            Subset::Test => 4,
        };
        format!("dev-{}-synth/fold{fold}_room{}_mix{:03}", self.subset.name(), self.room, self.mix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_and_rooms_are_divided() {
        let config = SynthConfig { split: [8.0, 0.0, 3.0], ..SynthConfig::new(11.0) };
        config.validate().unwrap();
        let plans = config.recordings(config.room_counts());
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
    fn rooms_and_minutes_of_three_subsets() {
        let config = SynthConfig { split: [16.0, 4.0, 10.0], rooms: Some(21), ..SynthConfig::new(30.0) };
        config.validate().unwrap();
        assert_eq!(config.room_counts(), [11, 3, 7]);
        let plans = config.recordings(config.room_counts());
        let of = |subset| plans.iter().filter(move |plan| plan.subset == subset);
        assert_eq!(Subset::ALL.map(|subset| of(subset).count()), [32, 8, 20]);
        assert_eq!(of(Subset::Validation).map(|plan| plan.room).min(), Some(12));
        assert_eq!(of(Subset::Test).map(|plan| plan.room).min(), Some(15));
        assert_eq!(of(Subset::Validation).next().unwrap().stem(), "dev-val-synth/fold2_room12_mix001");
        for rooms in 3..12 {
            let counts = SynthConfig { rooms: Some(rooms), ..config.clone() }.room_counts();
            assert!(counts.iter().all(|count| *count > 0) && counts.iter().sum::<usize>() == rooms);
        }
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
            (SynthConfig { rt60_s: (0.1, 0.5), ..base.clone() }, "rt60"),
            (SynthConfig { rt60_s: (0.5, f64::NAN), ..base.clone() }, "rt60"),
            (SynthConfig { gain_db: (0.0, 50.0), ..base.clone() }, "gain"),
            (SynthConfig { noise_tilt_db: (-20.0, 0.0), ..base.clone() }, "noise-tilt"),
            (SynthConfig { silence: 1.0, ..base.clone() }, "silence"),
            (SynthConfig { same_class: -0.1, ..base.clone() }, "same-class"),
            (SynthConfig { interferers: Some(21), ..base.clone() }, "interferers"),
            (SynthConfig { split: [1.0, 0.0, 0.0], ..base.clone() }, "split"),
            (SynthConfig { split: [1000.0, 0.0, 1.0], ..base.clone() }, "minutes"),
            (SynthConfig { split: [1.0, -1.0, 1.0], ..base.clone() }, "split"),
            (SynthConfig { split: [8.0, 1.0, 8.0], minutes: 0.2, ..base.clone() }, "minutes"),
            (SynthConfig { split: [1.0, 1.0, 1.0], rooms: Some(2), ..base }, "rooms"),
        ] {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.starts_with(key), "{message}");
        }
    }
}
