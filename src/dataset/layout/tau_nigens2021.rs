//! TAU-NIGENS Spatial Sound Events 2021 (DCASE 2021): `foa_dev/dev-train/fold1_room1_mix001.wav`, the same for
//! `dev-val` and `dev-test`, 24 kHz, labels `frame,class,source,azimuth,elevation`. Folds 1 to 4 are in `dev-train`,
//! 5 in `dev-val`, 6 in `dev-test`. The source is the number of the event in its recording.

use super::Rules;
use super::tree::split_of_folder;
use crate::dataset::labels::LabelForm;
use crate::dataset::split::{Split, fold_of};

/// The classes by index: those of 2020 without the engine and the fire, which became interferers.
pub const CLASSES: [&str; 12] = [
    "alarm",
    "crying baby",
    "crash",
    "barking dog",
    "female scream",
    "female speech",
    "footsteps",
    "knocking on door",
    "male scream",
    "male speech",
    "ringing phone",
    "piano",
];

pub(super) const RULES: Rules = Rules {
    labels: LabelForm::Frames,
    // By folder; by fold where someone has put all into one folder.
    split: |folder, stem| match folder {
        "" => match fold_of(stem)? {
            1..=4 => Some(Split::Train),
            5 => Some(Split::Validation),
            6 => Some(Split::Test),
            _ => None,
        },
        folder => split_of_folder(folder),
    },
    expected: "name it dev-train, dev-val or dev-test",
};
