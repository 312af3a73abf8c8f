//! The files of a dataset, found before one knows its layout.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{AUDIO, EVALUATION_AUDIO, EVALUATION_LABELS, Entry, LABELS, Rules};
use crate::dataset::error::Error;
use crate::dataset::split::Split;
use crate::fs::FileError;
use crate::seld::tree::{self, TreeError};

/// Audio and label files of a dataset, sorted by path.
pub(super) struct Files {
    pub(super) development: Half,
    evaluation: Half,
}

/// A folder of audio and the folder of its labels.
pub(super) struct Half {
    audio_root: PathBuf,
    labels_root: PathBuf,
    pub(super) audio: Vec<PathBuf>,
    pub(super) labels: Vec<PathBuf>,
}

impl Files {
    pub(super) fn find(root: &Path) -> Result<Self, FileError> {
        let development = Half::find(root, AUDIO, LABELS)?;
        let mut evaluation = Half::find(root, EVALUATION_AUDIO, EVALUATION_LABELS)?;
        if !evaluation.labels_root.is_dir() {
            // Published without labels, as of STARSS: nothing to evaluate.
            evaluation.audio.clear();
        }
        Ok(Self { development, evaluation })
    }

    /// The recordings by name.
    pub(super) fn entries(&self, layout: &'static str, rules: &Rules, errors: &mut Vec<Error>) -> Vec<Entry> {
        let mut entries = BTreeMap::new();
        let mut strange = BTreeSet::new();
        for (half, evaluation) in [(&self.development, false), (&self.evaluation, true)] {
            for audio in &half.audio {
                let below = half.below(audio);
                let name = tree::stem(audio);
                let split = match evaluation {
                    true => Some(Split::Evaluation),
                    false => (rules.split)(&first_folder(below), &name),
                };
                let Some(split) = split else {
                    let path = audio.parent().unwrap_or(&half.audio_root).to_owned();
                    if strange.insert(path.clone()) {
                        errors.push(Error::NoSplit { path, layout, expected: rules.expected });
                    }
                    continue;
                };
                let labels = half.labels_root.join(below).with_extension("csv");
                let entry = Entry { name: name.clone(), audio: audio.clone(), labels, split };
                let earlier: Option<Entry> = entries.insert(name.clone(), entry);
                if let Some(Entry { audio: first, .. }) = earlier {
                    errors.push(TreeError::Twice { stem: name, first, second: audio.clone() }.into());
                }
            }
        }
        entries.into_values().collect()
    }

    /// Label files that belong to no recording.
    pub(super) fn orphans(&self, entries: &[Entry]) -> Vec<PathBuf> {
        let expected: BTreeSet<&Path> = entries.iter().map(|entry| entry.labels.as_path()).collect();
        let all = self.development.labels.iter().chain(&self.evaluation.labels);
        all.filter(|path| !expected.contains(path.as_path())).cloned().collect()
    }
}

impl Half {
    fn find(root: &Path, audio: &str, labels: &str) -> Result<Self, FileError> {
        let (audio_root, labels_root) = (root.join(audio), root.join(labels));
        let files = |folder: &Path, extension| match folder.is_dir() {
            true => tree::files(folder, extension),
            false => Ok(Vec::new()),
        };
        let mut audio = files(&audio_root, "wav")?;
        audio.extend(files(&audio_root, "flac")?);
        audio.sort();
        let labels = files(&labels_root, "csv")?;
        Ok(Self { audio_root, labels_root, audio, labels })
    }

    /// The path below the folder of the audio.
    pub(super) fn below<'a>(&self, audio: &'a Path) -> &'a Path {
        audio.strip_prefix(&self.audio_root).unwrap_or(audio)
    }
}

/// "dev-train-tau" of `dev-train-tau/fold3_room4_mix001.wav`; empty for a file that is in no further folder.
pub(super) fn first_folder(below: &Path) -> String {
    let folder = below.parent().and_then(|parent| parent.iter().next());
    folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// By the names that all layouts with folders share: `dev-train`, `dev-train-SITE`, and so on.
pub(super) fn split_of_folder(folder: &str) -> Option<Split> {
    let is =
        |split: &str| folder.strip_prefix(split).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    match () {
        () if is("dev-train") => Some(Split::Train),
        () if is("dev-val") => Some(Split::Validation),
        () if is("dev-test") => Some(Split::Test),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_their_split() {
        assert_eq!(split_of_folder("dev-train-sony"), Some(Split::Train));
        assert_eq!(split_of_folder("dev-val"), Some(Split::Validation));
        assert_eq!(split_of_folder("dev-test-tau"), Some(Split::Test));
        assert_eq!(split_of_folder("dev-tests"), None);
        assert_eq!(split_of_folder(""), None);
    }
}
