//! A file from the first address that serves it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::address::Address;
use super::client::{self, Client};
use super::error::{Failure, PullError, Reason};
use super::exchange::{Ended, Exchange};
use super::partial::Partial;
use super::watch::{Notice, Watch};
use crate::backbone::weights;

/// First and longest wait before another try.
const FIRST_WAIT: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A digest that a file must have.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) sha256: String,
    /// Who knows it, in words.
    pub(super) whose: &'static str,
}

/// A file to fetch.
pub(super) struct Job<'a> {
    /// Its name.
    pub(super) file: &'a str,
    pub(super) target: PathBuf,
    pub(super) partial: Partial,
    /// Its length, where it is known beforehand.
    pub(super) size: Option<u64>,
    pub(super) expected: Option<Expected>,
    /// What else it must be; says what is wrong with it.
    pub(super) check: &'a dyn Fn(&Path) -> Result<(), String>,
    /// Tries at an address after one that got no further.
    pub(super) retries: usize,
}

impl Job<'_> {
    pub(super) fn folder(&self) -> &Path {
        self.target.parent().unwrap_or(Path::new("."))
    }
}

/// What was fetched: digest and address.
pub(super) struct Downloaded<'a> {
    pub(super) sha256: String,
    pub(super) address: &'a Address,
}

/// Fetches a file and puts it in its place.
pub(super) async fn download<'a>(
    job: &Job<'_>,
    sources: &'a [Address],
    client: &Client,
    watch: &dyn Watch,
) -> Result<Downloaded<'a>, PullError> {
    let mut failures: Vec<Failure> = Vec::new();
    for address in sources {
        if let Some(failure) = failures.last() {
            watch.notice(&Notice::Next { failure });
        }
        let fetched = with_retries(&Exchange { client, address, job, watch }).await;
        let accepted = match fetched {
            Ok(()) => accept(job)?,
            Err(Ended::Everywhere(error)) => return Err(error),
            Err(Ended::Here(failure)) => {
                failures.push(failure);
                continue;
            }
        };
        match accepted {
            Ok(sha256) => {
                job.partial.finish(&job.target)?;
                return Ok(Downloaded { sha256, address });
            }
            Err(reason) => {
                job.partial.discard()?;
                failures.push(client::failure(address, reason));
            }
        }
    }
    Err(PullError::Failed { file: job.file.to_owned(), target: job.target.clone(), failures })
}

/// The digest of the fetched file, or why it is not what was wanted.
fn accept(job: &Job<'_>) -> Result<Result<String, Reason>, PullError> {
    let got = weights::sha256(job.partial.path())?;
    if let Some(Expected { sha256, whose }) = &job.expected
        && *sha256 != got
    {
        return Ok(Err(Reason::Digest { whose, expected: sha256.clone(), got }));
    }
    Ok((job.check)(job.partial.path()).map(|()| got).map_err(Reason::Content))
}

/// Tries until the file is whole, waiting longer each time; a try that got further than all before it starts the
/// count anew, so that a large file comes through a bad connection.
async fn with_retries(exchange: &Exchange<'_>) -> Result<(), Ended> {
    let waits = ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_max_times(exchange.job.retries)
        .with_jitter();
    let mut left = waits.build();
    let mut furthest = exchange.job.partial.len();
    loop {
        let failure = match exchange.run().await {
            Err(Ended::Here(failure)) if failure.reason.is_transient() => failure,
            ended => return ended,
        };
        let have = exchange.job.partial.len();
        if have > furthest {
            furthest = have;
            left = waits.build();
        }
        let Some(wait) = left.next() else { return Err(Ended::Here(failure)) };
        let after = failure.retry_after.unwrap_or(wait);
        exchange.watch.notice(&Notice::Retrying { failure: &failure, after });
        tokio::time::sleep(after).await;
    }
}
