//! Where reference cases are.

use std::path::{Path, PathBuf};

/// The sub-folders of this name in `tests/fixtures` and in each folder of `AT2SELD_REFERENCE_DIRS`.
pub fn named(kind: &str) -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let others = std::env::var_os("AT2SELD_REFERENCE_DIRS").unwrap_or_default();
    let others = std::env::split_paths(&others).filter(|path| !path.as_os_str().is_empty());
    std::iter::once(own).chain(others).map(|folder| folder.join(kind)).filter(|f| f.is_dir()).collect()
}

/// The files with this extension directly in the folders that [`named`] gives, sorted within each.
pub fn cases(kind: &str, extension: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for folder in named(kind) {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|e| e == extension));
        files.sort();
        all.append(&mut files);
    }
    all
}
