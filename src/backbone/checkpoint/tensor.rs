//! Tensors as torch describes them: a window with strides onto a storage.

use tch::{Kind, Tensor};

use super::CheckpointError;

/// Element type of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) kind: Kind,
    pub(super) bytes: usize,
}

impl Element {
    const fn new(kind: Kind, bytes: usize) -> Self {
        Self { kind, bytes }
    }

    /// Of a storage class by its pickled name, "torch FloatStorage".
    pub(super) fn of_storage(global: &str) -> Option<Self> {
        let class = global.rsplit([' ', '.']).next()?;
        Some(match class {
            "DoubleStorage" => Self::new(Kind::Double, 8),
            "FloatStorage" => Self::new(Kind::Float, 4),
            "HalfStorage" => Self::new(Kind::Half, 2),
            "BFloat16Storage" => Self::new(Kind::BFloat16, 2),
            "LongStorage" => Self::new(Kind::Int64, 8),
            "IntStorage" => Self::new(Kind::Int, 4),
            "ShortStorage" => Self::new(Kind::Int16, 2),
            "CharStorage" => Self::new(Kind::Int8, 1),
            "ByteStorage" | "UntypedStorage" => Self::new(Kind::Uint8, 1),
            "BoolStorage" => Self::new(Kind::Bool, 1),
            _ => return None,
        })
    }
}

/// A storage, or a part of one, by the key its bytes are filed under.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StorageRef {
    pub(super) key: String,
    pub(super) element: Element,
    /// First element within the stored bytes.
    pub(super) first: usize,
    /// Elements.
    pub(super) len: usize,
    /// Elements of the stored whole that this is a part of.
    pub(super) whole: usize,
}

/// A tensor without its values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TensorSpec {
    pub(super) storage: StorageRef,
    /// First element within the storage.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// In elements.
    pub(super) strides: Vec<usize>,
}

/// A broadcast tensor is stored small and is large in memory; no weights are this large.
const MOST_ELEMENTS: usize = 1 << 31;
/// libtorch's own limit.
pub(super) const MOST_AXES: usize = 64;

impl TensorSpec {
    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.shape.iter().fold(self.storage.element.bytes, |bytes, n| bytes.saturating_mul(*n))
    }

    /// The tensor with its values copied out of its storage's bytes, contiguous.
    pub(super) fn build(&self, name: &str, bytes: &[u8]) -> Result<Tensor, CheckpointError> {
        let size = self.storage.element.bytes;
        let wrong = |what: String| CheckpointError::Tensor { name: name.to_owned(), what };
        let count = self.shape.iter().try_fold(1usize, |n, s| n.checked_mul(*s));
        let count = count.filter(|n| *n <= MOST_ELEMENTS && self.shape.len() <= MOST_AXES);
        let count = count.ok_or_else(|| wrong(format!("shape {:?} is too large", self.shape)))?;
        let start = self.storage.first.checked_add(self.offset);
        if count > 0 {
            let reach =
                self.shape.iter().zip(&self.strides).try_fold(self.offset, |last, (n, stride)| {
                    last.checked_add((n - 1).checked_mul(*stride)?)
                });
            let end = reach.filter(|last| *last < self.storage.len).and_then(|last| last.checked_add(1));
            let end = end.and_then(|end| end.checked_add(self.storage.first)?.checked_mul(size));
            if end.is_none_or(|end| end > bytes.len()) {
                return Err(wrong(format!(
                    "shape {:?}, strides {:?}, offset {} reach beyond its storage of {} elements ({} bytes stored)",
                    self.shape,
                    self.strides,
                    self.offset,
                    self.storage.len,
                    bytes.len()
                )));
            }
        }
        let mut values = Vec::with_capacity(count * size);
        if count > 0 {
            self.copy(0, start.unwrap_or(0), bytes, &mut values);
        }
        let shape: Vec<i64> = self.shape.iter().map(|n| *n as i64).collect();
        Tensor::f_from_data_size(&values, &shape, self.storage.element.kind).map_err(|e| wrong(e.to_string()))
    }

    /// Appends the elements from `axis` on, the first of them at element `at`.
    fn copy(&self, axis: usize, at: usize, bytes: &[u8], values: &mut Vec<u8>) {
        let size = self.storage.element.bytes;
        if self.is_contiguous_from(axis) {
            let count: usize = self.shape[axis..].iter().product();
            values.extend_from_slice(&bytes[at * size..(at + count) * size]);
        } else {
            for i in 0..self.shape[axis] {
                self.copy(axis + 1, at + i * self.strides[axis], bytes, values);
            }
        }
    }

    fn is_contiguous_from(&self, axis: usize) -> bool {
        let mut expected = 1;
        self.shape[axis..].iter().zip(&self.strides[axis..]).rev().all(|(n, stride)| {
            let fits = *n == 1 || *stride == expected;
            expected *= n;
            fits
        })
    }
}
