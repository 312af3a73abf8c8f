//! The registry's files: reading, merging, and what is wrong with them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::entry::Entry;
use super::network::Network;

const BUILT_IN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/backbones.toml"));
/// Names another file than the one in the cache folder.
const VARIABLE: &str = "AT2SELD_BACKBONES";
/// Name of the built-in file in errors.
const BUILT_IN_NAME: &str = "the built-in backbones.toml";

/// A mistake in a registry file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The file cannot be read.
    #[error("cannot read registry {file}: {what}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        what: String,
    },
    /// Not TOML, or other keys than an entry has.
    #[error("registry {file}: line {line}: {what}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A value that does not do.
    #[error("registry {file}: backbone '{name}': {key}: {what}")]
    Value {
        /// The file.
        file: String,
        /// The entry.
        name: String,
        /// The key.
        key: &'static str,
        /// What is wrong with it and what was expected.
        what: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    backbone: Vec<Row>,
}

/// An entry as written: of one that changes another, only the changed keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    network: Option<Network>,
    summary: Option<String>,
    licence: Option<String>,
    file: Option<String>,
    url: Option<String>,
    sha256: Option<String>,
    size: Option<u64>,
    classes_url: Option<String>,
    obtain: Option<String>,
}

/// The user's registry file: the one that AT2SELD_BACKBONES names, which must exist, or `backbones.toml` in the cache
/// folder if that exists.
pub fn user_file() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return Some(named.into());
    }
    Some(crate::cache::cache_folder().join("backbones.toml")).filter(|file| file.exists())
}

/// The built-in entries with those of the user's file.
pub(super) fn read() -> Result<Vec<Entry>, RegistryError> {
    let mut rows = parse(BUILT_IN_NAME, BUILT_IN)?;
    let mut last = BUILT_IN_NAME.to_owned();
    if let Some(path) = user_file() {
        last = path.display().to_string();
        rows = merge(rows, parse(&last, &read_text(&path)?)?);
    }
    // What is built in is right (a test says so): whatever does not do came with the user's file.
    rows.into_iter().map(|row| row.complete(&last)).collect()
}

fn read_text(path: &Path) -> Result<String, RegistryError> {
    std::fs::read_to_string(path)
        .map_err(|error| RegistryError::Read { file: path.display().to_string(), what: error.to_string() })
}

/// Entries of the same name become one, later keys before earlier ones; new names are added.
fn merge(mut rows: Vec<Row>, changes: Vec<Row>) -> Vec<Row> {
    for change in changes {
        match rows.iter_mut().find(|row| row.name == change.name) {
            Some(row) => *row = row.clone().changed(change),
            None => rows.push(change),
        }
    }
    rows
}

fn parse(file: &str, text: &str) -> Result<Vec<Row>, RegistryError> {
    let document: Document = toml::from_str(text).map_err(|error| {
        // Without the line itself, which the error would show: there may be a password in it.
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        RegistryError::Syntax { file: file.to_owned(), line, what: error.message().trim_end().to_owned() }
    })?;
    for (place, row) in document.backbone.iter().enumerate() {
        row.check(file)?;
        if document.backbone[..place].iter().any(|other| other.name == row.name) {
            return Err(row.wrong(file, "name", "is there twice".to_owned()));
        }
    }
    Ok(document.backbone)
}

impl Row {
    fn wrong(&self, file: &str, key: &'static str, what: String) -> RegistryError {
        RegistryError::Value { file: file.to_owned(), name: self.name.clone(), key, what }
    }

    /// Checks the values that are there.
    fn check(&self, file: &str) -> Result<(), RegistryError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || self.name.starts_with(['-', '.']) || !self.name.chars().all(plain) {
            let what = "is no plain word of letters, digits, '-', '_' and '.'".to_owned();
            return Err(self.wrong(file, "name", what));
        }
        if let Some(name) = &self.file
            && (name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']))
        {
            let what = format!("'{name}' is no file name: it lies in the folder `backbones` of the cache");
            return Err(self.wrong(file, "file", what));
        }
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(digest) = given(&self.sha256)
            && !is_digest(digest)
        {
            let what = format!("'{digest}' is no SHA-256: 64 hexadecimal digits");
            return Err(self.wrong(file, "sha256", what));
        }
        for (key, url) in [("url", &self.url), ("classes_url", &self.classes_url)] {
            if let Some(url) = given(url)
                && let Err(problem) = crate::backbone::pull::check_address(url)
            {
                return Err(self.wrong(file, key, problem));
            }
        }
        Ok(())
    }

    /// This entry with the keys that `change` has.
    fn changed(self, change: Self) -> Self {
        Self {
            name: self.name,
            network: change.network.or(self.network),
            summary: change.summary.or(self.summary),
            licence: change.licence.or(self.licence),
            file: change.file.or(self.file),
            url: change.url.or(self.url),
            sha256: change.sha256.or(self.sha256),
            size: change.size.or(self.size),
            classes_url: change.classes_url.or(self.classes_url),
            obtain: change.obtain.or(self.obtain),
        }
    }

    fn complete(self, file: &str) -> Result<Entry, RegistryError> {
        let Some(network) = self.network else {
            let names = Network::ALL.map(Network::name).join(", ");
            return Err(self.wrong(file, "network", format!("is missing, expected one of: {names}")));
        };
        let words = |text: &Option<String>| given(text).map(str::to_owned);
        Ok(Entry {
            network,
            summary: self.summary.unwrap_or_else(|| format!("weights for {}", network.name())),
            licence: self.licence.unwrap_or_else(|| "not stated".to_owned()),
            file: self.file.unwrap_or_else(|| format!("{}.pth", self.name)),
            url: words(&self.url),
            sha256: words(&self.sha256).map(|digest| digest.to_ascii_lowercase()),
            size: self.size.filter(|bytes| *bytes > 0),
            classes_url: words(&self.classes_url),
            obtain: words(&self.obtain),
            name: self.name,
        })
    }
}

/// An empty text takes a key away that the built-in entry has.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(rows: Vec<Row>) -> Result<Vec<Entry>, RegistryError> {
        rows.into_iter().map(|row| row.complete("mine.toml")).collect()
    }

    fn with(text: &str) -> Result<Vec<Entry>, RegistryError> {
        let built_in = parse(BUILT_IN_NAME, BUILT_IN).unwrap();
        complete(merge(built_in, parse("mine.toml", text)?))
    }

    fn named<'a>(entries: &'a [Entry], name: &str) -> &'a Entry {
        entries.iter().find(|entry| entry.name == name).unwrap()
    }

    #[test]
    fn every_network_is_built_in_under_its_name() {
        let entries = complete(parse(BUILT_IN_NAME, BUILT_IN).unwrap()).unwrap();
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, Network::ALL.map(Network::name));
        for entry in entries {
            assert_eq!(entry.name, entry.network.name());
            assert!(entry.url.is_some() || entry.obtain.is_some(), "{}", entry.name);
            assert_eq!(entry.network.named_classes().is_some(), entry.classes_url.is_some());
        }
    }

    #[test]
    fn a_user_s_file_adds_entries_and_changes_single_keys() {
        let entries = with(
            "[[backbone]]\nname = 'street'\nnetwork = 'cnn14'\n\
             [[backbone]]\nname = 'cnn14'\nurl = 'http://localhost/c.pth'\nsha256 = ''\nsize = 0\n",
        )
        .unwrap();
        let street = entries.last().unwrap();
        assert_eq!((street.name.as_str(), street.file.as_str()), ("street", "street.pth"));
        assert_eq!((street.network, &street.url), (Network::Cnn14, &None));
        let cnn14 = named(&entries, "cnn14");
        assert_eq!(cnn14.url.as_deref(), Some("http://localhost/c.pth"));
        assert_eq!((cnn14.file.as_str(), &cnn14.sha256, cnn14.size), ("cnn14.pth", &None, None));
        assert_eq!(entries.len(), Network::ALL.len() + 1);
    }

    #[test]
    fn mistakes_are_named_with_file_and_key() {
        let wrong = |lines: &str| with(&format!("[[backbone]]\n{lines}")).unwrap_err().to_string();
        let unknown = wrong("name = 'a'\nnetwork = 'cnn6'\nhash = 'x'");
        assert!(unknown.starts_with("registry mine.toml: ") && unknown.contains("`hash`"), "{unknown}");
        assert!(unknown.contains("line 4"), "{unknown}");
        let network = wrong("name = 'a'\nnetwork = 'cnn7'");
        assert!(network.contains("cnn7") && network.contains("mobilenetv1"), "{network}");
        assert_eq!(
            wrong("name = 'a'\nnetwork = 'cnn6'\nsha256 = 'abc'"),
            "registry mine.toml: backbone 'a': sha256: 'abc' is no SHA-256: 64 hexadecimal digits"
        );
        for file in ["../a.pth", "b/a.pth", "..", ""] {
            let path = wrong(&format!("name = 'a'\nnetwork = 'cnn6'\nfile = '{file}'"));
            assert!(path.contains("'a': file: "), "{path}");
        }
        for name in ["", "two words", "a/b", "-a", ".."] {
            assert!(wrong(&format!("name = '{name}'\nnetwork = 'cnn6'")).contains(": name: "), "{name}");
        }
        assert!(wrong("name = 'a'\nurl = 'ftp://x/y'").contains(": url: "));
        assert!(wrong("name = 'a'\nfile = 'a.pth'").contains("network: is missing, expected one of: aisfx"));
        assert!(wrong("name = 'a'\nnetwork = 'cnn6'\n[[backbone]]\nname = 'a'").contains("twice"));
    }
}
