//! What tch lacks, over a small C++ file compiled against the same libtorch: tracing with several outputs,
//! functions in TorchScript, autocast, and the memory of tensors.
#![expect(unsafe_code, reason = "calls into src/torch_ext.cpp; every pointer is made and used here")]

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;

use tch::{Device, Kind, TchError, Tensor};

unsafe extern "C" {
    fn at2seld_trace_begin(
        name: *const c_char,
        input: *const c_void,
        module: *mut *mut c_void,
    ) -> *mut c_char;
    fn at2seld_trace_end(
        module: *mut c_void,
        outputs: *const *const c_void,
        count: usize,
        path: *const c_char,
    ) -> *mut c_char;
    fn at2seld_trace_abandon(module: *mut c_void);
    fn at2seld_script_compile(source: *const c_char, unit: *mut *mut c_void) -> *mut c_char;
    fn at2seld_script_call(
        unit: *mut c_void,
        name: *const c_char,
        input: *const c_void,
        output: *mut *mut c_void,
    ) -> *mut c_char;
    fn at2seld_script_free(unit: *mut c_void);
    fn at2seld_autocast_begin(cuda: bool) -> *mut c_void;
    fn at2seld_autocast_end(before: *mut c_void);
    fn at2seld_cpu_has(name: *const c_char) -> bool;
    fn at2seld_keep_freed_memory();
    fn at2seld_measure_begin() -> *mut c_void;
    fn at2seld_measure_end(measurement: *mut c_void, macs: *mut i64, bytes: *mut i64);
    fn at2seld_free(message: *mut c_char);
}

/// Ends tracing when the traced function panics.
struct Tracing(*mut c_void);

impl Drop for Tracing {
    fn drop(&mut self) {
        // SAFETY: the module comes from at2seld_trace_begin and was not given to at2seld_trace_end.
        unsafe { at2seld_trace_abandon(self.0) }
    }
}

/// Traces `function` on `example` and writes it to `path` as a TorchScript module named `name`, whose `forward`
/// takes one tensor and returns a tuple of as many as `function` does.
///
/// Tensors that `function` uses beside its input become buffers of the module, so that moving the module to
/// another device moves them too. The device of `example` is kept nowhere.
///
/// # Errors
/// libtorch cannot trace an operation or write the file; `function` makes tensors on a device it names.
pub fn trace_to_file(
    name: &str,
    example: &Tensor,
    path: &Path,
    function: impl FnOnce(&Tensor) -> Vec<Tensor>,
) -> Result<(), TchError> {
    let name = CString::new(name)?;
    let file = CString::new(path.to_string_lossy().as_bytes())?;
    let mut module = std::ptr::null_mut();
    // SAFETY: name and example live through the call; module is written before a null message is returned.
    check(unsafe { at2seld_trace_begin(name.as_ptr(), example.as_ptr().cast(), &mut module) })?;
    let tracing = Tracing(module);
    let outputs = function(example);
    std::mem::forget(tracing);
    let pointers: Vec<*const c_void> = outputs.iter().map(|output| output.as_ptr().cast()).collect();
    // SAFETY: the module comes from at2seld_trace_begin and is given away here; outputs live through the call.
    check(unsafe { at2seld_trace_end(module, pointers.as_ptr(), pointers.len(), file.as_ptr()) })
}

/// A function in TorchScript of one tensor, which returns one: for loops over time, which tracing would unroll.
#[derive(Debug)]
pub struct Script {
    unit: *mut c_void,
    name: CString,
}

// SAFETY: a compilation unit is not tied to a thread, and libtorch runs its functions from several at once.
unsafe impl Send for Script {}
// SAFETY: as above; nothing here changes it after it was made.
unsafe impl Sync for Script {}

impl Script {
    /// Compiles `source`, which defines the function `name`.
    ///
    /// # Errors
    /// The source is no TorchScript.
    pub fn compile(source: &str, name: &str) -> Result<Self, TchError> {
        let (source, name) = (CString::new(source)?, CString::new(name)?);
        let mut unit = std::ptr::null_mut();
        // SAFETY: source lives through the call; unit is written before a null message is returned.
        check(unsafe { at2seld_script_compile(source.as_ptr(), &mut unit) })?;
        Ok(Self { unit, name })
    }

    /// Calls it; a trace that is going on gets its graph.
    ///
    /// # Panics
    /// As operators of tch do: when an operation in it refuses the input.
    pub fn call(&self, input: &Tensor) -> Tensor {
        let mut output = std::ptr::null_mut();
        // SAFETY: the unit comes from at2seld_script_compile; output is written before a null message is returned, and
        // points to a tensor made for the one who asked.
        let called = unsafe {
            let name = self.name.as_ptr();
            check(at2seld_script_call(self.unit, name, input.as_ptr().cast(), &mut output))
                .map(|()| Tensor::from_ptr(output.cast()))
        };
        called.unwrap_or_else(|e| panic!("{e}"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // SAFETY: the unit comes from at2seld_script_compile and is freed here and nowhere else.
        unsafe { at2seld_script_free(self.unit) }
    }
}

/// Ends autocast on the thread that began it, also when what runs in it panics.
struct Autocast(*mut c_void);

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: the state comes from at2seld_autocast_begin on this thread (a pointer is not Send) and is freed here and
        // nowhere else.
        unsafe { at2seld_autocast_end(self.0) }
    }
}

/// Runs `body` with bfloat16 autocast for operations on a device: convolutions and products of matrices in bfloat16, what is
/// sensitive in float32. Backward passes follow what was done forward and are to be run outside of it.
pub fn with_bf16<T>(device: Device, body: impl FnOnce() -> T) -> T {
    // SAFETY: changes settings of this thread, which `Autocast` takes back.
    let _autocast = Autocast(unsafe { at2seld_autocast_begin(device.is_cuda()) });
    body()
}

/// Whether the processor multiplies bfloat16 numbers by itself; without, libtorch is slower in them than in float32.
pub fn cpu_has_bf16() -> bool {
    // SAFETY: reads a string that outlives the call.
    [c"avx512_bf16", c"amx_bf16", c"arm_bf16"].iter().any(|name| unsafe { at2seld_cpu_has(name.as_ptr()) })
}

/// Makes the C library keep memory that is freed, instead of handing it back to the system and asking for it again:
/// libtorch frees and takes large blocks all the time, and each time the system would clear every page of them. Without
/// effect where the C library is not GNU's. To be called before threads are started.
pub fn keep_freed_memory() {
    // SAFETY: sets two numbers in the C library.
    unsafe { at2seld_keep_freed_memory() }
}

/// What some operations on the CPU took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Multiply-adds of convolutions and products of matrices.
    pub macs: i64,
    /// Bytes of memory that they took and have not given back when all is done but their result is still there.
    pub bytes: i64,
}

/// Runs `operations` and measures what they take, on this thread and on those that libtorch has help it.
pub fn measured<T>(operations: impl FnOnce() -> T) -> (T, Taken) {
    struct Measurement(*mut c_void);
    impl Measurement {
        fn end(&self) -> Taken {
            let (mut macs, mut bytes) = (0, 0);
            // SAFETY: the measurement comes from at2seld_measure_begin and is given away here, once: either by `measured`,
            // which forgets it, or when dropped.
            unsafe { at2seld_measure_end(self.0, &mut macs, &mut bytes) };
            Taken { macs, bytes }
        }
    }
    impl Drop for Measurement {
        fn drop(&mut self) {
            self.end();
        }
    }
    // SAFETY: takes nothing; what it returns is ended on this thread, below or by unwinding.
    let measurement = Measurement(unsafe { at2seld_measure_begin() });
    let result = operations();
    let taken = measurement.end();
    std::mem::forget(measurement);
    (result, taken)
}

/// The values of a tensor in the CPU's memory, row-major.
///
/// # Errors
/// The tensor is no contiguous float32 tensor in the CPU's memory.
pub fn with_floats<T>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> T) -> Result<T, TchError> {
    if tensor.device() != Device::Cpu || tensor.kind() != Kind::Float || !tensor.is_contiguous() {
        return Err(TchError::Kind("expected a contiguous float32 tensor in the CPU's memory".into()));
    }
    // SAFETY: that many values lie there one after the other for as long as the tensor is borrowed, which it is until
    // `read` returns. `data_ptr` may be null or unaligned only where there is no value.
    let values = match tensor.numel() {
        0 => &[],
        count => unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), count) },
    };
    Ok(read(values))
}

/// A float32 tensor of this size in the CPU's memory, with the values that `fill` writes, row-major; before, they are
/// whatever was there.
pub fn filled(size: &[i64], fill: impl FnOnce(&mut [f32])) -> Tensor {
    let tensor = Tensor::empty(size, (Kind::Float, Device::Cpu));
    if tensor.numel() > 0 {
        // SAFETY: a new tensor is contiguous, and nobody else knows of it. Its memory comes from C++, so that to this
        // side it is initialised, and any bits are an f32.
        fill(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), tensor.numel()) });
    }
    tensor
}

fn check(message: *mut c_char) -> Result<(), TchError> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a message that is not null is a string made by strdup, freed here and nowhere else.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        at2seld_free(message);
        text
    };
    Err(TchError::Torch(text))
}

#[cfg(test)]
mod tests {
    use tch::{CModule, IValue};

    use super::*;

    #[test]
    fn two_outputs_come_back_as_a_tuple_for_another_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.pt");
        let weight = Tensor::from_slice(&[2f32]);
        let example = Tensor::ones([3], (Kind::Float, Device::Cpu));
        trace_to_file("Pair", &example, &path, |x| vec![x * &weight, x + 1.0]).unwrap();
        let module = CModule::load(&path).unwrap();
        let input = Tensor::from_slice(&[1f32, 5.0, 7.0, 9.0]);
        let IValue::Tuple(outputs) = module.forward_is(&[IValue::Tensor(input)]).unwrap() else {
            panic!("no tuple")
        };
        let IValue::Tensor(first) = &outputs[0] else { panic!("no tensor") };
        assert_eq!(Vec::<f32>::try_from(first).unwrap(), [2.0, 10.0, 14.0, 18.0]);
        assert_eq!(outputs.len(), 2);
        assert_eq!(module.named_parameters().unwrap().len(), 0);
    }

    #[test]
    fn a_tensor_made_on_a_named_device_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.pt");
        let example = Tensor::ones([3], (Kind::Float, Device::Cpu));
        let error = trace_to_file("One", &example, &path, |x| {
            vec![x + Tensor::zeros([1], (Kind::Float, Device::Cpu))]
        });
        assert!(error.unwrap_err().to_string().contains("aten::zeros names a device"));
        assert!(!path.exists());
        trace_to_file("Two", &example, &path, |x| vec![x.to_kind(Kind::Double)]).unwrap();
        let output = CModule::load(&path).unwrap().forward_is(&[IValue::Tensor(example)]).unwrap();
        let IValue::Tuple(outputs) = output else { panic!("no tuple") };
        let IValue::Tensor(first) = &outputs[0] else { panic!("no tensor") };
        assert_eq!(first.kind(), Kind::Double);
    }

    const RUNNING_MAXIMUM: &str = "
def running_maximum(x: Tensor) -> Tensor:
    largest = x[0]
    out: List[Tensor] = []
    for i in range(x.size(0)):
        largest = torch.max(largest, x[i])
        out.append(largest)
    return torch.stack(out)
";

    #[test]
    fn a_script_loops_as_often_as_its_input_is_long_also_in_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.pt");
        let script = Script::compile(RUNNING_MAXIMUM, "running_maximum").unwrap();
        let example = Tensor::from_slice(&[1f32, 3.0, 2.0]);
        trace_to_file("Maximum", &example, &path, |x| vec![script.call(&(x * 2.0)) + 1.0]).unwrap();
        let module = CModule::load(&path).unwrap();
        let input = Tensor::from_slice(&[0f32, -1.0, 4.0, 2.0, 5.0]);
        let IValue::Tuple(outputs) = module.forward_is(&[IValue::Tensor(input)]).unwrap() else {
            panic!("no tuple")
        };
        let IValue::Tensor(first) = &outputs[0] else { panic!("no tensor") };
        assert_eq!(Vec::<f32>::try_from(first).unwrap(), [1.0, 1.0, 9.0, 9.0, 11.0]);
    }

    #[test]
    fn autocast_ends_with_its_body_also_when_that_panics() {
        let matrix = Tensor::ones([2, 2], (Kind::Float, Device::Cpu));
        let product = || matrix.matmul(&matrix).kind();
        assert_eq!(
            with_bf16(Device::Cpu, || (product(), with_bf16(Device::Cpu, product), product()).2),
            Kind::BFloat16
        );
        assert_eq!(product(), Kind::Float);
        assert!(std::panic::catch_unwind(|| with_bf16(Device::Cpu, || panic!("inside"))).is_err());
        assert_eq!(product(), Kind::Float);
    }

    #[test]
    fn values_go_in_and_out() {
        let tensor = filled(&[2, 3], |values| values.iter_mut().zip(1i16..).for_each(|(v, n)| *v = n.into()));
        assert_eq!(tensor, Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([2, 3]));
        assert_eq!(with_floats(&tensor, <[f32]>::to_vec).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert!(with_floats(&tensor.transpose(0, 1), <[f32]>::to_vec).is_err());
        assert!(with_floats(&filled(&[0], |_| ()), <[f32]>::is_empty).unwrap());
    }

    #[test]
    fn what_is_no_script_is_an_error() {
        assert!(Script::compile("def f(x: Tensor): return y", "f").is_err());
    }

    #[test]
    fn a_path_that_cannot_be_written_is_an_error() {
        let example = Tensor::ones([3], (Kind::Float, Device::Cpu));
        let path = Path::new("/nonexistent/m.pt");
        assert!(trace_to_file("One", &example, path, |x| vec![x + 1.0]).is_err());
    }
}
