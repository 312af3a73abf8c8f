//! How much the folder of descriptors may take, and who has to go for a new file.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::fs::{self, FileError};
use crate::system;
use crate::train::Error;

/// Says how many GB (10^9 bytes) the folder may take.
pub(super) const VARIABLE: &str = "AT2SELD_DESCRIPTOR_CACHE_GB";
/// Bytes it may take when nobody says.
const DEFAULT: u64 = 20_000_000_000;

/// The folder, and how much it may take.
///
/// Files are removed and room is promised under one lock. A file that is being written has its final length from the
/// beginning and a lock of its writer, one that is in use has shared locks of its users: neither is removed, and what was
/// left by a writer that died is.
#[derive(Debug)]
pub(super) struct Room {
    folder: PathBuf,
    limit: u64,
}

/// A file of the folder.
struct Tenant {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Room {
    /// The folder, which need not exist, with the limit that the environment says. Without one it is 20 GB, but no more
    /// than half of what is free on the disk and what the folder takes already.
    ///
    /// # Errors
    /// The variable is no number.
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        let limit = limit(std::env::var_os(VARIABLE), || {
            let free = system::free_bytes(folder).unwrap_or(u64::MAX);
            free.saturating_add(system::folder_bytes(folder))
        })?;
        Ok(Self::with_limit(folder, limit))
    }

    /// The folder with this limit in bytes.
    pub(super) fn with_limit(folder: &Path, limit: u64) -> Self {
        Self { folder: folder.to_owned(), limit }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes it may take.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Keeps others from removing files and from promising room; waits for those who do.
    pub(super) fn lock(&self) -> Result<File, FileError> {
        std::fs::create_dir_all(&self.folder).map_err(FileError::at("create folder", &self.folder))?;
        let path = self.folder.join("room.lock");
        let lock = File::create(&path).map_err(FileError::at("create", &path))?;
        lock.lock().map_err(FileError::at("lock", &path))?;
        Ok(lock)
    }

    /// Whether there is room for a file of so many bytes, after removing those that were not used for longest; nothing is
    /// removed when that would not help. To be called with the lock of the folder.
    pub(super) fn make(&self, bytes: u64) -> Result<bool, FileError> {
        let (mut tenants, mut taken) = (Vec::new(), 0);
        for tenant in self.tenants()? {
            if is_left_over(&tenant.path) {
                remove(&tenant.path)?;
                continue;
            }
            taken += tenant.bytes;
            tenants.push(tenant);
        }
        tenants.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        let mut leaving = Vec::new();
        for tenant in tenants {
            if taken + bytes <= self.limit {
                break;
            }
            if let Some(lock) = try_lock(&tenant.path) {
                taken -= tenant.bytes;
                leaving.push((tenant.path, lock));
            }
        }
        if taken + bytes > self.limit {
            return Ok(false);
        }
        for (path, _lock) in &leaving {
            tracing::info!("removed {} to make room for other descriptors", path.display());
            remove(path)?;
        }
        Ok(true)
    }

    fn tenants(&self) -> Result<Vec<Tenant>, FileError> {
        let entries = std::fs::read_dir(&self.folder).map_err(FileError::at("read", &self.folder))?;
        let tenant = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.ok()?;
            let found = entry.metadata().ok()?;
            let counts = found.is_file() && found.len() > 0;
            let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            counts.then(|| Tenant { path: entry.path(), bytes: found.len(), used })
        };
        Ok(entries.filter_map(tenant).collect())
    }
}

/// Whether a writer left this and died: one that lives has it locked.
fn is_left_over(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(fs::TEMPORARY)) && try_lock(path).is_some()
}

/// Locks a file that nobody uses.
fn try_lock(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock().is_ok().then_some(file)
}

fn remove(path: &Path) -> Result<(), FileError> {
    std::fs::remove_file(path).map_err(FileError::at("remove", path))
}

fn limit(variable: Option<OsString>, disk: impl FnOnce() -> u64) -> Result<u64, Error> {
    let Some(text) = variable.filter(|text| !text.is_empty()) else {
        return Ok(DEFAULT.min(disk() / 2));
    };
    let gigabytes = text.to_str().and_then(|text| text.trim().parse::<f64>().ok());
    match gigabytes.filter(|gigabytes| *gigabytes >= 0.0 && gigabytes.is_finite()) {
        Some(gigabytes) => Ok((gigabytes * 1e9) as u64),
        None => Err(Error::CacheLimit { variable: VARIABLE, value: text.to_string_lossy().into_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A file of 100 bytes that was used `age` seconds ago.
    fn file(folder: &Path, name: &str, age: u64) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, [0; 100]).unwrap();
        let used = SystemTime::now() - Duration::from_secs(age);
        File::options().write(true).open(&path).unwrap().set_modified(used).unwrap();
        path
    }

    #[test]
    fn the_least_recently_used_go_first_and_no_more_than_need_be() {
        let folder = tempfile::tempdir().unwrap();
        let files = [("b", 20), ("a", 30), ("c", 10)]
            .map(|(name, age)| file(folder.path(), &format!("{name}.safetensors"), age));
        let room = Room::with_limit(folder.path(), 350);
        let left = || files.each_ref().map(|path| path.exists());
        assert!(room.make(50).unwrap());
        assert_eq!(left(), [true, true, true]);
        assert!(room.make(100).unwrap());
        assert_eq!(left(), [true, false, true]);
        // What cannot fit drives nobody out.
        assert!(!room.make(351).unwrap());
        assert_eq!(left(), [true, false, true]);
        assert!(room.make(350).unwrap());
        assert_eq!(left(), [false, false, false]);
    }

    #[test]
    fn what_is_used_stays_and_what_was_left_half_written_goes() {
        let folder = tempfile::tempdir().unwrap();
        let used = file(folder.path(), "used.safetensors", 100);
        let written = file(folder.path(), ".tmp-written", 100);
        let left = file(folder.path(), ".tmp-left", 0);
        let reader = File::open(&used).unwrap();
        reader.lock_shared().unwrap();
        let writer = File::open(&written).unwrap();
        writer.lock().unwrap();
        let room = Room::with_limit(folder.path(), 300);
        assert!(!room.make(101).unwrap());
        assert!(used.exists() && written.exists() && !left.exists());
        assert!(room.make(100).unwrap());
        drop(reader);
        assert!(room.make(200).unwrap());
        assert!(!used.exists() && written.exists());
    }

    #[test]
    fn the_limit_is_what_the_user_says_or_fits_the_disk() {
        let of = |text: &str, disk| limit(Some(text.into()), || disk);
        assert_eq!(of("1.5", 10).unwrap(), 1_500_000_000);
        assert_eq!(of("0", 10).unwrap(), 0);
        assert_eq!(of("", 10).unwrap(), 5);
        assert_eq!(limit(None, || u64::MAX).unwrap(), DEFAULT);
        for wrong in ["much", "-1", "inf"] {
            let error = of(wrong, 10).unwrap_err();
            assert!(error.is_input() && error.to_string().contains(wrong), "{error}");
        }
    }
}
