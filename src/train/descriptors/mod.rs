//! Where batches take their descriptors from: computed from their sound, or read from a cache on disk.
//!
//! The cache has one file a descriptor, grid and dataset, in the folder `descriptors` of the cache folder. So candidates
//! share what they have in common, whatever else they see. Whole recordings are described, so that the edges of a chunk
//! know their neighbours, and not normalised: that is done to what is read.

mod entry;
mod whole;

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::Error;
use crate::cache::{Allowance, Room};
use crate::dataset::Recording;
use crate::features::FeatureConfig;
use crate::model::arch::Architecture;
use crate::model::detector;
use entry::{Entry, Key};

/// How much the folder of descriptors may take.
pub const ALLOWANCE: Allowance =
    Allowance { variable: "AT2SELD_DESCRIPTOR_CACHE_GB", default: 20_000_000_000 };

/// Folder below a cache folder.
pub const FOLDER: &str = "descriptors";

/// Where batches take their descriptors from.
#[derive(Debug)]
pub enum Descriptors {
    /// Computed on the device from the sound of every batch.
    Computed,
    /// Read from disk.
    Cached(Cached),
}

/// Descriptors of whole recordings, mapped.
#[derive(Debug)]
pub struct Cached {
    /// In the order of the configuration.
    entries: Vec<Entry>,
    frames_per_label: i64,
}

/// What is described, and on what.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Recordings with unique names.
    pub recordings: &'a [&'a Recording],
    /// Their sample rate in Hz.
    pub sample_rate: u32,
    /// Fingerprint of their dataset.
    pub fingerprint: &'a str,
    /// Where descriptors are computed.
    pub device: Device,
    /// Recordings that are described at the same time, on the CPU.
    pub threads: usize,
}

impl Descriptors {
    /// What the architecture asks for, with files in the folder `cache`. Files that are not there are made first; other
    /// processes that want the same ones wait. Where they take more room than there is, descriptors are computed.
    ///
    /// # Errors
    /// Descriptors that cannot be computed, recordings that cannot be read, the disk.
    pub fn open(cache: &Path, arch: &Architecture, subject: Subject) -> Result<Self, Error> {
        if !arch.caches_descriptors(subject.device.is_cuda()) {
            return Ok(Self::Computed);
        }
        let folder = cache.join(FOLDER);
        let room = Room::of(&folder, ALLOWANCE)?;
        let cached = Cached::open(&room, &arch.features, subject)?;
        Ok(cached.map_or(Self::Computed, Self::Cached))
    }
}

impl Cached {
    /// `None` when there is not enough room.
    fn open(room: &Room, features: &FeatureConfig, subject: Subject) -> Result<Option<Self>, Error> {
        let frames_per_label = detector::frames_per_label(features, subject.sample_rate)?;
        let keys: Vec<Key> = features.descriptors.iter().map(|d| Key::new(*d, features, subject)).collect();
        let needed: u64 = keys.iter().map(|key| key.bytes(subject)).sum();
        let mut entries = Vec::new();
        // Those that are open are in use, so that room for one more is not made at their expense.
        for key in &keys {
            match Entry::open(room, key, subject)? {
                Some(entry) => entries.push(entry),
                None => {
                    tracing::warn!(
                        "the descriptors of this dataset take {:.1} GB, and the cache {} may take {:.1} GB, some of which \
                         may be in use: they are computed for every batch instead. {} sets how much it may take",
                        gigabytes(needed),
                        room.folder().display(),
                        gigabytes(room.limit()),
                        ALLOWANCE.variable,
                    );
                    return Ok(None);
                }
            }
        }
        Ok(Some(Self { entries, frames_per_label }))
    }

    /// Descriptors of chunks of `frames` label frames, each by its recording's index and its first label frame:
    /// `[B, C, T, F]` float32 on `device`. What lies after the end of a recording is silence.
    pub fn read(&self, chunks: &[(usize, u32)], frames: u32, device: Device) -> Tensor {
        let frames = i64::from(frames) * self.frames_per_label;
        let of = |entry: &Entry| {
            let chunk = |&(recording, first): &(usize, u32)| {
                entry.frames(recording, i64::from(first) * self.frames_per_label, frames)
            };
            let chunks: Vec<Tensor> = chunks.iter().map(chunk).collect();
            // Moved at 16 bits.
            Tensor::stack(&chunks, 0).to(device).to_kind(Kind::Float).transpose(1, 2)
        };
        let parts: Vec<Tensor> = self.entries.iter().map(of).collect();
        Tensor::cat(&parts, 1).contiguous()
    }
}

fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

#[cfg(test)]
mod tests;
