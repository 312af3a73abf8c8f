//! A detector as TorchScript, traced so that any batch size and length can be run.

use std::path::Path;

use tch::{CModule, Device, IValue, Kind, Tensor};

use super::Error;
use crate::model::detector::{Detection, Detector};
use crate::torch_ext::trace_to_file;

/// Seconds of the example that the trace is made with. Any length would do.
const EXAMPLE_S: i64 = 3;
/// Largest absolute difference between the traced module and the network that is put down to rounding.
const TOLERANCE: f64 = 1e-4;

/// Writes a frozen detector as TorchScript: input float32 `[batch, 4, samples]`, outputs (activity `[batch, frames,
/// tracks, classes]` in 0..1, directions `[batch, frames, tracks, 3]` of length 1, and metres `[batch, frames, tracks]`
/// where the architecture says distances). Reads it back and compares it with the detector itself on other shapes.
pub fn write(detector: &Detector, path: &Path) -> Result<(), Error> {
    let torch = |action| move |source| Error::Torch { action, source };
    let second = i64::from(detector.sample_rate());
    let example = noise([2, 4, EXAMPLE_S * second]);
    let traced = |input: &Tensor| outputs(detector.forward(input));
    tch::no_grad(|| trace_to_file("Detector", &example, path, traced)).map_err(torch("write"))?;
    let module = CModule::load(path).map_err(torch("read back"))?;
    for shape in [[1, 4, second], [3, 4, 2 * second + 1234], [1, 4, 7 * second - 77]] {
        let difference = compare(detector, &module, shape).map_err(torch("run"))?;
        if difference > TOLERANCE || difference.is_nan() {
            return Err(Error::Differs { difference, shape });
        }
    }
    Ok(())
}

/// In the order that the module returns them.
fn outputs(detection: Detection) -> Vec<Tensor> {
    let Detection { activity, direction, distance } = detection;
    [activity, direction].into_iter().chain(distance).collect()
}

/// Largest absolute difference of the outputs for noise of this shape.
fn compare(detector: &Detector, module: &CModule, shape: [i64; 3]) -> Result<f64, tch::TchError> {
    let _guard = tch::no_grad_guard();
    let input = noise(shape);
    let expected = detector.forward(&input);
    let outputs = module.forward_is(&[IValue::Tensor(input)])?;
    let IValue::Tuple(outputs) = outputs else {
        return Err(tch::TchError::Torch("the module does not return a tuple".into()));
    };
    let mut largest = 0f64;
    for (output, expected) in outputs.iter().zip(self::outputs(expected)) {
        let IValue::Tensor(output) = output else {
            return Err(tch::TchError::Torch("the module does not return tensors".into()));
        };
        largest = largest.max((output.f_sub(&expected)?).abs().max().double_value(&[]));
    }
    Ok(largest)
}

/// Noise that needs no random generator: the same on every run.
fn noise(shape: [i64; 3]) -> Tensor {
    let count: i64 = shape.iter().product();
    let index = Tensor::arange(count, (Kind::Double, Device::Cpu));
    ((index * 12.9898).sin() * 43758.5453).frac().to_kind(Kind::Float).view(shape) * 0.1
}
