//! Weights in files that others made: torch's .pth (zip and legacy) and .safetensors.
//!
//! A .pth file is a pickle, that is a program. Nothing of it is ever run: the reader rebuilds plain values and
//! tensors, and lists everything else by name. So a file from anywhere may be inspected.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tch::Tensor;

mod archive;
mod pickle;
mod pth;
mod safetensors;
mod stream;
mod tensor;

/// How a checkpoint is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// torch's zip container, the default since torch 1.6.
    Zip,
    /// torch's older sequence of pickles.
    Legacy,
    /// safetensors.
    Safetensors,
}

impl Layout {
    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zip => "pth (zip)",
            Self::Legacy => "pth (legacy)",
            Self::Safetensors => "safetensors",
        }
    }
}

/// What a file of weights holds.
#[derive(Debug)]
pub struct Checkpoint {
    /// How the file is laid out.
    pub layout: Layout,
    /// The state dict: contiguous tensors on the CPU by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Everything else: where it stands, and what it is in words.
    pub other: Vec<(String, String)>,
}

/// A file of weights that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] crate::fs::FileError),
    /// An error with the file it is about.
    #[error("cannot read checkpoint {}: {source}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<CheckpointError>,
    },
    /// It ends too early.
    #[error("ends too early, at byte {byte}: the file is truncated, fetch it again")]
    Truncated {
        /// Where it ends.
        byte: usize,
    },
    /// Its bytes make no sense.
    #[error("{what} (at byte {byte})")]
    Malformed {
        /// Where.
        byte: usize,
        /// What is wrong.
        what: String,
    },
    /// One tensor cannot be built.
    #[error("tensor {name}: {what}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// Not the container it seems to be.
    #[error("{0}")]
    Container(String),
    /// Readable, but without weights.
    #[error(
        "holds no state dict: found {found}; expected a dict of tensors, alone or under 'model' or 'state_dict'"
    )]
    NoTensors {
        /// What the file holds instead.
        found: String,
    },
}

impl Checkpoint {
    /// Reads a file of any of the layouts, told apart by content.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path).map_err(crate::fs::FileError::at("read", path))?;
        Self::from_bytes(&bytes)
            .map_err(|source| CheckpointError::In { path: path.to_owned(), source: Box::new(source) })
    }

    /// Reads the content of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        match bytes {
            [b'P', b'K', 3, 4, ..] => pth::read_zip(bytes),
            // Eight bytes of header length, which is below 4 GiB, then the header, a JSON object. The length may begin as a
            // pickle does, so it is looked at first; no pickle has the rest.
            [_, _, _, _, 0, 0, 0, 0, b'{', ..] => safetensors::read(bytes),
            [0x80, ..] => pth::read_legacy(bytes),
            [] => Err(CheckpointError::Truncated { byte: 0 }),
            _ if bytes.len() < 16 => Err(CheckpointError::Truncated { byte: bytes.len() }),
            _ => Err(CheckpointError::Container(
                "neither a .pth file of torch (zip or legacy) nor .safetensors".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests;
