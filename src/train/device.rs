//! The device a trial runs on, and the CUDA half of libtorch, which is opened only when it is found.
//!
//! The program links libtorch's CPU half alone, so that one binary serves machines with and without a GPU.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::system;

const LIBRARY: &str = "libtorch_cuda.so";
const FOLDER_VARIABLE: &str = "AT2SELD_CUDA_LIBTORCH";

/// What became of the attempt to open libtorch's CUDA half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CudaStatus {
    /// Open, with at least one device.
    Available {
        /// Number of devices: "cuda:0" up to one less.
        devices: usize,
        /// The file that was opened; a bare name when the system's search path found it.
        library: PathBuf,
    },
    /// Not to be had.
    Unavailable {
        /// What was tried and what the system said.
        reason: String,
    },
}

/// A device that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Not the name of a device.
    #[error("unknown device {name:?}; use \"cpu\", or \"cuda:0\" for the first GPU")]
    Unknown {
        /// What was given.
        name: String,
    },
    /// CUDA was asked for, but cannot be had.
    #[error("device {name} cannot be used: {reason}; `at2seld doctor` shows what was found")]
    Unavailable {
        /// What was given.
        name: String,
        /// Why opening CUDA failed.
        reason: String,
    },
    /// CUDA works, but has fewer devices.
    #[error("there is no device {name}; this machine has {}", list(*.devices))]
    Missing {
        /// What was given.
        name: String,
        /// How many devices there are.
        devices: usize,
    },
}

fn list(devices: usize) -> String {
    (0..devices).map(|index| format!("cuda:{index}")).collect::<Vec<_>>().join(", ")
}

/// Opens libtorch's CUDA half, once for the process; later calls give the first answer.
///
/// Must come before anything asks libtorch about CUDA, because libtorch remembers the answer. Looked for beside
/// the loaded libtorch, then in the folder named by AT2SELD_CUDA_LIBTORCH (a PyTorch's `torch` or `torch/lib`),
/// then where the system looks (LD_LIBRARY_PATH).
pub fn open_cuda() -> &'static CudaStatus {
    static STATUS: OnceLock<CudaStatus> = OnceLock::new();
    STATUS.get_or_init(|| {
        let beside = system::loaded_library("libtorch_cpu.so");
        let named = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
        let library = match open_first(&candidates(beside.as_deref(), named.as_deref())) {
            Ok(library) => library,
            Err(reason) => return CudaStatus::Unavailable { reason },
        };
        match usize::try_from(tch::Cuda::device_count()) {
            Ok(devices) if devices > 0 && tch::Cuda::is_available() => {
                CudaStatus::Available { devices, library }
            }
            _ => CudaStatus::Unavailable {
                reason: format!(
                    "{} is open, but finds no GPU (is the NVIDIA driver installed, and new enough?)",
                    library.display()
                ),
            },
        }
    })
}

/// The device of this name: "cpu" or "cuda:N". Opens CUDA when it is asked for.
pub fn parse(device: &str) -> Result<tch::Device, DeviceError> {
    if device == "cpu" {
        return Ok(tch::Device::Cpu);
    }
    let number = device.strip_prefix("cuda:").filter(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
    let index: usize = number
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| DeviceError::Unknown { name: device.to_owned() })?;
    match open_cuda() {
        CudaStatus::Unavailable { reason } => {
            Err(DeviceError::Unavailable { name: device.to_owned(), reason: reason.clone() })
        }
        CudaStatus::Available { devices, .. } if index >= *devices => {
            Err(DeviceError::Missing { name: device.to_owned(), devices: *devices })
        }
        CudaStatus::Available { .. } => Ok(tch::Device::Cuda(index)),
    }
}

/// Files to try, in order. Only files that exist are tried in folders; the bare name is the system's search.
fn candidates(libtorch_cpu: Option<&Path>, named: Option<&Path>) -> Vec<PathBuf> {
    let beside = libtorch_cpu.and_then(Path::parent).map(|folder| folder.join(LIBRARY));
    let mut files: Vec<PathBuf> = beside.into_iter().filter(|file| file.exists()).collect();
    if let Some(folder) = named {
        let nested = folder.join("lib").join(LIBRARY);
        // A folder that the user named is tried also when the file is missing, so that the error names it.
        files.push(if nested.exists() { nested } else { folder.join(LIBRARY) });
    }
    files.push(PathBuf::from(LIBRARY));
    files
}

/// Opens the first of `files` that can be opened and keeps it open; else says why each could not be.
fn open_first(files: &[PathBuf]) -> Result<PathBuf, String> {
    let mut reasons: Vec<String> = Vec::new();
    for file in files {
        match open_forever(file) {
            Ok(()) => return Ok(file.clone()),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons.join("; "))
}

#[expect(unsafe_code, reason = "opening a library runs its initialisers, which the compiler cannot check")]
fn open_forever(file: &Path) -> Result<(), String> {
    // SAFETY: libtorch_cuda's initialisers register its kernels with the libtorch_cpu that is already loaded and
    // ask nothing of the caller; global symbols let both halves find each other. It is never closed, because
    // libtorch keeps pointers into it.
    let opened = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_GLOBAL) };
    match opened {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(describe(&error)),
    }
}

/// The system's own words, which name the missing file, without libloading's frame around them.
fn describe(error: &libloading::Error) -> String {
    let said = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    said.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_needs_no_cuda_and_unknown_names_say_what_to_use() {
        assert_eq!(parse("cpu"), Ok(tch::Device::Cpu));
        for name in ["gpu", "cuda", "cuda:", "cuda:-1", "cuda:+1", "cuda:one", "CPU", ""] {
            let error = parse(name).unwrap_err();
            assert_eq!(error, DeviceError::Unknown { name: name.to_owned() });
            assert!(error.to_string().contains("use \"cpu\""), "{error}");
        }
    }

    #[test]
    fn a_cuda_device_is_given_or_the_error_carries_the_reason() {
        match (open_cuda(), parse("cuda:0")) {
            (CudaStatus::Available { devices, .. }, Ok(device)) => {
                assert_eq!(device, tch::Device::Cuda(0));
                let beyond = format!("cuda:{devices}");
                assert_eq!(
                    parse(&beyond),
                    Err(DeviceError::Missing { name: beyond.clone(), devices: *devices })
                );
            }
            (CudaStatus::Unavailable { reason }, Err(error)) => {
                assert!(error.to_string().contains(reason), "{error}");
                assert!(reason.contains(LIBRARY), "{reason}");
            }
            (status, parsed) => panic!("{status:?} but {parsed:?}"),
        }
    }

    #[test]
    fn a_folder_the_user_names_is_tried_before_the_system_s_path() {
        let torch = tempfile::tempdir().unwrap();
        std::fs::create_dir(torch.path().join("lib")).unwrap();
        let library = torch.path().join("lib").join(LIBRARY);
        std::fs::write(&library, "not a library").unwrap();
        let beside = torch.path().join("lib/libtorch_cpu.so");

        let both = candidates(Some(&beside), Some(torch.path()));
        assert_eq!(both, [library.clone(), library.clone(), PathBuf::from(LIBRARY)]);
        let missing = candidates(None, Some(Path::new("/nowhere")));
        assert_eq!(missing, [Path::new("/nowhere").join(LIBRARY), PathBuf::from(LIBRARY)]);

        let reason = open_first(&[library.clone(), missing[0].clone()]).unwrap_err();
        assert!(reason.contains(library.to_str().unwrap()) && reason.contains("/nowhere"), "{reason}");
    }
}
