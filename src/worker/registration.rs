//! A worker's entry in the store, and the lock that proves it alive.

use std::fs::File;
use std::path::PathBuf;

use crate::fs::FileError;
use crate::ids::{StudyId, WorkerId};
use crate::store::{NewWorker, Store, StoreError, host_name};

use super::run::WorkerError;

/// A registered worker; the kernel drops the lock when the process dies, however it dies.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) worker: WorkerId,
    lock_file: PathBuf,
    _lock: File,
}

impl Registration {
    /// Locks a file of its own, then registers: in the other order, a worker could be taken for dead.
    pub(super) async fn new(store: &Store, study: StudyId, device: &str) -> Result<Self, WorkerError> {
        let folder = store.artifacts().workers();
        std::fs::create_dir_all(&folder).map_err(FileError::at("create folder", &folder))?;
        let named = tempfile::Builder::new().prefix("worker-").suffix(".lock").tempfile_in(&folder);
        let (lock, lock_file) = named
            .map_err(FileError::at("write into", &folder))?
            .keep()
            .map_err(|e| FileError::at("create", &folder)(e.error))?;
        lock.lock().map_err(FileError::at("lock", &lock_file))?;
        let new = NewWorker {
            study,
            host: host_name(),
            pid: std::process::id(),
            device: device.into(),
            lock_file: lock_file.clone(),
        };
        let worker = store.register_worker(&new).await?;
        Ok(Self { worker, lock_file, _lock: lock })
    }

    /// Signs off.
    pub(super) async fn end(self, store: &Store) -> Result<(), StoreError> {
        store.worker_ended(self.worker).await?;
        let _ = std::fs::remove_file(&self.lock_file);
        Ok(())
    }
}
