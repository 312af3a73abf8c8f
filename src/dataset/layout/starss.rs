//! STARSS22 and STARSS23 (DCASE 2022 to 2024): `foa_dev/dev-train-sony/fold3_room21_mix001.wav` and the same for
//! `dev-train-tau`, `dev-test-sony` and `dev-test-tau`, 24 kHz. Labels in the same folders below `metadata_dev`:
//! `frame,class,source,azimuth,elevation`, since STARSS23 with the distance in centimetres. The source is a person,
//! not an event; 0 is everything that is no person.

use super::Rules;
use super::tree::split_of_folder;
use crate::dataset::labels::LabelForm;

/// The classes by index.
pub const CLASSES: [&str; 13] = [
    "Female speech, woman speaking",
    "Male speech, man speaking",
    "Clapping",
    "Telephone",
    "Laughter",
    "Domestic sounds",
    "Walk, footsteps",
    "Door, open or close",
    "Music",
    "Musical instrument",
    "Water tap, faucet",
    "Bell",
    "Knock",
];

pub(super) const RULES: Rules = Rules {
    labels: LabelForm::Frames,
    split: |folder, _| split_of_folder(folder),
    expected: "name it dev-train-SITE or dev-test-SITE",
};
