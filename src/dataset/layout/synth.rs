//! What `data synth` writes, and what one's own recordings are best put into: the tree and labels of STARSS23, with
//! `dev-val-SITE` folders if one likes, and a file `classes.txt` that names the classes, one a line.

use super::Rules;
use super::tree::split_of_folder;
use crate::dataset::labels::LabelForm;

/// File of the class names.
pub const CLASSES: &str = "classes.txt";

pub(super) const RULES: Rules = Rules {
    labels: LabelForm::Frames,
    split: |folder, _| split_of_folder(folder),
    expected: "name it dev-train-SITE, dev-val-SITE or dev-test-SITE",
};
