//! One file of the cache: one descriptor of all recordings.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Serialize;
use tch::nn::VarStore;
use tch::{Kind, Tensor};

use super::Subject;
use super::whole::Cut;
use crate::cache::Room;
use crate::features::{Descriptor, FeatureConfig, FrontEnd, Normalisation};
use crate::fs::{self, FileError};
use crate::model::detector;
use crate::tensor_file::{TensorFile, hex_digest, lock_to_write};
use crate::train::Error;

/// Raised when the content of the files, or how a descriptor is computed, changes.
const VERSION: &str = "1";
/// The one entry of the file's metadata: several would be written in any order.
const ABOUT: &str = "descriptors";
/// Bytes of a value.
const BYTES: u64 = 2;

/// Everything that the content of a file depends on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Key {
    version: &'static str,
    /// One descriptor and its grid, without what does not concern it.
    features: FeatureConfig,
    sample_rate: u32,
    /// Fingerprint of the dataset: names and content of its recordings.
    data: String,
    /// "cpu" or "cuda": other devices round differently.
    device: &'static str,
}

impl Key {
    pub(super) fn new(descriptor: Descriptor, features: &FeatureConfig, subject: Subject) -> Self {
        // Per-channel energy normalisation replaces logmel; the other kinds are done to what is read.
        let descriptor = match (descriptor, features.normalisation) {
            (Descriptor::Logmel, Normalisation::Pcen) => Descriptor::Pcen,
            (other, _) => other,
        };
        let features = FeatureConfig {
            descriptors: vec![descriptor],
            normalisation: Normalisation::None,
            range_db: features.range_db.filter(|_| descriptor == Descriptor::Logmel),
            ..features.clone()
        };
        let device = if subject.device.is_cuda() { "cuda" } else { "cpu" };
        let (sample_rate, data) = (subject.sample_rate, subject.fingerprint.to_owned());
        Self { version: VERSION, features, sample_rate, data, device }
    }

    fn descriptor(&self) -> Descriptor {
        self.features.descriptors[0]
    }

    /// How values are rounded. Of the two kinds of 16 bits, float16 has eight times the resolution, bfloat16 the range of
    /// float32: powers and magnitudes need that, which are linear and differ by many orders of magnitude.
    fn kind(&self) -> (Kind, Dtype) {
        match self.descriptor() {
            Descriptor::Magnitude | Descriptor::IvActive | Descriptor::IvReactive => {
                (Kind::BFloat16, Dtype::BF16)
            }
            _ => (Kind::Half, Dtype::F16),
        }
    }

    fn cut(&self) -> Cut {
        Cut::new(&self.features, self.sample_rate)
    }

    /// Bytes of all recordings.
    pub(super) fn bytes(&self, subject: Subject) -> u64 {
        let frames: i64 = subject.recordings.iter().map(|recording| self.cut().frames(recording)).sum();
        frames as u64 * self.width() * BYTES
    }

    /// Values of a frame.
    fn width(&self) -> u64 {
        (self.descriptor().channels() * self.features.bands) as u64
    }

    /// One text for all of it.
    fn identity(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::Bug(error.to_string()))
    }
}

/// An open file. It is not removed from the cache as long as this value lives.
#[derive(Debug)]
pub(super) struct Entry {
    _file: TensorFile,
    /// Recording by recording, `[T, C, F]` at 16 bits, views on the mapped file.
    recordings: Vec<Tensor>,
}

impl Entry {
    /// Opens the file for `key`; makes it first when it is not there or damaged, while others that want it wait. `None`
    /// when there is no room for it.
    pub(super) fn open(room: &Room, key: &Key, subject: Subject) -> Result<Option<Self>, Error> {
        let identity = key.identity()?;
        let name = format!("{}-{}.safetensors", key.descriptor().name(), &hex_digest(&identity)[..32]);
        let path = room.folder().join(name);
        if let Ok(entry) = Self::read(&path, &identity, key, subject) {
            return Ok(Some(entry));
        }
        let _lock = lock_to_write(&path)?;
        // Another process may have made it while this one waited.
        match Self::read(&path, &identity, key, subject) {
            Ok(entry) => return Ok(Some(entry)),
            Err(damage) if path.exists() => {
                tracing::warn!("descriptors in {} are damaged ({damage}) and computed again", path.display());
                std::fs::remove_file(&path).map_err(FileError::at("remove", &path))?;
            }
            Err(_) => {}
        }
        let header = header(&identity, key, subject)?;
        let bytes = header.len() as u64 + key.bytes(subject);
        let removing = room.lock()?;
        if !room.make(bytes)? {
            return Ok(None);
        }
        // Held again at the end, so that nobody removes the new file before it is opened.
        let mut guard = Some(removing);
        fs::write_atomic_path(&path, |temporary| {
            let in_folder = FileError::at("write", &path);
            let file = File::options().write(true).open(temporary).and_then(|file| {
                file.lock()?;
                file.set_len(bytes)?;
                Ok(file)
            });
            let mut file = file.map_err(in_folder)?;
            drop(guard.take());
            file.write_all(&header).map_err(FileError::at("write", &path))?;
            fill(temporary, header.len() as u64, key, subject)?;
            guard = Some(room.lock()?);
            Ok::<_, Error>(())
        })?;
        let entry = Self::read(&path, &identity, key, subject);
        entry.map(Some).map_err(|what| Error::Cache { path, what })
    }

    /// Opens an existing file; in words, why that cannot be done.
    ///
    /// Its values are not looked at, which would take a minute for tens of GB: a file that has this name was written whole
    /// and synced before it got it, and so its header and its length are enough.
    fn read(path: &Path, identity: &str, key: &Key, subject: Subject) -> Result<Self, String> {
        let file = TensorFile::open(path)?;
        if file.about(ABOUT) != Some(identity) {
            return Err("it belongs to another key".into());
        }
        let cut = key.cut();
        let recording = |recording: &&crate::dataset::Recording| {
            let values = file.tensor(&recording.name)?;
            let expected = [cut.frames(recording), key.descriptor().channels(), key.features.bands];
            match values.size() == expected && values.kind() == key.kind().0 {
                true => Ok(values),
                false => Err(format!("{} has shape {:?}, not {expected:?}", recording.name, values.size())),
            }
        };
        let recordings = subject.recordings.iter().map(recording).collect::<Result<_, String>>()?;
        // Used just now: others go first. It may belong to another user, and then its owner's uses count.
        let _ = file.file().set_modified(SystemTime::now());
        Ok(Self { _file: file, recordings })
    }

    /// The file itself.
    #[cfg(test)]
    pub(super) fn file(&self) -> &File {
        self._file.file()
    }

    /// Frames of a recording from `first` on, `[T, C, F]` at 16 bits; after its end, its last frame.
    pub(super) fn frames(&self, recording: usize, first: i64, frames: i64) -> Tensor {
        let all = &self.recordings[recording];
        let last = all.size()[0] - 1;
        let there = frames.min((last + 1 - first).max(0));
        let part = all.narrow(0, first.min(last), there);
        if there == frames {
            return part;
        }
        let size = all.size();
        let rest = all.narrow(0, last, 1).expand([frames - there, size[1], size[2]], false);
        Tensor::cat(&[part, rest], 0)
    }
}

/// The beginning of the file, up to the data.
fn header(identity: &str, key: &Key, subject: Subject) -> Result<Vec<u8>, Error> {
    let bug = |error: String| Error::Bug(error);
    let mut at = 0;
    let tensors = subject.recordings.iter().map(|recording| {
        let frames = key.cut().frames(recording) as usize;
        let shape = vec![frames, key.descriptor().channels() as usize, key.features.bands as usize];
        let begin = at;
        at += frames * (key.width() * BYTES) as usize;
        (recording.name.clone(), TensorInfo { dtype: key.kind().1, shape, data_offsets: (begin, at) })
    });
    let about = [(ABOUT.to_owned(), identity.to_owned())].into();
    let metadata = Metadata::new(Some(about), tensors.collect()).map_err(|e| bug(e.to_string()))?;
    let mut text = serde_json::to_vec(&metadata).map_err(|e| bug(e.to_string()))?;
    // Spaces, so that the data begins at a multiple of eight bytes.
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut header = (text.len() as u64).to_le_bytes().to_vec();
    header.extend(text);
    Ok(header)
}

/// Computes and writes the data of a file, from `start` on. Several recordings at a time on the CPU, but each on one
/// thread, so that values do not depend on the number of threads.
fn fill(path: &Path, start: u64, key: &Key, subject: Subject) -> Result<(), Error> {
    let before = tch::get_num_threads();
    tch::set_num_threads(1);
    let workers =
        if subject.device.is_cuda() { 1 } else { subject.threads.clamp(1, subject.recordings.len().max(1)) };
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let work = || {
        if let Err(error) = fill_some(path, start, key, subject, &next) {
            next.store(subject.recordings.len(), Ordering::SeqCst);
            failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
        }
    };
    match workers {
        1 => work(),
        _ => std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work)))),
    }
    tch::set_num_threads(before);
    failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).map_or(Ok(()), Err)
}

/// Takes recordings until none is left.
fn fill_some(path: &Path, start: u64, key: &Key, subject: Subject, next: &AtomicUsize) -> Result<(), Error> {
    let variables = VarStore::new(subject.device);
    let front_end = FrontEnd::new(&variables.root(), &key.features, key.sample_rate)
        .map_err(detector::Error::Features)?;
    let cut = key.cut();
    let at = |path: &Path| -> Result<File, FileError> {
        File::options().write(true).open(path).map_err(FileError::at("write", path))
    };
    let mut file = at(path)?;
    loop {
        let index = next.fetch_add(1, Ordering::SeqCst);
        let Some(recording) = subject.recordings.get(index) else { return Ok(()) };
        let before: i64 = subject.recordings[..index].iter().map(|recording| cut.frames(recording)).sum();
        let offset = start + before as u64 * key.width() * BYTES;
        file.seek(SeekFrom::Start(offset)).map_err(FileError::at("write", path))?;
        cut.describe(recording, &front_end, subject.device, |piece| {
            file.write_all(&bytes(&piece, key)?).map_err(FileError::at("write", path))?;
            Ok::<_, Error>(())
        })?;
    }
}

/// `[C, T, F]` as the file has it: `[T, C, F]` at 16 bits, so that the frames of a chunk lie together.
fn bytes(piece: &Tensor, key: &Key) -> Result<Vec<u8>, Error> {
    let bug = |error: tch::TchError| Error::Bug(error.to_string());
    let values = piece.transpose(0, 1).to_kind(key.kind().0).to(tch::Device::Cpu).contiguous();
    let count = values.numel();
    let mut bytes = vec![0; count * BYTES as usize];
    values.f_copy_data_u8(&mut bytes, count).map_err(bug)?;
    Ok(bytes)
}
