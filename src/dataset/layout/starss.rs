//! The tree of STARSS22 and STARSS23, also written by `data synth`: `foa_dev/dev-train-SITE/NAME.wav` with labels
//! in `metadata_dev/dev-train-SITE/NAME.csv`, the same for `dev-test-SITE`. A file `classes.txt` beside them
//! names the classes, one a line; without it they are the 13 of STARSS.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Entry, Listing};
use crate::dataset::error::Error;
use crate::dataset::fold::Split;
use crate::dataset::labels::{STARSS_CLASSES, read_classes};
use crate::fs::FileError;
use crate::seld::tree::{self, TreeError};

/// Folder of the audio.
pub const AUDIO: &str = "foa_dev";
/// Folder of the labels.
pub const LABELS: &str = "metadata_dev";
/// File of the class names.
pub const CLASSES: &str = "classes.txt";

/// Lists what is below `root`. Problems of single folders are in the listing.
///
/// # Errors
/// The folder cannot be read.
pub fn list(root: &Path) -> Result<Listing, Error> {
    std::fs::read_dir(root).map_err(FileError::at("read folder", root))?;
    let mut errors = Vec::new();
    let classes_file = root.join(CLASSES);
    let classes = if classes_file.exists() { read_classes(&classes_file) } else { Ok(starss_classes()) };
    let classes = classes.unwrap_or_else(|error| {
        errors.push(error);
        Vec::new()
    });
    let (audio_root, labels_root) = (root.join(AUDIO), root.join(LABELS));
    if !audio_root.is_dir() {
        errors.push(Error::Empty { root: root.to_owned() });
        return Ok(Listing { entries: Vec::new(), classes, errors, orphans: Vec::new() });
    }
    let entries = entries(&audio_root, &labels_root, &mut errors)?;
    if entries.is_empty() && errors.is_empty() {
        errors.push(Error::Empty { root: root.to_owned() });
    }
    let expected: BTreeSet<&Path> = entries.values().map(|entry| entry.labels.as_path()).collect();
    let mut orphans = Vec::new();
    if labels_root.is_dir() {
        orphans = tree::files(&labels_root, "csv")?;
        orphans.retain(|path| !expected.contains(path.as_path()));
    }
    Ok(Listing { entries: entries.into_values().collect(), classes, errors, orphans })
}

fn starss_classes() -> Vec<String> {
    STARSS_CLASSES.map(str::to_owned).to_vec()
}

fn entries(
    audio_root: &Path,
    labels_root: &Path,
    errors: &mut Vec<Error>,
) -> Result<BTreeMap<String, Entry>, Error> {
    let mut entries = BTreeMap::new();
    let mut strange = BTreeSet::new();
    for audio in tree::files(audio_root, "wav")? {
        let below = audio.strip_prefix(audio_root).unwrap_or(&audio);
        let Some(split) = split_of(below) else {
            let folder = audio.parent().unwrap_or(audio_root).to_owned();
            if strange.insert(folder.clone()) {
                errors.push(Error::NoSplit { path: folder });
            }
            continue;
        };
        let labels = labels_root.join(below).with_extension("csv");
        let name = tree::stem(&audio);
        let entry = Entry { name: name.clone(), audio: audio.clone(), labels, split };
        let earlier: Option<Entry> = entries.insert(name.clone(), entry);
        if let Some(Entry { audio: first, .. }) = earlier {
            errors.push(TreeError::Twice { stem: name, first, second: audio }.into());
        }
    }
    Ok(entries)
}

/// By the first folder below `foa_dev`.
fn split_of(below: &Path) -> Option<Split> {
    let folder = PathBuf::from(below.parent()?.iter().next()?);
    let name = folder.to_str()?;
    let is = |split: &str| name == split || name.starts_with(&format!("{split}-"));
    match () {
        () if is("dev-train") => Some(Split::Train),
        () if is("dev-test") => Some(Split::Test),
        () => None,
    }
}
