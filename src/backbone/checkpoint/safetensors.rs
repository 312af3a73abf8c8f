//! safetensors files.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors};
use tch::{Kind, Tensor};

use super::{Checkpoint, CheckpointError, Layout};

pub(super) fn read(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let container = |e: safetensors::SafeTensorError| CheckpointError::Container(e.to_string());
    let file = SafeTensors::deserialize(bytes).map_err(container)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(container)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let wrong = |what: String| CheckpointError::Tensor { name: name.to_owned(), what };
        let kind = kind(view.dtype())
            .ok_or_else(|| wrong(format!("element type {:?} is not supported", view.dtype())))?;
        let shape: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &shape, kind).map_err(|e| wrong(e.to_string()))?;
        tensors.insert(name.to_owned(), tensor);
    }
    if tensors.is_empty() {
        return Err(CheckpointError::NoTensors { found: "an empty safetensors file".into() });
    }
    let mut other: Vec<_> = header.metadata().clone().unwrap_or_default().into_iter().collect();
    other.sort();
    Ok(Checkpoint { layout: Layout::Safetensors, tensors, other })
}

fn kind(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::F64 => Kind::Double,
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::I64 => Kind::Int64,
        Dtype::I32 => Kind::Int,
        Dtype::I16 => Kind::Int16,
        Dtype::I8 => Kind::Int8,
        Dtype::U8 => Kind::Uint8,
        Dtype::BOOL => Kind::Bool,
        _ => return None,
    })
}
