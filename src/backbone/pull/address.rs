//! Where files are fetched from, and how an address is written for people.

use std::fmt;

use crate::tensor_file::hex_digest;
use reqwest::Url;

use super::error::PullError;
use crate::backbone::registry::Entry;

/// An http or https address. Shown without what may be secret: user, password and query.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Box<Url>,
    /// Whether it is that of a mirror, not the registry's.
    pub(super) is_mirror: bool,
}

impl Address {
    fn parse(text: &str, is_mirror: bool) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is no address: {error}"))?;
        match url.scheme() {
            "http" | "https" => Ok(Self { url: Box::new(url), is_mirror }),
            other => Err(format!("begins with {other}:, expected https: or http:")),
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Names the address in files, which must not hold its secrets.
    pub(super) fn digest(&self) -> String {
        hex_digest(self.url.as_str())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.url.clone();
        // These fail for addresses without a host only, which http has not.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.set_query(None);
        shown.set_fragment(None);
        shown.as_str().fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// What is wrong with an address of a registry, if anything.
///
/// # Errors
/// It is not an http or https address.
pub fn check_address(text: &str) -> Result<(), String> {
    Address::parse(text, false).map(drop)
}

/// An address for people: without user, password, query and fragment.
pub fn without_secrets(text: &str) -> String {
    Address::parse(text, false)
        .map_or_else(|_| "an address that cannot be read".to_owned(), |a| a.to_string())
}

/// The addresses in a list separated by commas or spaces, as in AT2SELD_MIRROR.
pub fn mirrors(list: &str) -> Vec<String> {
    list.split([',', ' ', '\t', '\n']).filter(|base| !base.is_empty()).map(str::to_owned).collect()
}

/// Where `file` may be: below each of the mirrors, then at `url`.
pub(super) fn sources(mirrors: &[String], file: &str, url: Option<&str>) -> Result<Vec<Address>, PullError> {
    let mut sources = Vec::new();
    for (place, base) in (1..).zip(mirrors) {
        let wrong = |what: String| PullError::Mirror { place, what };
        let mut address = Address::parse(base, true).map_err(wrong)?;
        if let Ok(mut segments) = address.url.path_segments_mut() {
            segments.pop_if_empty().push(file);
        }
        sources.push(address);
    }
    if let Some(url) = url {
        let address = Address::parse(url, false);
        sources.push(address.map_err(|what| PullError::Address { file: file.to_owned(), what })?);
    }
    Ok(sources)
}

/// The same for the weights of `entry`; there must be one.
pub(super) fn of_weights(mirrors: &[String], entry: &Entry) -> Result<Vec<Address>, PullError> {
    let sources = sources(mirrors, &entry.file, entry.url.as_deref())?;
    match sources.is_empty() {
        true => Err(PullError::NoAddress { name: entry.name.clone(), obtain: entry.how_to_obtain() }),
        false => Ok(sources),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_address_are_never_shown() {
        let secret = "https://ann:s3cret@host.example:8443/a%20b.pth?token=s3cret#s3cret";
        assert_eq!(without_secrets(secret), "https://host.example:8443/a%20b.pth");
        let address = Address::parse(secret, false).unwrap();
        assert!(!format!("{address} {address:?} {}", address.digest()).contains("s3cret"));
        assert!(!without_secrets("https://ann:s3cret@[").contains("s3cret"));
    }

    #[test]
    fn mirrors_come_first_and_end_in_the_file_name() {
        let list = mirrors(" http://a/x, https://b/y/ ,\nhttp://c");
        let sources = sources(&list, "my net.pth", Some("https://z/q")).unwrap();
        let shown: Vec<String> = sources.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["http://a/x/my%20net.pth", "https://b/y/my%20net.pth", "http://c/my%20net.pth", "https://z/q"]
        );
        assert_eq!(sources.iter().filter(|source| source.is_mirror).count(), 3);
    }

    #[test]
    fn other_schemes_are_refused_without_showing_the_address() {
        let error = sources(&mirrors("http://a,ftp://ann:s3cret@b"), "f", None).unwrap_err();
        assert!(error.is_input());
        let error = error.to_string();
        assert!(error.contains("mirror 2") && error.contains("ftp:") && !error.contains("s3cret"), "{error}");
    }
}
