//! The part of a file that was fetched so far.
//!
//! `cnn6.pth.part` grows beside the place of `cnn6.pth`; `cnn6.pth.part.json` says which address and which version of
//! the file there it is of, so that parts of two files are never put together. The note is removed before the part is
//! emptied and written before the first byte: a part without a note is never continued.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::address::Address;
use crate::fs::{self, FileError};

/// Which file a part is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// SHA-256 of the address: the address itself may hold a password.
    pub(super) address: String,
    /// Strong ETag or Last-Modified: what If-Range is asked with.
    pub(super) validator: Option<String>,
    /// Length of the whole file.
    pub(super) length: Option<u64>,
}

/// A part and its note.
#[derive(Debug)]
pub(super) struct Partial {
    part: PathBuf,
    note: PathBuf,
}

impl Partial {
    /// That of the file that is to be at `target`.
    pub(super) fn of(target: &Path) -> Self {
        let with = |ending: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { part: with(".part"), note: with(".part.json") }
    }

    pub(super) fn path(&self) -> &Path {
        &self.part
    }

    /// Bytes that are there.
    pub(super) fn len(&self) -> u64 {
        std::fs::metadata(&self.part).map_or(0, |found| found.len())
    }

    /// What may be continued from `address`: the note and the number of bytes. Without a validator that is only what
    /// a known digest will be asked of.
    pub(super) fn resumable(&self, address: &Address, digest_is_known: bool) -> Option<(Note, u64)> {
        let note: Note = serde_json::from_slice(&std::fs::read(&self.note).ok()?).ok()?;
        let have = self.len();
        let is_of = note.address == address.digest() && note.length.is_none_or(|length| have <= length);
        (have > 0 && is_of && (note.validator.is_some() || digest_is_known)).then_some((note, have))
    }

    /// Starts a part from nothing.
    pub(super) fn begin(&self, note: &Note) -> Result<Writer<'_>, FileError> {
        remove(&self.note)?;
        let opened = File::options().create(true).write(true).truncate(true).open(&self.part);
        let file = opened.map_err(FileError::at("write", &self.part))?;
        fs::write_json(&self.note, note)?;
        Ok(Writer { file, path: &self.part, written: 0 })
    }

    /// Goes on at its end, `have` bytes from its start.
    pub(super) fn resume(&self, have: u64) -> Result<Writer<'_>, FileError> {
        let opened = File::options().append(true).open(&self.part);
        let file = opened.map_err(FileError::at("write", &self.part))?;
        Ok(Writer { file, path: &self.part, written: have })
    }

    /// Gives the whole file its name.
    pub(super) fn finish(&self, target: &Path) -> Result<(), FileError> {
        fs::rename_synced(&self.part, target)?;
        remove(&self.note)
    }

    /// Removes it: it is of no use.
    pub(super) fn discard(&self) -> Result<(), FileError> {
        remove(&self.note)?;
        remove(&self.part)
    }
}

/// Appends to a part. What was written is in the system's hands at once, so a kill loses nothing.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    file: File,
    path: &'a Path,
    written: u64,
}

impl Writer<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all(bytes).map_err(FileError::at("write", self.path))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Bytes of the part.
    pub(super) fn written(&self) -> u64 {
        self.written
    }
}

fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::at("remove", path)(error)),
        _ => Ok(()),
    }
}
