//! Named tensors in a safetensors file, with text metadata.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors, View};
use tch::{Kind, Tensor};

use crate::fs::{self, FileError};

/// Reading or writing named tensors failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The content is not what it should be.
    #[error("{} is not a usable safetensors file: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Tensors by name and the file's metadata.
#[derive(Debug)]
pub struct Weights {
    /// Ordered by name.
    pub tensors: Vec<(String, Tensor)>,
    /// Text by key.
    pub metadata: HashMap<String, String>,
}

/// Writes tensors (float32 or int64, on any device) atomically.
pub fn write(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: HashMap<String, String>,
) -> Result<(), Error> {
    let content = |problem: String| Error::Content { path: path.to_owned(), problem };
    let views: Vec<(&str, Bytes)> = tensors
        .iter()
        .map(|(name, tensor)| Ok((name.as_str(), Bytes::new(tensor)?)))
        .collect::<Result<_, String>>()
        .map_err(content)?;
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| content(e.to_string()))?;
    Ok(fs::write_bytes(path, &bytes)?)
}

/// Reads all tensors to the CPU.
pub fn read(path: &Path) -> Result<Weights, Error> {
    let content = |problem: String| Error::Content { path: path.to_owned(), problem };
    let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| content(e.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let file = SafeTensors::deserialize(&bytes).map_err(|e| content(e.to_string()))?;
    let mut tensors = Vec::with_capacity(file.len());
    for (name, view) in file.tensors() {
        let kind =
            kind(view.dtype()).ok_or_else(|| content(format!("{name} has type {:?}", view.dtype())))?;
        let size: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &size, kind)
            .map_err(|e| content(format!("{name}: {e}")))?;
        tensors.push((name, tensor));
    }
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Weights { tensors, metadata })
}

impl Weights {
    /// The tensors whose names begin with `prefix`, without it.
    pub fn with_prefix(&self, prefix: &str) -> Vec<(String, Tensor)> {
        let strip = |(name, tensor): &(String, Tensor)| {
            name.strip_prefix(prefix).map(|rest| (rest.to_owned(), tensor.shallow_clone()))
        };
        self.tensors.iter().filter_map(strip).collect()
    }
}

fn kind(dtype: Dtype) -> Option<Kind> {
    match dtype {
        Dtype::F32 => Some(Kind::Float),
        Dtype::I64 => Some(Kind::Int64),
        _ => None,
    }
}

/// The content of a tensor, row-major.
struct Bytes {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Bytes {
    fn new(tensor: &Tensor) -> Result<Self, String> {
        let dtype = match tensor.kind() {
            Kind::Float => Dtype::F32,
            Kind::Int64 => Dtype::I64,
            other => return Err(format!("tensors of kind {other:?} are not written")),
        };
        let tensor = tensor.detach().to(tch::Device::Cpu).contiguous();
        let elements = tensor.numel();
        let mut data = vec![0; elements * tensor.kind().elt_size_in_bytes()];
        tensor.f_copy_data_u8(&mut data, elements).map_err(|e| e.to_string())?;
        Ok(Self { dtype, shape: tensor.size().iter().map(|&n| n as usize).collect(), data })
    }
}

impl View for Bytes {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let transposed = Tensor::randn([3, 2], (Kind::Float, Device::Cpu)).transpose(0, 1);
        let tensors = [("b".to_owned(), transposed), ("a".to_owned(), Tensor::from_slice(&[7i64]))];
        write(&path, &tensors, HashMap::from([("epoch".into(), "3".into())])).unwrap();
        let back = read(&path).unwrap();
        assert_eq!(back.metadata["epoch"], "3");
        assert_eq!(back.tensors[0], ("a".to_owned(), Tensor::from_slice(&[7i64])));
        assert_eq!(back.tensors[1].1, tensors[0].1);
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        write(&path, &[("a".to_owned(), Tensor::from_slice(&[1f32, 2.0]))], HashMap::new()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("w.safetensors"));
    }
}
