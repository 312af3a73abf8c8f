//! A checkpoint's tensors matched with what a network expects.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::fs::FileError;
use crate::tensor_file::hex;

/// Bytes of a file that are read at a time.
const PIECE: usize = 1 << 20;

/// One tensor that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The network has it, the file has not.
    Missing {
        /// Its name.
        name: String,
        /// Shape in the network.
        expected: Vec<i64>,
    },
    /// The file has it, the network has not.
    Unexpected {
        /// Its name.
        name: String,
        /// Shape in the file.
        got: Vec<i64>,
    },
    /// Both have it, with different shapes.
    Shape {
        /// Its name.
        name: String,
        /// Shape in the network.
        expected: Vec<i64>,
        /// Shape in the file.
        got: Vec<i64>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, expected } => write!(f, "{name} {expected:?} is missing"),
            Self::Unexpected { name, got } => write!(f, "{name} {got:?} is unexpected"),
            Self::Shape { name, expected, got } => {
                write!(f, "{name} has shape {got:?}, expected {expected:?}")
            }
        }
    }
}

/// Hands out tensors by name and remembers what did not fit.
#[derive(Debug)]
pub(super) struct Weights {
    tensors: BTreeMap<String, Tensor>,
    problems: Vec<Problem>,
    device: Device,
}

impl Weights {
    pub(super) fn new(tensors: BTreeMap<String, Tensor>, device: Device) -> Self {
        Self { tensors, problems: Vec::new(), device }
    }

    /// The tensor as float32 on the CPU; zeros, and a remembered problem, when it does not fit.
    pub(super) fn take(&mut self, name: &str, expected: &[i64]) -> Tensor {
        let zeros = || Tensor::zeros(expected, (Kind::Float, Device::Cpu));
        let name = name.to_owned();
        match self.tensors.remove(&name) {
            None => self.problems.push(Problem::Missing { name, expected: expected.to_vec() }),
            Some(tensor) if tensor.size() != expected => {
                self.problems.push(Problem::Shape { name, expected: expected.to_vec(), got: tensor.size() });
            }
            Some(tensor) => return tensor.to_kind(Kind::Float),
        }
        zeros()
    }

    /// Whether a tensor that may be missing is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Drops a tensor that the network has no use for.
    pub(super) fn ignore(&mut self, name: &str) {
        self.tensors.remove(name);
    }

    /// Moves a finished parameter to the device of the network.
    pub(super) fn place(&self, tensor: &Tensor) -> Tensor {
        tensor.to_kind(Kind::Float).to_device(self.device).set_requires_grad(false)
    }

    /// Everything that did not fit, with what is left over.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let left = self.tensors.into_iter();
        self.problems.extend(left.map(|(name, t)| Problem::Unexpected { name, got: t.size() }));
        self.problems
    }
}

/// SHA-256 of a file, however large, in hexadecimal.
///
/// # Errors
/// The file cannot be read.
pub fn sha256(path: &Path) -> Result<String, FileError> {
    let digest = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let mut digest = Sha256::new();
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(hex(&digest.finalize())),
                count => digest.update(&piece[..count]),
            }
        }
    };
    digest().map_err(FileError::at("read", path))
}
