//! One tagger of the registry, and finding it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::document::{self, RegistryError};
use super::network::Network;
use crate::backbone::Error;

/// Endings of files of weights: one of another ending than the registry's is found as well.
const ENDINGS: [&str; 3] = ["pth", "pt", "safetensors"];

/// A tagger by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name for configuration files and `--backbone`.
    pub name: String,
    /// What its weights are for.
    pub network: Network,
    /// What it is.
    pub summary: String,
    /// Licence of the weights.
    pub licence: String,
    /// File below the folder `backbones` of the cache.
    pub file: String,
    /// Where `backbone pull` finds the weights. May hold credentials: not for printing.
    pub url: Option<String>,
    /// Digest of that file in lower-case hexadecimal, where it is known.
    pub sha256: Option<String>,
    /// Length of that file in bytes, where it is known.
    pub size: Option<u64>,
    /// Where `backbone pull` finds the names of the classes. May hold credentials: not for printing.
    pub classes_url: Option<String>,
    /// How to get the weights where there is no `url`, in words.
    pub obtain: Option<String>,
}

impl Entry {
    /// Where `backbone pull` stores the weights: `backbones/FILE` in the
    /// [cache folder](crate::cache::cache_folder).
    pub fn target(&self) -> PathBuf {
        folder().join(&self.file)
    }

    /// Where the weights lie: [`Entry::target`], or the file beside it that has another of the endings `.pth`, `.pt`,
    /// `.safetensors`, if that is there and the former is not.
    pub fn weights(&self) -> PathBuf {
        found_under(&self.target())
    }

    /// What to do to get the weights, in words.
    pub fn how_to_obtain(&self) -> String {
        let pull = self.url.as_deref().map(|url| {
            let address = crate::backbone::pull::without_secrets(url);
            format!("run `at2seld backbone pull {}`, or store {address} there", self.name)
        });
        let given = self.obtain.clone();
        let own = || "the registry has no address for them: copy them there".to_owned();
        pull.or(given).unwrap_or_else(own)
    }
}

fn folder() -> PathBuf {
    crate::cache::cache_folder().join("backbones")
}

fn found_under(target: &Path) -> PathBuf {
    let others = ENDINGS.iter().map(|ending| target.with_extension(ending));
    let known = target.extension().is_some_and(|own| ENDINGS.iter().any(|ending| own == *ending));
    let others = others.take(if known { ENDINGS.len() } else { 0 });
    std::iter::once(target.to_owned()).chain(others).find(|path| path.exists()).unwrap_or(target.to_owned())
}

/// All taggers, in the order they are listed in: the built-in ones, then the user's. The files are read once.
///
/// # Errors
/// A mistake in the user's file.
pub fn entries() -> Result<&'static [Entry], RegistryError> {
    static REGISTRY: OnceLock<Result<Vec<Entry>, RegistryError>> = OnceLock::new();
    REGISTRY.get_or_init(document::read).as_deref().map_err(Clone::clone)
}

/// The tagger called `name`.
///
/// # Errors
/// There is none, or a mistake in the user's file.
pub fn find(name: &str) -> Result<&'static Entry, Error> {
    let entries = entries()?;
    let known = || entries.iter().map(|entry| entry.name.clone()).collect();
    let found = entries.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| Error::Unknown { name: name.to_owned(), known: known() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_another_ending_are_found_after_the_registry_s_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(found_under(&at("yamnet.pth")), at("yamnet.pth"));
        std::fs::write(at("yamnet.safetensors"), "").unwrap();
        assert_eq!(found_under(&at("yamnet.pth")), at("yamnet.safetensors"));
        std::fs::write(at("yamnet.pt"), "").unwrap();
        assert_eq!(found_under(&at("yamnet.pth")), at("yamnet.pt"));
        std::fs::write(at("yamnet.pth"), "").unwrap();
        assert_eq!(found_under(&at("yamnet.pth")), at("yamnet.pth"));
        std::fs::write(at("a.pth"), "").unwrap();
        assert_eq!(found_under(&at("a.bin")), at("a.bin"));
    }
}
