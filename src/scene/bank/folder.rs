//! A folder of recordings: one sub-folder a class, or a manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::error::SceneError;
use crate::fs::FileError;

/// Recordings of one kind by source group: what was recorded together stays in one subset.
pub(super) type Groups = Vec<Vec<PathBuf>>;

/// The recordings of a bank by name of class: those that its `manifest.csv` lists, or else all in its sub-folders,
/// each a group of its own.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, Groups>, SceneError> {
    let manifest = folder.join("manifest.csv");
    if manifest.is_file() { read_manifest(folder, &manifest) } else { scan(folder) }
}

/// Whether it is a file of a kind that can be read.
pub(in super::super) fn is_sound(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    path.is_file() && ["wav", "flac", "ogg"].contains(&extension.as_str())
}

/// What is in a folder, sorted by name, without hidden entries.
pub(in super::super) fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, SceneError> {
    let entries = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>());
    let mut paths = entries.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => SceneError::Bank {
            path: folder.to_owned(),
            expected: "a folder of recordings",
            got: e.to_string(),
        },
        _ => FileError::at("read", folder)(e).into(),
    })?;
    paths.retain(|path| !path.file_name().unwrap_or_default().as_encoded_bytes().starts_with(b"."));
    paths.sort();
    Ok(paths)
}

fn scan(folder: &Path) -> Result<BTreeMap<String, Groups>, SceneError> {
    let mut groups = BTreeMap::new();
    for class in sorted_entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let name = class.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let clips = sorted_entries(&class)?.into_iter().filter(|path| is_sound(path));
        groups.insert(name, clips.map(|path| vec![path]).collect());
    }
    Ok(groups)
}

fn read_manifest(folder: &Path, path: &Path) -> Result<BTreeMap<String, Groups>, SceneError> {
    let failed = |line: u64, reason: String| SceneError::Table { path: path.to_owned(), line, reason };
    let mut reader = csv::Reader::from_path(path).map_err(|e| failed(1, e.to_string()))?;
    let header = reader.headers().map_err(|e| failed(1, e.to_string()))?.clone();
    let column = |name: &str| {
        let missing = || failed(1, format!("no column {name:?}"));
        header.iter().position(|column| column.trim() == name).ok_or_else(missing)
    };
    let columns = [column("file")?, column("class")?, column("source_group")?];
    let mut groups: BTreeMap<String, BTreeMap<String, Vec<PathBuf>>> = BTreeMap::new();
    for record in reader.records() {
        let record =
            record.map_err(|e| failed(e.position().map_or(0, csv::Position::line), e.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let [file, class, group] = columns.map(|i| record.get(i).unwrap_or_default().trim());
        let clip = folder.join(file);
        if !is_sound(&clip) {
            return Err(failed(line, format!("{file:?} is not a wav, flac or ogg file in the bank")));
        }
        if class.is_empty() || group.is_empty() {
            return Err(failed(line, "class and source_group must not be empty".into()));
        }
        groups.entry(class.into()).or_default().entry(group.into()).or_default().push(clip);
    }
    Ok(groups.into_iter().map(|(class, groups)| (class, groups.into_values().collect())).collect())
}
