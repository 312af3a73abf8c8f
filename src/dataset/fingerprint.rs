//! What a dataset contains, in one number: SHA-256 over the content of all files, each hashed whole.
//!
//! The digests of the files are kept in the index, so that a dataset is read for this once, however many trials ask.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::index::{Index, Known};
use super::recording::Recording;
use crate::fs::FileError;

/// Bytes that are read and hashed at a time.
const BLOCK: usize = 256 << 10;

/// Digests of all recordings: what is known of them, from the index, or from the files. Of several processes that
/// need them one computes and the others wait. `index` reads the index as it is at that moment; `done` hears how many
/// recordings of how many are through, unless all are known.
pub(super) fn digests(
    recordings: &[Recording],
    known: &[Known],
    index: impl Fn() -> Index,
    done: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<[String; 2]>, Error> {
    if let Some(all) = known.iter().map(|known| known.digests.clone()).collect() {
        return Ok(all);
    }
    let _lock = index().path().map(lock);
    let mut index = index();
    let mut known = known.to_vec();
    let through = AtomicUsize::new(0);
    let all: Vec<[String; 2]> = known
        .par_iter_mut()
        .zip(recordings)
        .map(|(known, recording)| {
            let kept = index.again(&recording.audio, known).and_then(|kept| kept.digests.clone());
            let digests = match known.digests.take().or(kept) {
                Some(digests) => digests,
                None => [digest(&recording.audio)?, digest(&recording.labels)?],
            };
            known.digests = Some(digests.clone());
            done(through.fetch_add(1, Ordering::Relaxed) + 1, recordings.len());
            Ok(digests)
        })
        .collect::<Result<_, FileError>>()?;
    index.write(recordings.iter().map(|recording| recording.audio.as_path()).zip(&known));
    Ok(all)
}

/// Names, splits, classes and content together. Where the folder lies is no part of it, and neither is the order in
/// which files were found.
pub(super) fn combine(classes: &[String], recordings: &[Recording], digests: &[[String; 2]]) -> String {
    let mut hash = Sha256::new();
    hash.update((classes.len() as u64).to_le_bytes());
    classes.iter().for_each(|class| framed(&mut hash, class));
    for (recording, [audio, labels]) in recordings.iter().zip(digests) {
        for part in [&recording.name, recording.split.name(), audio, labels] {
            framed(&mut hash, part);
        }
    }
    hex(hash)
}

/// Length first, so that neighbours cannot run into one another.
fn framed(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

fn digest(path: &Path) -> Result<String, FileError> {
    let mut hash = Sha256::new();
    let mut read = || -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut block = vec![0; BLOCK];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(()),
                count => hash.update(&block[..count]),
            }
        }
    };
    read().map_err(FileError::at("read", path))?;
    Ok(hex(hash))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes the lock beside the index, creating its folder; waits for another process that has it. Without it the work
/// is done twice, no more.
fn lock(index: &Path) -> io::Result<File> {
    if let Some(folder) = index.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let lock = File::create(index.with_extension("lock"))?;
    lock.lock()?;
    Ok(lock)
}
