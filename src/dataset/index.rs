//! The index: what opening a dataset found out, kept in the cache folder, so that the next opening reads file sizes
//! and times alone.
//!
//! One file a dataset folder. What it says of a recording counts as long as size, modification and status-change
//! time of both its files are the same; another list of classes or another layout makes all of it void. As in git's
//! index, files that were changed within the last moments before they were looked at are not entered: a further
//! change in the same tick of the file system's clock would go unnoticed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::layout::Layout;
use crate::audio::AudioFormat;
use crate::fs::{self, FileError};

/// Raised when the file's content, or what is found out about recordings, changes.
const VERSION: u32 = 1;
/// Files younger than this are looked at again: more than a tick of any file system's clock.
const SETTLED: Duration = Duration::from_secs(2);
/// Indexes that nothing has read for so long are removed: 30 days.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Size and times of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    bytes: u64,
    /// Since 1970, in nanoseconds: of the content.
    modified_ns: u64,
    /// Of anything about the file, where the system keeps that: it cannot be set by hand.
    changed_ns: u64,
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Result<Self, FileError> {
        let metadata = std::fs::metadata(path).map_err(FileError::at("read", path))?;
        let since_1970 = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified = metadata.modified().map(since_1970).unwrap_or_default();
        Ok(Self {
            bytes: metadata.len(),
            modified_ns: nanoseconds(modified),
            changed_ns: changed_ns(&metadata),
        })
    }

    /// Whether it was so long before `now`.
    fn is_settled(self, now: SystemTime) -> bool {
        let latest = Duration::from_nanos(self.modified_ns.max(self.changed_ns));
        now.duration_since(UNIX_EPOCH).is_ok_and(|now| latest + SETTLED < now)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn changed_ns(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    let rest = u64::try_from(metadata.ctime_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

#[cfg(not(unix))]
fn changed_ns(_: &std::fs::Metadata) -> u64 {
    0
}

/// What is known of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    audio: Stamp,
    labels: Stamp,
    pub(super) format: AudioFormat,
    /// Label rows of each class, up to the end of the audio.
    pub(super) class_rows: Vec<u32>,
    /// SHA-256 of the audio file and of the label file, once someone has asked for them.
    pub(super) digests: Option<[String; 2]>,
    /// Not in the file: whether it may go there.
    #[serde(skip)]
    settled: bool,
}

impl Known {
    /// What was just found out.
    pub(super) fn new(audio: Stamp, labels: Stamp, format: AudioFormat, class_rows: Vec<u32>) -> Self {
        let now = SystemTime::now();
        let settled = audio.is_settled(now) && labels.is_settled(now);
        Self { audio, labels, format, class_rows, digests: None, settled }
    }
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u32,
    /// For people who wonder what the file is.
    dataset: PathBuf,
    layout: Layout,
    classes: Vec<String>,
    /// By the path of the audio below the dataset's folder.
    recordings: BTreeMap<PathBuf, Known>,
}

/// The index of a dataset folder.
#[derive(Debug)]
pub(super) struct Index {
    /// Where it is kept; nowhere when there is no cache folder.
    path: Option<PathBuf>,
    /// The dataset's folder as it was given.
    root: PathBuf,
    content: Content,
}

impl Index {
    /// Reads the index of the dataset `root` in the cache folder; an empty one where there is none, or one that no
    /// longer fits.
    pub(super) fn read(cache: Option<&Path>, root: &Path, layout: Layout, classes: &[String]) -> Self {
        let dataset = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let name = Sha256::digest(dataset.as_os_str().as_encoded_bytes());
        let name: String = name[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let path = cache.map(|cache| cache.join("datasets").join(format!("{name}.json")));
        let kept = path.as_ref().and_then(|path| std::fs::read(path).ok());
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Content>(&bytes).ok()).filter(|kept| {
            kept.version == VERSION
                && kept.dataset == dataset
                && kept.layout == layout
                && kept.classes == classes
        });
        let empty = || Content {
            version: VERSION,
            dataset,
            layout,
            classes: classes.to_vec(),
            recordings: BTreeMap::new(),
        };
        Self { path, root: root.to_owned(), content: kept.unwrap_or_else(empty) }
    }

    /// Where it is kept.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What is known of a recording, if its files are still the same.
    pub(super) fn get(&self, audio: &Path, stamp: Stamp, labels: Stamp) -> Option<&Known> {
        let known = self.content.recordings.get(self.key(audio))?;
        (known.audio == stamp && known.labels == labels).then_some(known)
    }

    /// As [`Index::get`], for something that is known already: another process may know more by now.
    pub(super) fn again(&self, audio: &Path, known: &Known) -> Option<&Known> {
        self.get(audio, known.audio, known.labels)
    }

    /// Writes the index with these recordings and no others. That it cannot be written is no reason to stop: it
    /// only saves time.
    pub(super) fn write<'a>(&mut self, recordings: impl Iterator<Item = (&'a Path, &'a Known)>) {
        let Some(path) = self.path.clone() else { return };
        let mut kept = BTreeMap::new();
        for (audio, known) in recordings {
            if known.settled || self.again(audio, known).is_some() {
                kept.insert(self.key(audio).to_owned(), known.clone());
            }
        }
        self.content.recordings = kept;
        let written = serde_json::to_vec(&self.content).map_err(std::io::Error::from);
        let written =
            written.map_err(FileError::at("write", &path)).and_then(|bytes| fs::write_bytes(&path, &bytes));
        match written {
            Ok(()) => remove_unused(&path, SystemTime::now()),
            Err(error) => tracing::warn!("the index of the dataset is not kept: {error}"),
        }
    }

    /// The path below the dataset's folder, as far as it is below it.
    fn key<'a>(&self, audio: &'a Path) -> &'a Path {
        audio.strip_prefix(&self.root).unwrap_or(audio)
    }
}

/// Removes what lies beside `index` and was neither read nor written within [`UNUSED`]: most likely its dataset is gone,
/// and if not, opening it once more costs what it cost the first time.
fn remove_unused(index: &Path, now: SystemTime) {
    let entries = index.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let used = entry.metadata().and_then(|m| Ok(m.accessed()?.max(m.modified()?)));
        let unused = used.is_ok_and(|used| now.duration_since(used).is_ok_and(|idle| idle > UNUSED));
        if unused && entry.path() != index {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_used_for_long_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["index.json", "other.json"].map(|name| folder.path().join(name));
        paths.iter().for_each(|path| std::fs::write(path, "{}").unwrap());
        let left = || paths.iter().filter(|path| path.exists()).count();
        remove_unused(&paths[0], SystemTime::now());
        assert_eq!(left(), 2);
        remove_unused(&paths[0], SystemTime::now() + UNUSED + SETTLED);
        assert!(left() == 1 && paths[0].exists());
    }
}
