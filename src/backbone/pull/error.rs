//! What can go wrong with a pull, and what to do about it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;

use super::address::Address;
use crate::fs::FileError;

/// A pull that did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// There is nowhere to fetch the weights from.
    #[error("backbone {name} has no address to pull from: {obtain}")]
    NoAddress {
        /// The tagger.
        name: String,
        /// What to do instead, in words.
        obtain: String,
    },
    /// A mirror's address.
    #[error("mirror {place} of AT2SELD_MIRROR or --mirror {what}")]
    Mirror {
        /// Which one, counted from 1. It may hold a password, so it is not shown.
        place: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The registry's address.
    #[error("the address of {file} in the registry {what}")]
    Address {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// Another file is where the weights should be.
    #[error(
        "{} is there, but is another file: its sha256 is {got}, that {whose} is {expected}; move it away, let --force \
         replace it, or give it an entry of its own in backbones.toml", path.display()
    )]
    Occupied {
        /// The file.
        path: PathBuf,
        /// Who knows the expected digest, in words.
        whose: &'static str,
        /// The digest that it should have.
        expected: String,
        /// The one that it has.
        got: String,
    },
    /// The disk is full, or would be.
    #[error(
        "no space for {file} in {}: {} more bytes are needed{}; make room and pull again{}",
        folder.display(), needed.map_or("unknown".to_owned(), |n| n.to_string()),
        free.map_or(String::new(), |n| format!(", {n} are free")),
        if *kept > 0 { format!(": the {kept} bytes fetched so far are kept") } else { String::new() }
    )]
    Space {
        /// The file.
        file: String,
        /// Where it should be.
        folder: PathBuf,
        /// Bytes missing, if the whole length is known.
        needed: Option<u64>,
        /// Bytes that are free.
        free: Option<u64>,
        /// Bytes fetched before.
        kept: u64,
    },
    /// No address served the file.
    #[error("cannot fetch {file}: {}; {}or copy the file to {} by hand", list(failures), advice(failures), target.display())]
    Failed {
        /// The file.
        file: String,
        /// Where it belongs.
        target: PathBuf,
        /// What happened at each address, in the order they were tried in.
        failures: Vec<Failure>,
    },
    /// Asked to stop.
    #[error("interrupted: {kept} bytes of {file} are kept, and the next pull goes on from there")]
    Interrupted {
        /// The file.
        file: String,
        /// Bytes fetched before.
        kept: u64,
    },
    /// No HTTP at all on this machine, such as without any certificates.
    #[error(
        "cannot use HTTP: {0}; certificates are read from the system (package ca-certificates) or SSL_CERT_FILE"
    )]
    Client(String),
    /// A file of the cache.
    #[error(transparent)]
    File(#[from] FileError),
}

impl PullError {
    /// Whether what the user gave is at fault.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::NoAddress { .. } | Self::Mirror { .. } | Self::Address { .. })
    }
}

/// What happened at one address.
#[derive(Debug)]
pub struct Failure {
    /// The address.
    pub address: Address,
    /// What happened.
    pub reason: Reason,
    /// The environment variable whose proxy stood in between.
    pub proxy: Option<&'static str>,
    /// How long the server asked to wait.
    pub(super) retry_after: Option<Duration>,
}

/// Why an address did not serve a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// No such host, or no name server.
    #[error("the host name cannot be resolved")]
    Dns,
    /// Nothing listens there.
    #[error("the connection is refused")]
    Refused,
    /// Another trouble with connecting.
    #[error("no connection: {0}")]
    Connect(String),
    /// Nothing came for too long.
    #[error("no answer for {} s", .0.as_secs_f64())]
    Stalled(Duration),
    /// No secure connection.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// The proxy does not let through.
    #[error("the proxy does not connect: {0}")]
    Proxy(String),
    /// An answer without the file.
    #[error("HTTP {code}{phrase}", code = .0, phrase = reason_phrase(*.0))]
    Status(u16),
    /// The connection ended before the file did.
    #[error("the connection broke after {0} bytes")]
    Broken(u64),
    /// The file there changed since the first part was fetched.
    #[error("the file there changed since its first part was fetched")]
    Changed,
    /// Led to nowhere.
    #[error("{0}")]
    Redirect(String),
    /// Another length than the registry says.
    #[error("the file there has {got} bytes, expected {expected}")]
    Length {
        /// Bytes of the registry.
        expected: u64,
        /// Bytes there.
        got: u64,
    },
    /// A page for people, such as a login.
    #[error("the answer is a web page, not the file")]
    WebPage,
    /// Another file than expected.
    #[error(
        "the file there is another one: its sha256 is {got}, that {whose} is {expected}; it was not kept"
    )]
    Digest {
        /// Who knows the expected digest, in words.
        whose: &'static str,
        /// The digest that it should have.
        expected: String,
        /// The one that it has.
        got: String,
    },
    /// A list of class names that is none.
    #[error("the file there {0}")]
    Content(String),
    /// Something else about HTTP.
    #[error("{0}")]
    Protocol(String),
}

impl Reason {
    /// Whether the same may work a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Stalled(_) | Self::Broken(_) | Self::Changed => true,
            Self::Status(code) => matches!(code, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}

fn reason_phrase(code: u16) -> String {
    let phrase = StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason());
    phrase.map_or_else(String::new, |phrase| format!(" {phrase}"))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.reason)?;
        match self.proxy {
            Some(variable) => write!(f, " (through the proxy of {variable})"),
            None => Ok(()),
        }
    }
}

fn list(failures: &[Failure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What to do, each piece once.
fn advice(failures: &[Failure]) -> String {
    let pieces: BTreeSet<&str> = failures.iter().filter_map(hint).collect();
    pieces.into_iter().map(|piece| format!("{piece}, ")).collect()
}

fn hint(failure: &Failure) -> Option<&'static str> {
    Some(match &failure.reason {
        Reason::Dns | Reason::Refused | Reason::Connect(_) | Reason::Stalled(_) => match failure.proxy {
            Some(_) => "check the address of the proxy and NO_PROXY",
            None => {
                "check the network, set HTTPS_PROXY if there is a proxy, set AT2SELD_MIRROR if there is a mirror"
            }
        },
        Reason::Proxy(_) | Reason::Status(407) => "check the address, user and password of the proxy",
        Reason::Tls(_) => "name your network's certificates in SSL_CERT_FILE",
        Reason::WebPage => "open the address in a browser",
        Reason::Status(401 | 403 | 404 | 410) | Reason::Length { .. } | Reason::Redirect(_) => {
            "set another url in backbones.toml"
        }
        Reason::Digest { .. } => {
            "if it is a new version that you trust, set its sha256 in backbones.toml, or let --force replace a recorded one"
        }
        Reason::Status(_) | Reason::Broken(_) | Reason::Changed => "pull again later",
        Reason::Content(_) | Reason::Protocol(_) => return None,
    })
}
