//! Reference tensors and the distance to them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use at2seld::backbone::checkpoint::Checkpoint;
use tch::{Kind, Tensor};

/// Share of values that the stricter of two tolerances is for.
const MOST: f64 = 0.999;

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
        self.judge(key, &self.difference(self.get(key), key, got), tolerance);
    }

    /// The same for some of its first axis.
    pub fn assert_part_close(&self, key: &str, part: Range<i64>, got: &Tensor, tolerance: f64) {
        let expected = self.get(key).narrow(0, part.start, part.end - part.start);
        self.judge(&format!("{key} {part:?}"), &self.difference(&expected, key, got), tolerance);
    }

    /// The same, of angles in radians, which may differ by whole turns.
    pub fn assert_angles_close(&self, key: &str, got: &Tensor, tolerance: f64) {
        let difference = self.difference(self.get(key), key, got);
        let turn = 2.0 * std::f64::consts::PI;
        let wrapped = (&difference - (&difference / turn).round() * turn).abs();
        self.judge(key, &wrapped, tolerance);
    }

    /// The same, and that 99.9 % of the values differ by `usual` at most.
    pub fn assert_mostly_close(&self, key: &str, got: &Tensor, tolerance: f64, usual: f64) {
        let difference = self.difference(self.get(key), key, got);
        self.judge(key, &difference, tolerance);
        let share = difference.le(usual).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
        assert!(share >= MOST, "{}: {key} differs by more than {usual} in {}", self.name, 1.0 - share);
    }

    fn difference(&self, expected: &Tensor, key: &str, got: &Tensor) -> Tensor {
        assert_eq!(got.size(), expected.size(), "{}: shape of {key}", self.name);
        (got.to_kind(Kind::Double) - expected.to_kind(Kind::Double)).abs()
    }

    fn judge(&self, what: &str, difference: &Tensor, tolerance: f64) {
        let far = difference.max().double_value(&[]);
        eprintln!("{}: {what}: largest difference {far:.1e}, allowed {tolerance:.0e}", self.name);
        assert!(far <= tolerance, "{}: {what} differs by {far}", self.name);
    }
}
