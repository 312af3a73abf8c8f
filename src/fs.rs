//! Files that are either the old one or the whole new one, whatever happens in between.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file operation that failed, with the path it was about.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried: "read", "write", "create", ...
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FileError {
    /// An error about `path`; for `map_err(FileError::at("read", path))`.
    pub fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self { action, path: path.to_owned(), source }
    }
}

/// How the names of unfinished files and folders begin.
pub const TEMPORARY: &str = ".tmp-";

/// Writes a file under a temporary name in the same folder, syncs it, and renames it to `path`.
///
/// Missing parent folders are created. When `write` fails, nothing of the new file is left.
pub fn write_atomic(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<(), FileError> {
    write_atomic_with(path, |file| {
        let mut buffered = BufWriter::new(file);
        write(&mut buffered)?;
        buffered.flush()
    })
}

/// Like [`write_atomic`], for bytes at hand.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// Like [`write_atomic`], for a serialisable document as pretty JSON with a final newline.
pub fn write_json<T: serde::Serialize>(path: &Path, document: &T) -> Result<(), FileError> {
    write_atomic(path, |out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        writeln!(out)
    })
}

/// Like [`write_atomic`], but `write` gets the path of the temporary file: for libraries that open files
/// themselves.
pub fn write_atomic_path<E: From<FileError>>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let temporary = temporary_beside(path)?;
    write(temporary.path())?;
    persist(temporary, path)?;
    Ok(())
}

/// Gives the finished file `from` the name `to` in the same folder, replacing what is there: synced before and after.
pub fn rename_synced(from: &Path, to: &Path) -> Result<(), FileError> {
    File::open(from).and_then(|file| file.sync_all()).map_err(FileError::at("sync", from))?;
    std::fs::rename(from, to).map_err(FileError::at("write", to))?;
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(FileError::at("sync", folder))?;
    }
    Ok(())
}

/// Creates a folder with all its content: `fill` writes into a temporary folder beside it, which is renamed to
/// `path` at the end. When `fill` fails, nothing is left. An empty folder at `path` is replaced.
pub fn create_folder<T, E: From<FileError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let parent = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).map_err(FileError::at("create folder", parent))?;
    let temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempdir_in(parent)
        .map_err(FileError::at("write into", parent))?;
    let value = fill(temporary.path())?;
    #[cfg(unix)]
    std::fs::set_permissions(temporary.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .map_err(FileError::at("set permissions of", path))?;
    std::fs::rename(temporary.path(), path).map_err(FileError::at("create folder", path))?;
    // Renamed: there is nothing left to remove.
    let _ = temporary.keep();
    Ok(value)
}

/// Whether there is anything at `path` that [`create_folder`] would not replace.
pub fn is_occupied(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn write_atomic_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    let mut temporary = temporary_beside(path)?;
    write(temporary.as_file_mut()).map_err(FileError::at("write", path))?;
    persist(temporary, path)
}

fn temporary_beside(path: &Path) -> Result<tempfile::NamedTempFile, FileError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(FileError::at("create folder", folder))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    // Readable by others like any new file: tempfile's own default is private to the user.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.tempfile_in(folder).map_err(FileError::at("write into", folder))
}

fn persist(temporary: tempfile::NamedTempFile, path: &Path) -> Result<(), FileError> {
    // A library may have replaced the file's content through its path: sync what is there now.
    File::open(temporary.path()).and_then(|file| file.sync_all()).map_err(FileError::at("sync", path))?;
    temporary.persist(path).map_err(|e| FileError {
        action: "write",
        path: path.to_owned(),
        source: e.error,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_write_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_bytes(&path, b"old").unwrap();
        let failed = write_atomic(&path, |out| {
            out.write_all(b"new")?;
            Err(io::Error::other("stop"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
