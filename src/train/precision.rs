//! In which numbers a training step is computed.

use tch::{Device, Kind, Tensor};

use super::Error;
use crate::model::arch::Precision;
use crate::model::network::Output;
use crate::torch_ext;

/// Whether the device has the numbers that are asked for.
///
/// # Errors
/// A processor without bfloat16 of its own: emulating it takes longer than float32.
pub(super) fn check(precision: Precision, device: Device) -> Result<(), Error> {
    if precision == Precision::Bf16 && device == Device::Cpu && !torch_ext::cpu_has_bf16() {
        return Err(Error::Precision);
    }
    Ok(())
}

/// The forward pass of a training step. What it says is float32.
pub(super) fn forward(precision: Precision, device: Device, network: impl FnOnce() -> Output) -> Output {
    match precision {
        Precision::Float32 => network(),
        Precision::Bf16 => float32(torch_ext::with_bf16(device, network)),
    }
}

fn float32(output: Output) -> Output {
    let single = |x: Tensor| x.to_kind(Kind::Float);
    match output {
        Output::Tracks { activity, direction, distance } => Output::Tracks {
            activity: single(activity),
            direction: single(direction),
            distance: distance.map(single),
        },
        Output::Vectors { vectors, distance } => {
            Output::Vectors { vectors: single(vectors), distance: distance.map(single) }
        }
    }
}
