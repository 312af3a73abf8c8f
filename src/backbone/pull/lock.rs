//! One pull of a file at a time, over all processes of this machine.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::error::PullError;
use super::watch::{Notice, Watch};
use crate::fs::FileError;

const POLL: Duration = Duration::from_millis(100);

/// Held while it lives; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    /// `None` where the file system knows no locks.
    _file: Option<File>,
}

impl Lock {
    /// Waits until no other process pulls `file`. The lock is a hidden file beside it, which stays: removing it would
    /// race with those who wait for it.
    pub(super) async fn take(file: &Path, watch: &dyn Watch) -> Result<Self, PullError> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let path = file.with_file_name(format!(".{name}.lock"));
        let opened = File::options().create(true).append(true).open(&path);
        let lock = opened.map_err(FileError::at("write", &path))?;
        let mut said = false;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { _file: Some(lock) }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    tracing::warn!("cannot lock {}: {error}; pulling without", path.display());
                    return Ok(Self { _file: None });
                }
            }
            if !said {
                watch.notice(&Notice::Waiting { file: &name });
                said = true;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
