//! What a frozen tagger says about every recording, computed once and kept on disk.
//!
//! One safetensors file per tagger, weights, tap, level and data: a tensor `[C, T]` float32 a recording. The file
//! is written whole or not at all, under a lock, so that of several processes that need it one computes and the
//! others wait; what is found damaged is computed again. Reading maps the file, so processes share its memory.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::error::Error;
use crate::tensor_file::{TensorFile, hex, hex_digest, lock_to_write};

/// Raised when the content of the files, or how a tagger computes, changes.
const VERSION: &str = "1";
/// The one entry of the file's metadata: several would be written in any order.
const ABOUT: &str = "prior";

/// Everything that the content of a cache file depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriorKey {
    /// Digest of the tagger's weights.
    pub weights_sha256: String,
    /// Name of the tagger.
    pub tagger: String,
    /// Name of the tap.
    pub tap: String,
    /// How recordings are scaled before the tagger.
    pub level: f64,
    /// Fingerprint of the recordings: names, and sizes or digests of the files.
    pub data: String,
}

/// A cache file that is open.
#[derive(Debug)]
pub struct PriorCache {
    /// Recording by recording, views on the mapped file.
    priors: Vec<Tensor>,
}

impl PriorCache {
    /// Opens the file for `key` in `folder`; computes it first when it is not there or damaged.
    ///
    /// `recordings` are unique names, one a recording; `compute` gives the prior `[C, T]` of the recording with
    /// this index. Other processes that open the same file meanwhile wait.
    pub fn open<E: From<Error>>(
        folder: &Path,
        key: &PriorKey,
        recordings: &[String],
        compute: &dyn Fn(usize) -> Result<Tensor, E>,
    ) -> Result<Self, E> {
        let identity = identity(key, recordings);
        let path = folder.join(format!("prior-{}.safetensors", &hex_digest(&identity)[..32]));
        if let Ok(cache) = Self::read(&path, &identity, recordings) {
            return Ok(cache);
        }
        let _lock = lock_to_write(&path).map_err(Error::File)?;
        // Another process may have computed it while this one waited.
        match Self::read(&path, &identity, recordings) {
            Ok(cache) => return Ok(cache),
            Err(damage) if path.exists() => {
                tracing::warn!("cache of priors {} is damaged ({damage}) and computed again", path.display());
            }
            Err(_) => {}
        }
        let priors = (0..recordings.len()).map(compute).collect::<Result<Vec<_>, E>>()?;
        write(&path, &identity, recordings, &priors)?;
        Ok(Self::read(&path, &identity, recordings).map_err(|what| Error::Cache { path, what })?)
    }

    /// The prior of a recording, `[C, T]` float32 on the CPU. The tensor shares the file's memory: do not write
    /// into it.
    pub fn get(&self, index: usize) -> Tensor {
        self.priors[index].shallow_clone()
    }

    /// Frames of a recording's prior.
    pub fn frames(&self, index: usize) -> i64 {
        self.priors[index].size()[1]
    }

    /// Number of recordings.
    pub fn len(&self) -> usize {
        self.priors.len()
    }

    /// No recording at all.
    pub fn is_empty(&self) -> bool {
        self.priors.is_empty()
    }

    /// Opens an existing file, when it is whole and belongs to `identity`; in words, why that cannot be done.
    fn read(path: &Path, identity: &str, recordings: &[String]) -> Result<Self, String> {
        let file = TensorFile::open(path)?;
        let about = file.about(ABOUT).ok_or("it says nothing about itself")?;
        if about != description(identity, file.digest()?) {
            return Err("it belongs to another key, or its content was changed".into());
        }
        let prior = |recording: &String| {
            let prior = file.tensor(recording)?;
            match (prior.kind(), prior.size().len()) {
                (Kind::Float, 2) => Ok(prior),
                (kind, _) => Err(format!("the prior of {recording} is {kind:?} {:?}", prior.size())),
            }
        };
        let priors = recordings.iter().map(prior).collect::<Result<_, String>>()?;
        Ok(Self { priors })
    }
}

/// Writes the file.
fn write(path: &Path, identity: &str, recordings: &[String], computed: &[Tensor]) -> Result<(), Error> {
    let wrong = |what: String| Error::Cache { path: path.to_owned(), what };
    let mut priors = BTreeMap::new();
    for (recording, prior) in recordings.iter().zip(computed) {
        let [channels, frames] = prior.size()[..] else {
            return Err(wrong(format!("the prior of {recording} has shape {:?}", prior.size())));
        };
        let values: Vec<f32> = Vec::try_from(prior.f_to_kind(Kind::Float)?.f_flatten(0, -1)?)?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        priors.insert(recording.as_str(), (vec![channels as usize, frames as usize], bytes));
    }
    if priors.len() != recordings.len() {
        return Err(wrong("two recordings have the same name".into()));
    }
    // The format orders tensors of one type by name, as the map does.
    let mut digest = Sha256::new();
    priors.values().for_each(|(_, bytes)| digest.update(bytes));
    let about = [(ABOUT.to_owned(), description(identity, digest))].into();
    let views: Result<Vec<_>, _> = priors
        .iter()
        .map(|(name, (shape, bytes))| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect();
    let views = views.map_err(|e: safetensors::SafeTensorError| wrong(e.to_string()))?;
    crate::fs::write_atomic_path(path, |temporary| {
        safetensors::serialize_to_file(views, Some(about), temporary).map_err(|e| wrong(e.to_string()))
    })
}

/// What the file says about itself.
fn description(identity: &str, digest_of_data: Sha256) -> String {
    format!("sha256 {} of {identity}", hex(&digest_of_data.finalize()))
}

/// One text for everything the content depends on.
fn identity(key: &PriorKey, recordings: &[String]) -> String {
    serde_json::json!({ "version": VERSION, "key": key, "recordings": recordings }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    use std::sync::atomic::{AtomicUsize, Ordering};

    fn key() -> PriorKey {
        PriorKey {
            weights_sha256: "00".into(),
            tagger: "t".into(),
            tap: "last".into(),
            level: 1.0,
            data: "d".into(),
        }
    }

    fn names() -> Vec<String> {
        ["b", "a", "c"].map(String::from).to_vec()
    }

    fn prior(index: usize) -> Tensor {
        Tensor::arange(2 * (index as i64 + 3), (Kind::Float, Device::Cpu)).view([2, -1]) + index as f64
    }

    /// Opens the cache and says how many priors were computed for that.
    fn open(folder: &Path, key: &PriorKey) -> (PriorCache, usize) {
        let calls = AtomicUsize::new(0);
        let compute = |index| {
            calls.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Error>(prior(index))
        };
        let cache = PriorCache::open(folder, key, &names(), &compute).unwrap();
        (cache, calls.into_inner())
    }

    fn cache_file(folder: &Path) -> std::path::PathBuf {
        let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|e| e == "safetensors")).unwrap()
    }

    #[test]
    fn priors_are_computed_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        for calls in [3, 0] {
            let (cache, computed) = open(folder.path(), &key());
            assert_eq!(computed, calls);
            assert_eq!(cache.len(), 3);
            for index in 0..3 {
                assert_eq!(cache.get(index), prior(index));
                assert_eq!(cache.frames(index), index as i64 + 3);
            }
        }
        let other = PriorKey { level: 0.5, ..key() };
        assert_eq!(open(folder.path(), &other).1, 3);
    }

    #[test]
    fn damage_anywhere_is_found_and_repaired() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), &key());
        let path = cache_file(folder.path());
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let mut endless = whole.clone();
        endless[7] = 0xff;
        for damaged in [vec![], whole[..7].to_vec(), whole[..whole.len() - 1].to_vec(), flipped, endless] {
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(open(folder.path(), &key()).1, 3);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn of_many_at_once_one_computes() {
        let folder = tempfile::tempdir().unwrap();
        let computed: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| open(folder.path(), &key()).1)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(computed, 3);
    }

    #[test]
    fn a_failed_computation_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let fail = |_| Err(Error::Shape { got: vec![] });
        assert!(PriorCache::open(folder.path(), &key(), &names(), &fail).is_err());
        assert_eq!(open(folder.path(), &key()).1, 3);
    }
}
