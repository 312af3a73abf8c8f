//! Which layout a folder has.

use std::path::Path;

use super::tree::{Files, first_folder};
use super::{Layout, synth};
use crate::seld::tree::stem;

/// By what its authors did and others did not: a list of classes, files named by splits or folds, folders, columns.
pub(super) fn detect(root: &Path, files: &Files) -> Layout {
    if root.join(synth::CLASSES).exists() {
        return Layout::Synth;
    }
    let half = &files.development;
    let folders: Vec<String> = half.audio.iter().map(|path| first_folder(half.below(path))).collect();
    let flat = |prefix: &str| {
        let named = |(path, folder): (&std::path::PathBuf, &String)| {
            folder.is_empty() && stem(path).strip_prefix(prefix).is_some_and(|rest| rest.starts_with(digit))
        };
        half.audio.iter().zip(&folders).any(named)
    };
    match () {
        () if flat("split") => Layout::Tau2019,
        () if flat("fold") => Layout::TauNigens2020,
        () if folders.iter().any(|folder| folder == "dev-val") => Layout::TauNigens2021,
        () if half.labels.iter().find_map(|path| columns(path)) == Some(5) => Layout::Starss22,
        () => Layout::Starss23,
    }
}

fn digit(letter: char) -> bool {
    letter.is_ascii_digit()
}

/// Columns of the first row of a label file that has one.
fn columns(path: &Path) -> Option<usize> {
    use std::io::BufRead;
    let mut line = String::new();
    std::io::BufReader::new(std::fs::File::open(path).ok()?).read_line(&mut line).ok()?;
    (!line.trim().is_empty()).then(|| line.split(',').count())
}
