//! The folder trees that datasets come in, as their authors publish them. One file a layout; docs/datasets.md says
//! where each is described.
//!
//! All have audio in `foa_dev` and labels of the same name in `metadata_dev`. Where the labels of a challenge's
//! evaluation set were published, `foa_eval` and `metadata_eval` stand beside them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::labels::{LabelForm, read_classes};
use super::split::Split;
use crate::fs::FileError;

mod detect;
mod folds;
pub mod starss;
pub mod synth;
pub mod tau2019;
pub mod tau_nigens2020;
pub mod tau_nigens2021;
mod tree;

/// A layout that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// TAU Spatial Sound Events 2019.
    Tau2019,
    /// TAU-NIGENS Spatial Sound Events 2020.
    #[serde(rename = "tau-nigens2020")]
    TauNigens2020,
    /// TAU-NIGENS Spatial Sound Events 2021.
    #[serde(rename = "tau-nigens2021")]
    TauNigens2021,
    /// Sony-TAu Realistic Spatial Soundscapes 2022.
    Starss22,
    /// Sony-TAu Realistic Spatial Soundscapes 2023.
    Starss23,
    /// What `data synth` writes; also for datasets of one's own.
    Synth,
}

/// The text names no layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no layout {name:?}; there are {}", Layout::ALL.map(Layout::name).join(", "))]
pub struct UnknownLayout {
    /// What was asked for.
    pub name: String,
}

impl Layout {
    /// All layouts, by year.
    pub const ALL: [Self; 6] = [
        Self::Tau2019,
        Self::TauNigens2020,
        Self::TauNigens2021,
        Self::Starss22,
        Self::Starss23,
        Self::Synth,
    ];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tau2019 => "tau2019",
            Self::TauNigens2020 => "tau-nigens2020",
            Self::TauNigens2021 => "tau-nigens2021",
            Self::Starss22 => "starss22",
            Self::Starss23 => "starss23",
            Self::Synth => "synth",
        }
    }

    /// Its classes by index, where they do not come from a file.
    pub fn classes(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Tau2019 => Some(&tau2019::CLASSES),
            Self::TauNigens2020 => Some(&tau_nigens2020::CLASSES),
            Self::TauNigens2021 => Some(&tau_nigens2021::CLASSES),
            Self::Starss22 | Self::Starss23 => Some(&starss::CLASSES),
            Self::Synth => None,
        }
    }

    fn rules(self) -> Rules {
        match self {
            Self::Tau2019 => tau2019::RULES,
            Self::TauNigens2020 => tau_nigens2020::RULES,
            Self::TauNigens2021 => tau_nigens2021::RULES,
            Self::Starss22 | Self::Starss23 => starss::RULES,
            Self::Synth => synth::RULES,
        }
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        let known = Self::ALL.into_iter().find(|layout| layout.name() == name);
        known.ok_or_else(|| UnknownLayout { name: name.to_owned() })
    }
}

/// What distinguishes a layout.
struct Rules {
    /// How its label files are written.
    labels: LabelForm,
    /// The split of a recording of the development set, by its first folder below `foa_dev` (empty when it lies
    /// there itself) and its stem.
    split: fn(folder: &str, stem: &str) -> Option<Split>,
    /// For people: how folders and files are named so that they belong to a split.
    expected: &'static str,
}

/// Folder of the audio.
pub const AUDIO: &str = "foa_dev";
/// Folder of the labels.
pub const LABELS: &str = "metadata_dev";
/// Folder of the audio of the evaluation set.
pub const EVALUATION_AUDIO: &str = "foa_eval";
/// Folder of the labels of the evaluation set.
pub const EVALUATION_LABELS: &str = "metadata_eval";

/// The files of one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The files' stem.
    pub name: String,
    /// The wav or flac file.
    pub audio: PathBuf,
    /// Where its labels should be.
    pub labels: PathBuf,
    /// By the folder it lies in, its fold, or `folds.json`.
    pub split: Split,
}

/// What a layout finds in a folder.
#[derive(Debug)]
pub struct Listing {
    /// Which layout it is.
    pub layout: Layout,
    /// How its label files are written.
    pub label_form: LabelForm,
    /// Recordings by name.
    pub entries: Vec<Entry>,
    /// Class names by index.
    pub classes: Vec<String>,
    /// What makes the tree unusable.
    pub errors: Vec<Error>,
    /// Label files without audio.
    pub orphans: Vec<PathBuf>,
}

/// Lists what is below `root`, in `layout` or in the one that it looks like. Problems of single folders are in the
/// listing.
///
/// # Errors
/// The folder cannot be read.
pub fn list(root: &Path, layout: Option<Layout>) -> Result<Listing, Error> {
    std::fs::read_dir(root).map_err(FileError::at("read folder", root))?;
    let files = tree::Files::find(root)?;
    let layout = layout.unwrap_or_else(|| detect::detect(root, &files));
    let rules = layout.rules();
    let mut errors = Vec::new();
    let classes = classes(root, layout).unwrap_or_else(|error| {
        errors.push(error);
        Vec::new()
    });
    let mut entries = files.entries(layout.name(), &rules, &mut errors);
    match folds::read(root) {
        Ok(Some(folds)) => folds.apply(&mut entries),
        Ok(None) => {}
        Err(error) => errors.push(error),
    }
    if entries.is_empty() && errors.is_empty() {
        errors.push(Error::Empty { root: root.to_owned() });
    }
    let orphans = files.orphans(&entries);
    Ok(Listing { layout, label_form: rules.labels, entries, classes, errors, orphans })
}

/// The names of the classes: published ones, or those in the dataset's own list.
fn classes(root: &Path, layout: Layout) -> Result<Vec<String>, Error> {
    match layout.classes() {
        Some(names) => Ok(names.iter().map(|name| (*name).to_owned()).collect()),
        None => read_classes(&root.join(synth::CLASSES)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_have_names_and_distinct_classes() {
        for layout in Layout::ALL {
            assert_eq!(layout.name().parse::<Layout>(), Ok(layout));
            assert_eq!(serde_json::to_value(layout).unwrap(), layout.name());
            let names = layout.classes().unwrap_or_default();
            let distinct: std::collections::BTreeSet<_> = names.iter().collect();
            assert_eq!(distinct.len(), names.len(), "{layout}");
        }
        assert!("starss".parse::<Layout>().unwrap_err().to_string().contains("starss22, starss23"));
    }
}
