//! Reference tensors and the distance to them.

use std::collections::BTreeMap;
use std::path::Path;

use at2seld::backbone::checkpoint::Checkpoint;
use tch::{Kind, Tensor};

/// Tensors of one file by name.
pub struct Tensors {
    name: String,
    tensors: BTreeMap<String, Tensor>,
}

impl Tensors {
    pub fn read(path: &Path) -> Self {
        let tensors = Checkpoint::read(path).unwrap_or_else(|e| panic!("{e}")).tensors;
        Self { name: path.file_stem().unwrap().to_string_lossy().into_owned(), tensors }
    }

    pub fn get(&self, key: &str) -> &Tensor {
        self.tensors.get(key).unwrap_or_else(|| panic!("{}: no tensor {key}", self.name))
    }

    /// Asserts that `got` has the shape of `key` and nowhere differs by more than `tolerance`.
    pub fn assert_close(&self, key: &str, got: &Tensor, tolerance: f64) {
        let expected = self.get(key);
        assert_eq!(got.size(), expected.size(), "{}: shape of {key}", self.name);
        let far = (got.to_kind(Kind::Double) - expected.to_kind(Kind::Double)).abs().max().double_value(&[]);
        eprintln!("{}: {key}: largest difference {far:.1e}, allowed {tolerance:.0e}", self.name);
        assert!(far <= tolerance, "{}: {key} differs by {far}", self.name);
    }
}
