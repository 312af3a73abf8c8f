//! What can go wrong with a pretrained tagger.

use std::path::PathBuf;

use super::checkpoint::CheckpointError;
use super::registry::RegistryError;
use super::weights::Problem;

/// A tagger that cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No tagger of this name.
    #[error("unknown backbone '{name}', expected one of: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names in the registry.
        known: Vec<String>,
    },
    /// No weights where they are looked for.
    #[error("weights of backbone {name} are not at {}: {obtain}, or give their place with --weights", path.display())]
    Missing {
        /// The tagger.
        name: String,
        /// Where they were looked for.
        path: PathBuf,
        /// What to do, in words.
        obtain: String,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The file holds other tensors than the network has.
    #[error("{} does not fit backbone {name}: {}", path.display(), list(problems))]
    Mismatch {
        /// The tagger.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Every tensor that does not fit.
        problems: Vec<Problem>,
    },
    /// More blocks are to be frozen than there are.
    #[error(
        "backbone.freeze is {frozen}, and the network has {count} blocks: set it to {count} at most, \"all\" or \"none\""
    )]
    Blocks {
        /// How many were to be frozen.
        frozen: usize,
        /// How many there are.
        count: usize,
    },
    /// The class names beside the weights are not those of the network.
    #[error("{} names {got} classes, expected {expected}", path.display())]
    ClassNames {
        /// The file of names.
        path: PathBuf,
        /// Classes of the network.
        expected: usize,
        /// Names in the file.
        got: usize,
    },
    /// The file of class names beside the weights is no such file.
    #[error("{} {what}", path.display())]
    ClassList {
        /// The file of names.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The user's registry file.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// libtorch refused an operation.
    #[error("backbone computation failed: {0}")]
    Torch(#[from] tch::TchError),
    /// An input that the tagger does not take.
    #[error("waveform has shape {got:?}, expected [batch, samples] with at least one sample")]
    Shape {
        /// What was given.
        got: Vec<i64>,
    },
    /// A file of the cache.
    #[error(transparent)]
    File(#[from] crate::fs::FileError),
    /// A file of the cache cannot be written or read.
    #[error("cannot use {} of the cache of prefixes: {what}", path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl Error {
    /// Whether what the user gave is at fault, not the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::Missing { .. } | Self::Registry(_) => true,
            Self::Checkpoint(_) | Self::Mismatch { .. } | Self::Blocks { .. } => true,
            Self::ClassNames { .. } | Self::ClassList { .. } => true,
            Self::Torch(_) | Self::Shape { .. } | Self::File(_) | Self::Cache { .. } => false,
        }
    }
}

/// So many problems are shown in full; a wrong architecture has hundreds.
const SHOWN: usize = 12;

fn list(problems: &[Problem]) -> String {
    let mut text: Vec<String> = problems.iter().take(SHOWN).map(ToString::to_string).collect();
    if problems.len() > SHOWN {
        text.push(format!("and {} more", problems.len() - SHOWN));
    }
    text.join("; ")
}
