//! What a pull tells while it goes on.

use std::time::Duration;

use super::address::Address;
use super::error::Failure;

/// Something worth a line to the person who waits.
#[derive(Debug)]
pub enum Notice<'a> {
    /// Another pull of the same file goes on; this one waits for it.
    Waiting {
        /// The file.
        file: &'a str,
    },
    /// The file is fetched from here.
    Fetching {
        /// The file.
        file: &'a str,
        /// From where.
        address: &'a Address,
        /// Bytes that an earlier pull left and that are not fetched again.
        kept: u64,
    },
    /// A try failed; there will be another one.
    Retrying {
        /// What happened.
        failure: &'a Failure,
        /// When.
        after: Duration,
    },
    /// An address is given up; the next one is tried.
    Next {
        /// What happened.
        failure: &'a Failure,
    },
    /// Nobody said what the digest should be, so it was recorded.
    Recorded {
        /// The file.
        file: &'a str,
        /// Its digest.
        sha256: &'a str,
        /// Name of the file with the record.
        record: &'a str,
        /// Whether it came from a mirror.
        from_mirror: bool,
    },
}

/// Is told how a pull goes on.
pub trait Watch: Sync {
    /// So many bytes of a file are there, of so many if that is known.
    fn bytes(&self, done: u64, total: Option<u64>);

    /// Something worth a line.
    fn notice(&self, notice: &Notice<'_>);

    /// Whether to end now, with what was fetched so far kept.
    fn is_stopped(&self) -> bool;
}

/// Tells nobody, and never stops.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Watch for Silent {
    fn bytes(&self, _: u64, _: Option<u64>) {}

    fn notice(&self, _: &Notice<'_>) {}

    fn is_stopped(&self) -> bool {
        false
    }
}
