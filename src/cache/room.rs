//! How much a folder of a cache may take, and who has to go for something new.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::fs::{self, FileError};
use crate::system;

/// In a folder that is one thing of the cache: the file that its users lock. It says how many bytes the folder will have.
const IN_USE: &str = "in-use.lock";

/// How much a folder may take, when nobody says and who may say it.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Variable of the environment that says how many GB (10^9 bytes).
    pub variable: &'static str,
    /// Bytes without it; but no more than half of what is free on the disk and what the folder takes already.
    pub default: u64,
}

/// The limit of a cache is no number.
#[derive(Debug, thiserror::Error)]
#[error("{variable} is \"{value}\", expected a number of GB")]
pub struct LimitError {
    /// The variable of the environment.
    pub variable: &'static str,
    /// What it is set to.
    pub value: String,
}

/// A folder of a cache, and how much it may take.
///
/// What it holds are files, or folders that each are one thing. They are removed, and room is promised, under one lock.
/// What is in use is locked by its users and not removed: a file itself (one that is being written, by its writer, and
/// it has its final length from the beginning); of a folder the file in it that [`Room::enter`] makes. What was left by a
/// writer that died is removed.
#[derive(Debug)]
pub struct Room {
    folder: PathBuf,
    limit: u64,
}

/// One thing in the folder.
struct Tenant {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Room {
    /// The folder, which need not exist, with the limit that the environment says.
    ///
    /// # Errors
    /// The variable is no number.
    pub fn of(folder: &Path, allowance: Allowance) -> Result<Self, LimitError> {
        let limit = limit(allowance, std::env::var_os(allowance.variable), || {
            let free = system::free_bytes(folder).unwrap_or(u64::MAX);
            free.saturating_add(system::folder_bytes(folder))
        })?;
        Ok(Self::with_limit(folder, limit))
    }

    /// The folder with this limit in bytes.
    pub fn with_limit(folder: &Path, limit: u64) -> Self {
        Self { folder: folder.to_owned(), limit }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes it may take.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Keeps others from removing things and from promising room; waits for those who do.
    ///
    /// # Errors
    /// The lock file cannot be made.
    pub fn lock(&self) -> Result<File, FileError> {
        std::fs::create_dir_all(&self.folder).map_err(FileError::at("create folder", &self.folder))?;
        let path = self.folder.join("room.lock");
        let lock = File::create(&path).map_err(FileError::at("create", &path))?;
        lock.lock().map_err(FileError::at("lock", &path))?;
        Ok(lock)
    }

    /// The folder `name` in it, for something that will take so many bytes; made, after removing what was not used for
    /// longest, when it is not there. It stays as long as the file returned is open. `None` when there is not enough room.
    ///
    /// # Errors
    /// Folders cannot be read, made or removed.
    pub fn enter(&self, name: &str, bytes: u64) -> Result<Option<(PathBuf, File)>, FileError> {
        let _lock = self.lock()?;
        let folder = self.folder.join(name);
        let path = folder.join(IN_USE);
        if !path.exists() {
            if !self.make(bytes)? {
                return Ok(None);
            }
            fs::write_bytes(&path, bytes.to_string().as_bytes())?;
        }
        let file = File::open(&path).map_err(FileError::at("open", &path))?;
        file.lock_shared().map_err(FileError::at("lock", &path))?;
        // Used just now: others go first. It may belong to another user, and then its owner's uses count.
        let _ =
            File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Ok(Some((folder, file)))
    }

    /// Whether there is room for so many bytes more, after removing what was not used for longest; nothing is removed when
    /// that would not help. To be called with the lock of the folder.
    ///
    /// # Errors
    /// The folder cannot be read, or something in it not removed.
    pub fn make(&self, bytes: u64) -> Result<bool, FileError> {
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
            if let Some(lock) = try_lock(&lock_of(&tenant.path)) {
                taken -= tenant.bytes;
                leaving.push((tenant.path, lock));
            }
        }
        if taken + bytes > self.limit {
            return Ok(false);
        }
        for (path, _lock) in &leaving {
            tracing::info!("removed {} to make room in the cache", path.display());
            remove(path)?;
        }
        Ok(true)
    }

    /// How many things it holds and how many bytes they take, or will take when they are whole; nothing when there is no
    /// folder.
    pub fn taken(&self) -> (usize, u64) {
        let tenants = self.tenants().unwrap_or_default();
        (tenants.len(), tenants.iter().map(|tenant| tenant.bytes).sum())
    }

    fn tenants(&self) -> Result<Vec<Tenant>, FileError> {
        let entries = std::fs::read_dir(&self.folder).map_err(FileError::at("read", &self.folder))?;
        Ok(entries.filter_map(|entry| Tenant::at(entry.ok()?.path())).collect())
    }
}

impl Tenant {
    fn at(path: PathBuf) -> Option<Self> {
        let is_folder = path.metadata().ok()?.is_dir();
        let found = lock_of(&path).metadata().ok()?;
        let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let bytes = match is_folder {
            true => {
                let promised = std::fs::read_to_string(path.join(IN_USE)).unwrap_or_default();
                promised.parse().unwrap_or(0).max(system::folder_bytes(&path))
            }
            false => found.len(),
        };
        // One that died before it gave its file a length left something, too.
        let is_something = bytes > 0 || is_temporary(&path);
        is_something.then_some(Self { path, bytes, used })
    }
}

/// What those who use something in the cache have locked.
fn lock_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(IN_USE) } else { path.to_owned() }
}

/// Whether a writer left this and died: one that lives has it locked.
fn is_left_over(path: &Path) -> bool {
    is_temporary(path) && try_lock(path).is_some()
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(fs::TEMPORARY))
}

/// Locks a file that nobody uses.
fn try_lock(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock().is_ok().then_some(file)
}

fn remove(path: &Path) -> Result<(), FileError> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.map_err(FileError::at("remove", path))
}

fn limit(
    allowance: Allowance,
    variable: Option<OsString>,
    disk: impl FnOnce() -> u64,
) -> Result<u64, LimitError> {
    let Some(text) = variable.filter(|text| !text.is_empty()) else {
        return Ok(allowance.default.min(disk() / 2));
    };
    let gigabytes = text.to_str().and_then(|text| text.trim().parse::<f64>().ok());
    match gigabytes.filter(|gigabytes| *gigabytes >= 0.0 && gigabytes.is_finite()) {
        Some(gigabytes) => Ok((gigabytes * 1e9) as u64),
        None => {
            let value = text.to_string_lossy().into_owned();
            Err(LimitError { variable: allowance.variable, value })
        }
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
        let begun = folder.path().join(".tmp-begun");
        File::create(&begun).unwrap();
        let reader = File::open(&used).unwrap();
        reader.lock_shared().unwrap();
        let writer = File::open(&written).unwrap();
        writer.lock().unwrap();
        let room = Room::with_limit(folder.path(), 300);
        assert!(!room.make(101).unwrap());
        assert!(used.exists() && written.exists() && !left.exists() && !begun.exists());
        assert!(room.make(100).unwrap());
        drop(reader);
        assert!(room.make(200).unwrap());
        assert!(!used.exists() && written.exists());
    }

    #[test]
    fn a_folder_counts_what_it_will_take_and_stays_while_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::with_limit(folder.path(), 300);
        let (first, guard) = room.enter("first", 200).unwrap().unwrap();
        std::fs::write(first.join("content"), [0; 20]).unwrap();
        assert!(room.enter("second", 200).unwrap().is_none());
        assert!(room.enter("first", 200).unwrap().is_some());
        drop(guard);
        let (second, _guard) = room.enter("second", 200).unwrap().unwrap();
        assert!(second.exists() && !first.exists());
    }

    #[test]
    fn the_limit_is_what_the_user_says_or_fits_the_disk() {
        let allowance = Allowance { variable: "HOW_MUCH_GB", default: 20_000_000_000 };
        let of = |text: &str, disk| limit(allowance, Some(text.into()), || disk);
        assert_eq!(of("1.5", 10).unwrap(), 1_500_000_000);
        assert_eq!(of("0", 10).unwrap(), 0);
        assert_eq!(of("", 10).unwrap(), 5);
        assert_eq!(limit(allowance, None, || u64::MAX).unwrap(), allowance.default);
        for wrong in ["much", "-1", "inf"] {
            let error = of(wrong, 10).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("HOW_MUCH_GB"), "{error}");
        }
    }
}
