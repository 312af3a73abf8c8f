//! The weights of a tagger, into their place in the cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address;
use super::classes::{self, ClassNames};
use super::client::Client;
use super::digest;
use super::download::{self, Expected, Job};
use super::error::PullError;
use super::lock::Lock;
use super::partial::Partial;
use super::watch::{Notice, Watch};
use crate::backbone::registry::Entry;
use crate::fs::FileError;

const BY_REGISTRY: &str = "in the registry";
const BY_RECORD: &str = "recorded at an earlier pull";
/// How often it is looked whether to stop.
const POLL: Duration = Duration::from_millis(50);

/// How to pull.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses of folders that are tried first, each as ADDRESS/FILE.
    pub mirrors: Vec<String>,
    /// Fetch also what is there already, and forget its recorded digest.
    pub force: bool,
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the next bytes.
    pub stall: Duration,
    /// Further tries at an address when one gets no further.
    pub retries: usize,
}

impl Default for Options {
    fn default() -> Self {
        let (connect, stall) = (Duration::from_secs(20), Duration::from_secs(60));
        Self { mirrors: Vec::new(), force: false, connect, stall, retries: 4 }
    }
}

/// How it is known that a file is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// Its digest is that of the registry.
    Registry,
    /// Its digest is the one recorded at an earlier pull.
    Record,
    /// It is not known. Its digest was recorded now.
    No,
}

impl Verified {
    /// One word, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Record => "record",
            Self::No => "no",
        }
    }
}

/// A file of weights in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its digest in hexadecimal.
    pub sha256: String,
    /// How it is known to be the right one.
    pub verified: Verified,
    /// Where it came from, without secrets; `None` if it was there already.
    pub source: Option<String>,
}

/// What a pull left.
#[derive(Debug)]
pub struct Pulled {
    /// The tagger.
    pub name: String,
    /// Its weights.
    pub weights: Stored,
    /// The names of its classes.
    pub classes: ClassNames,
}

/// Fetches the weights of a tagger and the names of its classes, unless they are there.
///
/// # Errors
/// There is no address; none of them serves the file, or all serve another; there is no room; another file is in its
/// place; or `watch` says to stop. What was fetched so far is kept for the next call, except of a file that turned
/// out to be another one.
pub fn pull(entry: &Entry, options: &Options, watch: &dyn Watch) -> Result<Pulled, PullError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| PullError::Client(error.to_string()))?;
    let pulled = runtime.block_on(async {
        tokio::select! {
            pulled = pull_all(entry, options, watch) => pulled,
            () = stopped(watch) => Err(PullError::Interrupted {
                file: entry.file.clone(),
                kept: Partial::of(&entry.target()).len(),
            }),
        }
    });
    // Not waiting for a name server that does not answer.
    runtime.shutdown_background();
    pulled
}

async fn stopped(watch: &dyn Watch) {
    while !watch.is_stopped() {
        tokio::time::sleep(POLL).await;
    }
}

async fn pull_all(entry: &Entry, options: &Options, watch: &dyn Watch) -> Result<Pulled, PullError> {
    let mut client = None;
    let weights = ensure(entry, options, &mut client, watch).await?;
    let classes = classes::ensure(entry, options, &mut client, watch).await;
    Ok(Pulled { name: entry.name.clone(), weights, classes })
}

async fn ensure(
    entry: &Entry,
    options: &Options,
    client: &mut Option<Client>,
    watch: &dyn Watch,
) -> Result<Stored, PullError> {
    let target = entry.target();
    if !options.force
        && let Some(stored) = present(entry, &target, watch)?
    {
        return Ok(stored);
    }
    let sources = address::of_weights(&options.mirrors, entry)?;
    let folder = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(FileError::at("create folder", folder))?;
    let _lock = Lock::take(&target, watch).await?;
    // Another pull may have ended in the meantime.
    if !options.force
        && let Some(stored) = present(entry, &target, watch)?
    {
        return Ok(stored);
    }
    let expected = match options.force {
        true => of_registry(entry),
        false => expected(entry, &target)?,
    };
    let job = Job {
        file: &entry.file,
        partial: Partial::of(&target),
        size: entry.size,
        expected,
        check: &|_| Ok(()),
        retries: options.retries,
        target,
    };
    let client = client.insert(Client::new(options)?);
    let downloaded = download::download(&job, &sources, client, watch).await?;
    let is_mirror = downloaded.address.is_mirror;
    let verified = settle(entry, &job.target, job.expected, &downloaded.sha256, is_mirror, watch)?;
    let source = Some(downloaded.address.to_string());
    stored(job.target, downloaded.sha256, verified, source)
}

/// The file that is there, checked; `None` if there is none.
fn present(entry: &Entry, target: &Path, watch: &dyn Watch) -> Result<Option<Stored>, PullError> {
    if !target.exists() {
        return Ok(None);
    }
    let got = crate::backbone::weights::sha256(target)?;
    let expected = expected(entry, target)?;
    if let Some(Expected { sha256, whose }) = &expected
        && *sha256 != got
    {
        let (path, expected) = (target.to_owned(), sha256.clone());
        return Err(PullError::Occupied { path, whose, expected, got });
    }
    let verified = settle(entry, target, expected, &got, false, watch)?;
    stored(target.to_owned(), got, verified, None).map(Some)
}

fn of_registry(entry: &Entry) -> Option<Expected> {
    let sha256 = entry.sha256.clone()?;
    Some(Expected { sha256, whose: BY_REGISTRY })
}

fn expected(entry: &Entry, target: &Path) -> Result<Option<Expected>, PullError> {
    if let Some(expected) = of_registry(entry) {
        return Ok(Some(expected));
    }
    Ok(digest::recorded(target)?.map(|sha256| Expected { sha256, whose: BY_RECORD }))
}

/// Says how a file with this digest is known to be right, and records the digest if it is not.
fn settle(
    entry: &Entry,
    target: &Path,
    expected: Option<Expected>,
    sha256: &str,
    from_mirror: bool,
    watch: &dyn Watch,
) -> Result<Verified, PullError> {
    match expected {
        Some(Expected { whose: BY_REGISTRY, .. }) => Ok(Verified::Registry),
        Some(_) => Ok(Verified::Record),
        None => {
            digest::record(target, sha256)?;
            let record = digest::record_path(target);
            let record = &record.file_name().unwrap_or_default().to_string_lossy();
            watch.notice(&Notice::Recorded { file: &entry.file, sha256, record, from_mirror });
            Ok(Verified::No)
        }
    }
}

fn stored(
    path: PathBuf,
    sha256: String,
    verified: Verified,
    source: Option<String>,
) -> Result<Stored, PullError> {
    let bytes = std::fs::metadata(&path).map_err(FileError::at("read", &path))?.len();
    Ok(Stored { path, bytes, sha256, verified, source })
}
