//! A dataset as training sees it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::error::{Error, WavProblem};
use super::fold::{Split, holdout, room_of};
use super::labels::frames_in;
use super::layout::{Entry, starss};
use super::recording::Recording;
use super::wav::Wav;
use crate::fs::FileError;
use crate::seld::csv;

/// Datasets up to this many bytes of audio are hashed whole; larger ones at the ends of each file.
const HASH_WHOLE_BELOW: u64 = 2 << 30;
/// Bytes hashed at each end of a file of a larger dataset.
const HASH_ENDS: u64 = 64 << 10;

/// Labelled recordings with one sample rate and one list of classes.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Its folder.
    pub root: PathBuf,
    /// Class names by index.
    pub classes: Vec<String>,
    /// Samples per second of all recordings.
    pub sample_rate: u32,
    /// All recordings, sorted by name.
    pub recordings: Vec<Recording>,
    digest: String,
}

impl Dataset {
    /// Opens a folder in the layout of [`starss`]: reads all headers and labels, checks them, and hashes the
    /// content.
    ///
    /// # Errors
    /// The first problem that would break training. Samples are not looked at; `data check` does that.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let listing = starss::list(root)?;
        if let Some(error) = listing.errors.into_iter().next() {
            return Err(error);
        }
        let classes = listing.classes;
        let examined: Vec<Examined> =
            listing.entries.into_par_iter().map(|entry| examine(entry, classes.len())).collect();
        let mut rate = RateCheck::default();
        let mut recordings = Vec::with_capacity(examined.len());
        for Examined { recording, sample_rate, errors, .. } in examined {
            let errors = errors.into_iter().chain(rate.check(&recording.audio, sample_rate));
            if let Some(error) = errors.into_iter().next() {
                return Err(error);
            }
            recordings.push(recording);
        }
        let digest = digest(&classes, &recordings)?;
        let sample_rate = rate.first.map_or(0, |(rate, _)| rate);
        Ok(Self { root: root.to_owned(), classes, sample_rate, recordings, digest })
    }

    /// What the dataset contains, as hexadecimal SHA-256 over class names, recording names, splits, labels and
    /// audio (whole below 2 GiB, else length and both ends of each file) at the time it was opened. The folder's
    /// own place is no part of it.
    pub fn fingerprint(&self) -> String {
        self.digest.clone()
    }

    /// The recordings of a split, by name.
    pub fn split(&self, split: Split) -> Vec<&Recording> {
        self.recordings.iter().filter(|recording| recording.split == split).collect()
    }

    /// The training split as (fit, validation). Whole rooms are held out for validation, about `fraction` of the
    /// length, always the same ones for the same names; where fewer than two rooms are named, single recordings.
    /// Each side has at least one, unless there is only one recording in all: then there is no validation.
    pub fn holdout(&self, fraction: f64) -> (Vec<&Recording>, Vec<&Recording>) {
        holdout(&self.split(Split::Train), fraction)
    }
}

/// A recording and what is wrong with it.
pub(super) struct Examined {
    pub(super) recording: Recording,
    /// From the wav header, where it can be read.
    pub(super) sample_rate: Option<u32>,
    pub(super) errors: Vec<Error>,
    /// Label rows after the end of the audio.
    pub(super) late_rows: usize,
}

/// Reads header and labels.
pub(super) fn examine(entry: Entry, classes: usize) -> Examined {
    let Entry { name, audio, labels, split } = entry;
    let mut errors = Vec::new();
    let header = Wav::open(&audio).map(|wav| (wav.samples, wav.sample_rate));
    let header = header.map_err(|error| errors.push(error)).ok();
    let mut events = Vec::new();
    if labels.is_file() {
        let (rows, problems) = csv::read_all(&labels, Some(classes));
        events = rows;
        errors.extend(problems.into_iter().map(Error::from));
    } else {
        errors.push(Error::NoLabels { audio: audio.clone(), labels: labels.clone() });
    }
    let (samples, sample_rate) = header.unwrap_or((0, 0));
    let frames = frames_in(samples, sample_rate);
    let mut late_rows = 0;
    if header.is_some() {
        let rows = events.len();
        events.retain(|event| event.frame < frames);
        late_rows = rows - events.len();
    }
    let room = room_of(&name);
    let recording = Recording { name, audio, labels, split, room, samples, frames, events };
    Examined { recording, sample_rate: header.map(|(_, rate)| rate), errors, late_rows }
}

/// Compares sample rates with the first one seen.
#[derive(Default)]
pub(super) struct RateCheck {
    pub(super) first: Option<(u32, PathBuf)>,
}

impl RateCheck {
    pub(super) fn check(&mut self, audio: &Path, sample_rate: Option<u32>) -> Option<Error> {
        let got = sample_rate?;
        let (expected, first) = self.first.get_or_insert_with(|| (got, audio.to_owned())).clone();
        let problem = WavProblem::SampleRate { got, expected, first };
        (got != expected).then(|| Error::Wav { path: audio.to_owned(), problem })
    }
}

fn digest(classes: &[String], recordings: &[Recording]) -> Result<String, Error> {
    let size = |recording: &Recording| {
        std::fs::metadata(&recording.audio).map_err(FileError::at("read", &recording.audio)).map(|m| m.len())
    };
    let total: u64 = recordings.iter().map(size).sum::<Result<u64, _>>()?;
    let whole = total < HASH_WHOLE_BELOW;
    let parts: Vec<[u8; 32]> =
        recordings.par_iter().map(|recording| digest_one(recording, whole)).collect::<Result<_, _>>()?;
    let mut hash = Sha256::new();
    for class in classes {
        framed(&mut hash, class.as_bytes());
    }
    parts.iter().for_each(|part| hash.update(part));
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn digest_one(recording: &Recording, whole: bool) -> Result<[u8; 32], FileError> {
    let mut hash = Sha256::new();
    framed(&mut hash, recording.name.as_bytes());
    framed(&mut hash, recording.split.name().as_bytes());
    let labels = std::fs::read(&recording.labels).map_err(FileError::at("read", &recording.labels))?;
    framed(&mut hash, &labels);
    hash_audio(&mut hash, &recording.audio, whole).map_err(FileError::at("read", &recording.audio))?;
    Ok(hash.finalize().into())
}

fn hash_audio(hash: &mut Sha256, path: &Path, whole: bool) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    hash.update(size.to_le_bytes());
    if whole || size <= 2 * HASH_ENDS {
        return hash_from(hash, &mut file, u64::MAX);
    }
    hash_from(hash, &mut file, HASH_ENDS)?;
    file.seek(SeekFrom::End(-(HASH_ENDS as i64)))?;
    hash_from(hash, &mut file, HASH_ENDS)
}

fn hash_from(hash: &mut Sha256, file: &mut File, limit: u64) -> std::io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut rest = file.take(limit);
    loop {
        let count = rest.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        hash.update(&buffer[..count]);
    }
}

/// Length first, so that neighbours cannot run into one another.
fn framed(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}
