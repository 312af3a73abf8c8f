//! Label files, class names, and label frames in relation to samples.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::Error;
use super::layout::tau2019;
use crate::fs::FileError;
use crate::seld::csv;
use crate::seld::event::{FRAME_MS, FrameEvent};

/// How the label files of a layout are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelForm {
    /// A row for each active event in each label frame, as in all data since 2020.
    Frames,
    /// A row for each event with onset and offset, as in 2019.
    Events,
}

impl LabelForm {
    /// Reads a label file; goes on after a problem.
    pub(super) fn read(self, path: &Path, classes: &[String]) -> (Vec<FrameEvent>, Vec<Error>) {
        match self {
            Self::Frames => {
                // With an unusable list of classes every label would be out of range: one problem, not thousands.
                let limit = if classes.is_empty() { usize::MAX } else { classes.len() };
                let (events, problems) = csv::read_all(path, Some(limit));
                (events, problems.into_iter().map(Error::from).collect())
            }
            Self::Events => tau2019::read_labels(path, classes),
        }
    }
}

/// Class names by index from a file with one on each line.
pub(super) fn read_classes(path: &Path) -> Result<Vec<String>, Error> {
    let text = std::fs::read_to_string(path).map_err(FileError::at("read", path))?;
    let wrong = |line: usize, problem: String| Error::Classes {
        path: path.to_owned(),
        line: line as u64 + 1,
        problem,
    };
    let names: Vec<String> = text.trim_end().lines().map(|line| line.trim().to_owned()).collect();
    if names.is_empty() {
        return Err(wrong(0, "no class; write one class name on each line".into()));
    }
    let mut seen = BTreeSet::new();
    for (line, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(wrong(line, "empty line between class names".into()));
        }
        if !seen.insert(name) {
            return Err(wrong(line, format!("class {name:?} is there twice")));
        }
    }
    Ok(names)
}

/// Label frames that `samples` reach into.
pub(super) fn frames_in(samples: u64, sample_rate: u32) -> u32 {
    let milliseconds_scaled = u128::from(samples) * 1000;
    let frames = milliseconds_scaled.div_ceil(u128::from(sample_rate.max(1)) * u128::from(FRAME_MS));
    u32::try_from(frames).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_begun_counts() {
        assert_eq!([0, 1, 2400, 2401, 24000].map(|samples| frames_in(samples, 24000)), [0, 1, 1, 2, 10]);
    }

    #[test]
    fn class_names_are_checked_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.txt");
        for (text, expected) in [
            ("", ":1: no class; write one class name on each line"),
            ("a\n\nb\n", ":2: empty line between class names"),
            ("a\nb\n a\n", ":3: class \"a\" is there twice"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read_classes(&path).unwrap_err();
            assert_eq!(error.to_string(), format!("{}{expected}", path.display()));
        }
        std::fs::write(&path, "a\r\nb c\n\n").unwrap();
        assert_eq!(read_classes(&path).unwrap(), ["a", "b c"]);
    }
}
