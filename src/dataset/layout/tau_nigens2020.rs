//! TAU-NIGENS Spatial Sound Events 2020 (DCASE 2020): `foa_dev/fold1_room1_mix001_ov1.wav`, 24 kHz, without further
//! folders, labels `frame,class,source,azimuth,elevation`. Fold 1 is for testing, 2 for validation, 3 to 6 for
//! training. The source is the number of the event in its recording.

use super::Rules;
use crate::dataset::labels::LabelForm;
use crate::dataset::split::{Split, fold_of};

/// The classes by index.
pub const CLASSES: [&str; 14] = [
    "alarm",
    "crying baby",
    "crash",
    "barking dog",
    "running engine",
    "female scream",
    "female speech",
    "burning fire",
    "footsteps",
    "knocking on door",
    "male scream",
    "male speech",
    "ringing phone",
    "piano",
];

pub(super) const RULES: Rules = Rules {
    labels: LabelForm::Frames,
    split: |_, stem| match fold_of(stem)? {
        1 => Some(Split::Test),
        2 => Some(Split::Validation),
        3..=6 => Some(Split::Train),
        _ => None,
    },
    expected: "name its files fold1_NAME to fold6_NAME",
};
