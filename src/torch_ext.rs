//! What tch lacks, over a small C++ file compiled against the same libtorch: tracing with several outputs.
#![expect(unsafe_code, reason = "calls into src/torch_ext.cpp; every pointer is made and used here")]

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;

use tch::{TchError, Tensor};

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
    use tch::{CModule, Device, IValue, Kind};

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

    #[test]
    fn a_path_that_cannot_be_written_is_an_error() {
        let example = Tensor::ones([3], (Kind::Float, Device::Cpu));
        let path = Path::new("/nonexistent/m.pt");
        assert!(trace_to_file("One", &example, path, |x| vec![x + 1.0]).is_err());
    }
}
