//! The names of a tagger's classes, fetched with its weights: they are under a licence of their own, and no part of
//! this program.

use std::path::{Path, PathBuf};

use super::address;
use super::client::Client;
use super::download::{self, Job};
use super::error::PullError;
use super::lock::Lock;
use super::partial::Partial;
use super::watch::Watch;
use super::weights::Options;
use crate::backbone::class_names;
use crate::backbone::registry::Entry;
use crate::fs::FileError;

/// Whether the classes of a tagger have names.
#[derive(Debug)]
pub enum ClassNames {
    /// The names come with the weights, or the registry has no address for them.
    None,
    /// They are in this file.
    In(PathBuf),
    /// They could not be fetched. The tagger works all the same, and calls its classes by their numbers.
    Missing(PullError),
}

/// Fetches them unless they are there.
pub(super) async fn ensure(
    entry: &Entry,
    options: &Options,
    client: &mut Option<Client>,
    watch: &dyn Watch,
) -> ClassNames {
    let weights = entry.target();
    let places = ["txt", "csv"].map(|ending| class_names::path_beside(&weights, ending));
    if let Some(place) = places.iter().find(|place| place.exists()) {
        return ClassNames::In(place.clone());
    }
    let [_, target] = places;
    let Some(url) = entry.classes_url.as_deref() else { return ClassNames::None };
    match fetch(entry, &target, url, options, client, watch).await {
        Ok(()) => ClassNames::In(target),
        Err(error) => ClassNames::Missing(error),
    }
}

async fn fetch(
    entry: &Entry,
    target: &Path,
    url: &str,
    options: &Options,
    client: &mut Option<Client>,
    watch: &dyn Watch,
) -> Result<(), PullError> {
    let folder = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(FileError::at("create folder", folder))?;
    let _lock = Lock::take(target, watch).await?;
    // Another pull may have ended in the meantime.
    if target.exists() {
        return Ok(());
    }
    let file = target.file_name().unwrap_or_default().to_string_lossy();
    let sources = address::sources(&options.mirrors, &file, Some(url))?;
    let client = match client {
        Some(client) => client,
        None => client.insert(Client::new(options)?),
    };
    let count = entry.network.named_classes();
    let check = |path: &Path| {
        let bytes = std::fs::read(path).map_err(|error| format!("cannot be read again: {error}"))?;
        let names = class_names::from_table(&bytes)?;
        match count {
            Some(expected) if names.len() != expected => {
                Err(format!("names {} classes, expected {expected}", names.len()))
            }
            _ => Ok(()),
        }
    };
    let job = Job {
        file: &file,
        target: target.to_owned(),
        partial: Partial::of(target),
        size: None,
        expected: None,
        check: &check,
        retries: options.retries,
    };
    download::download(&job, &sources, client, watch).await.map(drop)
}
