//! What a frozen prefix of a tagger makes of every recording, computed once and kept on disk.
//!
//! A folder for each tagger, weights, tap, input, level and data, and in it a safetensors file a recording: a tensor
//! `[T, N, C, F]` float32, so that the frames of a chunk lie together. A file is written whole or not at all, and has the
//! digest of its content, so that one that is damaged is found and computed again. Processes that need the same folder
//! at the same time divide the recordings among them. Files are mapped, so processes share their memory.

use std::fs::File;
use std::path::PathBuf;

use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::error::Error;
use crate::cache::{Allowance, Room};
use crate::fs::{self, FileError};
use crate::tensor_file::{TensorFile, hex, hex_digest};

/// How much the folder of all prefixes may take.
pub const ALLOWANCE: Allowance = Allowance { variable: "AT2SELD_PREFIX_CACHE_GB", default: 20_000_000_000 };
/// Folder below a cache folder.
pub const FOLDER: &str = "prefix";

/// Raised when the content of the files, or how a tagger computes, changes.
const VERSION: &str = "1";
/// The one entry of a file's metadata: several would be written in any order.
const ABOUT: &str = "prefix";
/// The one tensor of a file.
const FRAMES: &str = "frames";

/// Everything that the content of a folder depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrefixKey {
    /// Digest of the tagger's weights.
    pub weights_sha256: String,
    /// Name of the tagger's network.
    pub tagger: String,
    /// Name of the tap.
    pub tap: String,
    /// Bands of the tap, or groups of bands that it is averaged over.
    pub bands: i64,
    /// What the tagger hears of a recording.
    pub input: String,
    /// How recordings are scaled before the tagger.
    pub level: f64,
    /// Sample rate of the recordings in Hz.
    pub sample_rate: u32,
    /// Fingerprint of the recordings: names, and sizes or digests of the files.
    pub data: String,
    /// "cpu" or "cuda": other devices round differently.
    pub device: String,
}

/// A folder of the cache that is open. It is not removed as long as this value lives.
#[derive(Debug)]
pub struct PrefixCache {
    /// Recording by recording, views on the mapped files.
    recordings: Vec<Tensor>,
    _in_use: File,
}

impl PrefixCache {
    /// Opens the folder for `key` in `room`; computes first what is not there or damaged.
    ///
    /// `recordings` are unique names, one a recording; `compute` gives `[T, N, C, F]` of the recording with this index,
    /// and `bytes` is about what all of them take. `None` when there is not enough room.
    ///
    /// # Errors
    /// Those of `compute`, and of the disk.
    pub fn open<E: From<Error>>(
        room: &Room,
        key: &PrefixKey,
        recordings: &[String],
        bytes: u64,
        compute: &dyn Fn(usize) -> Result<Tensor, E>,
    ) -> Result<Option<Self>, E> {
        let identity = identity(key, recordings);
        let name = format!("{}-{}", key.tagger, &hex_digest(&identity)[..32]);
        let Some((folder, in_use)) = room.enter(&name, bytes).map_err(Error::File)? else { return Ok(None) };
        let about = folder.join("about.json");
        if !about.exists() {
            fs::write_json(&about, key).map_err(Error::File)?;
        }
        let entry = |index: usize| Entry {
            path: folder.join(format!("{index:06}.safetensors")),
            identity: &identity,
        };
        // Digests of gigabytes: on all cores.
        let found: Vec<Option<Tensor>> =
            (0..recordings.len()).into_par_iter().map(|index| entry(index).found()).collect();
        let missing = found.iter().filter(|found| found.is_none()).count();
        if missing > 0 {
            tracing::info!(
                "computing what {} says about {missing} recordings, for {}",
                key.tagger,
                folder.display()
            );
        }
        let (mut priors, mut busy) = (Vec::with_capacity(found.len()), Vec::new());
        for (index, found) in found.into_iter().enumerate() {
            let frames = match found {
                Some(frames) => Some(frames),
                None => entry(index).make(&|| compute(index), Claim::Try)?,
            };
            if frames.is_none() {
                busy.push(index);
            }
            priors.push(frames);
        }
        // What other processes had taken; what they did not finish, because they were killed, is done here.
        for index in busy {
            priors[index] = entry(index).make(&|| compute(index), Claim::Wait)?;
        }
        Ok(Some(Self { recordings: priors.into_iter().flatten().collect(), _in_use: in_use }))
    }

    /// Frames of a recording from `first` on, `[count, N, C, F]` float32 on the CPU; after its end, its last frame. It
    /// may share the file's memory: do not write into it.
    pub fn frames(&self, recording: usize, first: i64, count: i64) -> Tensor {
        let all = &self.recordings[recording];
        let last = all.size()[0] - 1;
        let there = count.min((last + 1 - first).max(0));
        let part = all.narrow(0, first.min(last), there);
        if there == count {
            return part;
        }
        let mut size = all.size();
        size[0] = count - there;
        Tensor::cat(&[part, all.narrow(0, last, 1).expand(&size, false)], 0)
    }

    /// Number of recordings.
    pub fn len(&self) -> usize {
        self.recordings.len()
    }

    /// No recording at all.
    pub fn is_empty(&self) -> bool {
        self.recordings.is_empty()
    }
}

/// How a recording is claimed that another process may be computing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Left to the other.
    Try,
    /// Once the other has let it go.
    Wait,
}

/// The file of a recording.
struct Entry<'a> {
    path: PathBuf,
    identity: &'a str,
}

impl Entry<'_> {
    /// What the file has, if it is there and whole.
    fn found(&self) -> Option<Tensor> {
        match self.read() {
            Ok(frames) => Some(frames),
            Err(damage) if self.path.exists() => {
                tracing::warn!("{} is damaged ({damage}) and computed again", self.path.display());
                None
            }
            Err(_) => None,
        }
    }

    /// Computes and writes the file, unless another process did it meanwhile; `None` when one is doing it and `claim`
    /// does not wait.
    fn make<E: From<Error>>(
        &self,
        compute: &dyn Fn() -> Result<Tensor, E>,
        claim: Claim,
    ) -> Result<Option<Tensor>, E> {
        let path = self.path.with_extension("lock");
        let lock = File::create(&path).map_err(FileError::at("create", &path)).map_err(Error::File)?;
        match claim {
            Claim::Try if lock.try_lock().is_err() => return Ok(None),
            Claim::Try => {}
            Claim::Wait => lock.lock().map_err(FileError::at("lock", &path)).map_err(Error::File)?,
        }
        if let Ok(frames) = self.read() {
            return Ok(Some(frames));
        }
        self.write(&compute()?)?;
        // Whoever waits for this lock, or makes a new one, finds the file.
        let _ = std::fs::remove_file(&path);
        let read = self.read();
        Ok(read.map(Some).map_err(|what| Error::Cache { path: self.path.clone(), what })?)
    }

    /// In words, why the file cannot be used.
    fn read(&self) -> Result<Tensor, String> {
        let file = TensorFile::open(&self.path)?;
        let about = file.about(ABOUT).ok_or("it says nothing about itself")?;
        if about != self.description(file.digest()?) {
            return Err("it belongs to another key, or its content was changed".into());
        }
        let frames = file.tensor(FRAMES)?;
        match (frames.kind(), frames.size()[..].len()) {
            (Kind::Float, 4) => Ok(frames),
            (kind, _) => Err(format!("it holds {kind:?} {:?}", frames.size())),
        }
    }

    /// To be called by who has the lock: the file for what is not complete yet is the same for all, so that those who are
    /// killed leave one at most.
    fn write(&self, frames: &Tensor) -> Result<(), Error> {
        let wrong = |what: String| Error::Cache { path: self.path.clone(), what };
        let size: Vec<usize> = frames.size().iter().map(|n| *n as usize).collect();
        if size.len() != 4 || size[0] == 0 {
            return Err(wrong(format!("what the tagger gives has shape {size:?}")));
        }
        let values: Vec<f32> = Vec::try_from(frames.f_to_kind(Kind::Float)?.f_flatten(0, -1)?)?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let about = [(ABOUT.to_owned(), self.description(Sha256::new_with_prefix(&bytes)))].into();
        let view = TensorView::new(Dtype::F32, size, &bytes).map_err(|e| wrong(e.to_string()))?;
        let unfinished = self.path.with_extension("part");
        safetensors::serialize_to_file([(FRAMES, view)], Some(about), &unfinished)
            .map_err(|e| wrong(e.to_string()))?;
        Ok(fs::rename_synced(&unfinished, &self.path)?)
    }

    /// What the file says about itself.
    fn description(&self, digest_of_data: Sha256) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        format!("sha256 {} of {name} of {}", hex(&digest_of_data.finalize()), self.identity)
    }
}

/// One text for everything the content depends on.
fn identity(key: &PrefixKey, recordings: &[String]) -> String {
    let whole = serde_json::json!({ "version": VERSION, "key": key, "recordings": recordings }).to_string();
    // The names of a thousand recordings need not stand in every file.
    hex_digest(&whole)
}

#[cfg(test)]
mod tests;
