//! `folds.json`: which fold is used for what, for another turn of a cross-validation than the published one.
//!
//! ```json
//! {"train": [1, 2], "val": [3], "test": [4]}
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use super::Entry;
use crate::dataset::error::Error;
use crate::dataset::split::{Split, fold_of};
use crate::fs::FileError;

/// Name of the file, in the dataset's folder.
const FILE: &str = "folds.json";

/// What each fold is used for.
pub(super) struct Folds(BTreeMap<u32, Split>);

/// Reads the file, where there is one.
pub(super) fn read(root: &Path) -> Result<Option<Folds>, Error> {
    let path = root.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(FileError::at("read", &path))?;
    let wrong = |problem: String| Error::Folds { path: path.clone(), problem };
    let lists: BTreeMap<Split, Vec<u32>> =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    let mut folds = BTreeMap::new();
    for (split, list) in lists {
        for fold in list {
            if let Some(other) = folds.insert(fold, split) {
                return Err(wrong(format!("fold {fold} is both in {other} and in {split}")));
            }
        }
    }
    Ok(Some(Folds(folds)))
}

impl Folds {
    /// Gives the recordings of the named folds their splits; those of other folds are left out. Recordings that
    /// belong to no fold stay as they are.
    pub(super) fn apply(&self, entries: &mut Vec<Entry>) {
        entries.retain_mut(|entry| {
            let Some(fold) = fold_of(&entry.name).filter(|_| entry.split != Split::Evaluation) else {
                return true;
            };
            let split = self.0.get(&fold);
            entry.split = split.copied().unwrap_or(entry.split);
            split.is_some()
        });
    }
}
