//! Files below a folder, found by their stem, so that two trees can be matched recording by recording.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::fs::FileError;

/// Why the files of a folder could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A folder could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Two files that would be the same recording.
    #[error(
        "recording {stem} is there twice, as {} and {}; keep or name one of them",
        first.display(),
        second.display()
    )]
    Twice {
        /// The name without folder and extension.
        stem: String,
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
}

/// All files with this extension (in any case, without the dot) at any depth below `root`, sorted by path.
/// Names that begin with a dot are passed over, as editors and archive programs leave them.
///
/// # Errors
/// A folder that cannot be read.
pub fn files(root: &Path, extension: &str) -> Result<Vec<PathBuf>, FileError> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).map_err(FileError::at("read folder", &folder))? {
            let entry = entry.map_err(FileError::at("read folder", &folder))?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type().map_err(FileError::at("look at", &path))?.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Like [`files`], by stem.
///
/// # Errors
/// A folder that cannot be read; two files of one stem.
pub fn files_by_stem(root: &Path, extension: &str) -> Result<BTreeMap<String, PathBuf>, TreeError> {
    let mut by_stem = BTreeMap::new();
    for path in files(root, extension)? {
        if let Some(first) = by_stem.insert(stem(&path), path.clone()) {
            return Err(TreeError::Twice { stem: stem(&path), first, second: path });
        }
    }
    Ok(by_stem)
}

/// The file's name without folder and extension.
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_at_any_depth_and_refuses_two_of_one_stem() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "x/y/a.CSV", "x/.hidden.csv", "x/c.txt"] {
            crate::fs::write_bytes(&folder.path().join(name), b"").unwrap();
        }
        let found = files_by_stem(folder.path(), "csv").unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "b"]);
        crate::fs::write_bytes(&folder.path().join("x/b.csv"), b"").unwrap();
        assert!(
            files_by_stem(folder.path(), "csv")
                .unwrap_err()
                .to_string()
                .contains("recording b is there twice")
        );
        assert!(files(&folder.path().join("none"), "csv").is_err());
    }
}
