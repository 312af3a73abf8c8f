//! Safetensors files that one process writes and many map: caches of what is computed once.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::fs::FileError;

/// A file that is mapped. As long as this value lives, the file has a shared lock on it.
#[derive(Debug)]
pub struct TensorFile {
    file: File,
    header: Metadata,
    /// Where the data begins, in bytes.
    start: usize,
    mapped: Tensor,
}

impl TensorFile {
    /// Maps a file that is whole: it has as many bytes as its header announces. They are not looked at.
    ///
    /// # Errors
    /// In words, why that cannot be done.
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(words)?;
        file.lock_shared().map_err(words)?;
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(words)?;
        let length = u64::from_le_bytes(length);
        let mut header = Vec::new();
        (&mut file).take(length).read_to_end(&mut header).map_err(words)?;
        let start = header.len() + 8;
        let header = match header.len() as u64 == length {
            true => serde_json::from_slice::<Metadata>(&header).map_err(words)?,
            false => return Err("it ends too early".into()),
        };
        let bytes = file.metadata().map_err(words)?.len();
        if bytes != (start + header.data_len()) as u64 {
            return Err(format!("it has {bytes} bytes, which is not what its header says"));
        }
        let name = path.to_str().ok_or("its path is not UTF-8")?;
        let bytes = i64::try_from(bytes).map_err(words)?;
        // libtorch maps the file; a private mapping, so nothing can be written back.
        let mapped = Tensor::f_from_file(name, false, bytes, (Kind::Uint8, Device::Cpu)).map_err(words)?;
        Ok(Self { file, header, start, mapped })
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// An entry of what the file says about itself.
    pub fn about(&self, key: &str) -> Option<&str> {
        self.header.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// SHA-256 over the data, which is read for it.
    ///
    /// # Errors
    /// The file cannot be read, in words.
    pub fn digest(&self) -> Result<Sha256, String> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.start as u64)).map_err(words)?;
        let mut data = BufReader::with_capacity(1 << 20, file);
        let mut digest = Sha256::new();
        loop {
            let part = data.fill_buf().map_err(words)?;
            if part.is_empty() {
                return Ok(digest);
            }
            digest.update(part);
            let length = part.len();
            data.consume(length);
        }
    }

    /// A tensor of the file, on the CPU. It shares the file's memory: do not write into it.
    ///
    /// # Errors
    /// It is not there, or of a type that is not used here; in words.
    pub fn tensor(&self, name: &str) -> Result<Tensor, String> {
        let info = self.header.info(name).ok_or_else(|| format!("it has no {name}"))?;
        let kind = match info.dtype {
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            other => return Err(format!("{name} is of type {other:?}")),
        };
        let shape: Vec<i64> = info.shape.iter().map(|n| *n as i64).collect();
        let (first, end) = info.data_offsets;
        let part = self.mapped.f_narrow(0, (self.start + first) as i64, (end - first) as i64);
        part.and_then(|part| part.f_view_dtype(kind)?.f_view(shape.as_slice())).map_err(words)
    }
}

/// Takes the lock of who writes the file `path`, creating its folder; waits for another process that has it.
///
/// # Errors
/// The lock file beside it cannot be made.
pub fn lock_to_write(path: &Path) -> Result<File, FileError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(FileError::at("create folder", folder))?;
    }
    let path = path.with_extension("lock");
    let lock = File::create(&path).map_err(FileError::at("create", &path))?;
    lock.lock().map_err(FileError::at("lock", &path))?;
    Ok(lock)
}

/// SHA-256 of a text, in hexadecimal.
pub fn hex_digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn words(error: impl ToString) -> String {
    error.to_string()
}
