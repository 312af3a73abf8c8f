//! The record of a digest beside a file.

use std::io;
use std::path::{Path, PathBuf};

use crate::fs::{self, FileError};

/// Where the digest of a file is recorded: `cnn6.pth.sha256` beside `cnn6.pth`.
pub(super) fn record_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    name.into()
}

/// The recorded digest of a file, if there is a record.
///
/// # Errors
/// The record cannot be read. One that holds no digest counts as none.
pub(super) fn recorded(file: &Path) -> Result<Option<String>, FileError> {
    let path = record_path(file);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::at("read", &path)(error)),
    };
    let digest = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(is_digest.then_some(digest))
}

/// Records the digest of a file beside it, as `sha256sum` writes it: `sha256sum -c` checks it.
pub(super) fn record(file: &Path, digest: &str) -> Result<(), FileError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    fs::write_bytes(&record_path(file), format!("{digest}  {name}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.pth");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(recorded(&file).unwrap(), None);
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(crate::backbone::weights_sha256(&file).unwrap(), expected);
        record(&file, expected).unwrap();
        assert_eq!(recorded(&file).unwrap().as_deref(), Some(expected));
        std::fs::write(record_path(&file), "no digest\n").unwrap();
        assert_eq!(recorded(&file).unwrap(), None);
    }
}
