//! One request for what is missing of a file, and its answer.

use std::io;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName};
use reqwest::{Response, StatusCode};

use super::address::Address;
use super::client::{self, Client};
use super::download::Job;
use super::error::{Failure, PullError, Reason};
use super::partial::{Note, Writer};
use super::watch::{Notice, Watch};
use crate::fs::FileError;

/// A server's wish to wait longer than this is not heeded.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why one try ended.
pub(super) enum Ended {
    /// For a reason of this address; another may do.
    Here(Failure),
    /// For a reason of this machine.
    Everywhere(PullError),
}

impl From<FileError> for Ended {
    fn from(error: FileError) -> Self {
        Self::Everywhere(error.into())
    }
}

/// One try at one address.
pub(super) struct Exchange<'a> {
    pub(super) client: &'a Client,
    pub(super) address: &'a Address,
    pub(super) job: &'a Job<'a>,
    pub(super) watch: &'a dyn Watch,
}

impl Exchange<'_> {
    /// Fetches what is missing of the job's part, which is whole afterwards.
    pub(super) async fn run(&self) -> Result<(), Ended> {
        let partial = &self.job.partial;
        let resumable = partial.resumable(self.address, self.job.expected.is_some());
        if let Some((Note { length: Some(length), .. }, have)) = &resumable
            && length == have
        {
            return Ok(());
        }
        let mut request = self.client.get(self.address);
        if let Some((note, have)) = &resumable {
            request = request.header(header::RANGE, format!("bytes={have}-"));
            if let Some(validator) = &note.validator {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        let sent = request.send().await;
        let response = sent.map_err(|error| Ended::Here(self.client.failure(self.address, &error, 0)))?;
        match (response.status(), resumable) {
            (StatusCode::OK, _) => self.begin(response).await,
            (StatusCode::PARTIAL_CONTENT, Some((note, have))) => self.resume(response, &note, have).await,
            (StatusCode::RANGE_NOT_SATISFIABLE, Some((_, have)))
                if range(response.headers()) == Some((None, Some(have))) =>
            {
                Ok(())
            }
            (StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => {
                partial.discard()?;
                Err(self.ended(Reason::Changed))
            }
            (status, _) => {
                let mut failure = client::failure(self.address, Reason::Status(status.as_u16()));
                failure.retry_after = retry_after(response.headers());
                Err(Ended::Here(failure))
            }
        }
    }

    /// The whole file comes.
    async fn begin(&self, response: Response) -> Result<(), Ended> {
        let headers = response.headers();
        let length = response.content_length();
        let is_page = text(headers, header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
        if is_page && self.job.expected.is_none() {
            return Err(self.ended(Reason::WebPage));
        }
        let note = Note { address: self.address.digest(), validator: validator(headers), length };
        self.check_length(length)?;
        // What is there of another try will be overwritten: its room counts as free.
        self.check_space(length, self.job.partial.len())?;
        self.watch.notice(&Notice::Fetching { file: self.job.file, address: self.address, kept: 0 });
        let writer = self.job.partial.begin(&note)?;
        self.receive(response, writer, length).await
    }

    /// The rest of the file comes.
    async fn resume(&self, response: Response, note: &Note, have: u64) -> Result<(), Ended> {
        let headers = response.headers();
        let validator = validator(headers);
        let is_same = validator.is_none() || note.validator.is_none() || validator == note.validator;
        let (first, length) = range(headers).unwrap_or_default();
        if first != Some(have)
            || !is_same
            || (length.is_some() && note.length.is_some_and(|l| Some(l) != length))
        {
            self.job.partial.discard()?;
            return Err(self.ended(Reason::Changed));
        }
        let length = length.or(note.length);
        self.check_length(length)?;
        self.check_space(length.map(|length| length.saturating_sub(have)), 0)?;
        self.watch.notice(&Notice::Fetching { file: self.job.file, address: self.address, kept: have });
        let writer = self.job.partial.resume(have)?;
        self.receive(response, writer, length).await
    }

    async fn receive(
        &self,
        mut response: Response,
        mut writer: Writer<'_>,
        length: Option<u64>,
    ) -> Result<(), Ended> {
        loop {
            self.watch.bytes(writer.written(), length.or(self.job.size));
            let chunk = response
                .chunk()
                .await
                .map_err(|error| Ended::Here(self.client.failure(self.address, &error, writer.written())))?;
            let Some(chunk) = chunk else { break };
            writer.write(&chunk).map_err(|error| self.not_written(error, length))?;
            if self.job.size.is_some_and(|size| writer.written() > size) {
                self.check_length(Some(writer.written()))?;
            }
        }
        match length.or(self.job.size) {
            Some(length) if length != writer.written() => Err(self.ended(Reason::Broken(writer.written()))),
            _ => Ok(()),
        }
    }

    fn check_length(&self, length: Option<u64>) -> Result<(), Ended> {
        match (length, self.job.size) {
            (Some(got), Some(expected)) if got != expected => {
                Err(self.ended(Reason::Length { expected, got }))
            }
            _ => Ok(()),
        }
    }

    /// Whether `needed` more bytes fit on the disk once `reclaimed` are given back.
    fn check_space(&self, needed: Option<u64>, reclaimed: u64) -> Result<(), Ended> {
        let free = crate::system::free_bytes(self.job.folder()).ok();
        let room = free.map(|free| free.saturating_add(reclaimed));
        match (needed, room) {
            (Some(needed), Some(room)) if needed > room => Err(self.no_space(Some(needed), free)),
            _ => Ok(()),
        }
    }

    fn not_written(&self, error: FileError, length: Option<u64>) -> Ended {
        let is_full =
            matches!(error.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if !is_full {
            return error.into();
        }
        let needed = length.map(|length| length.saturating_sub(self.job.partial.len()));
        self.no_space(needed, crate::system::free_bytes(self.job.folder()).ok())
    }

    fn no_space(&self, needed: Option<u64>, free: Option<u64>) -> Ended {
        let (file, folder) = (self.job.file.to_owned(), self.job.folder().to_owned());
        Ended::Everywhere(PullError::Space { file, folder, needed, free, kept: self.job.partial.len() })
    }

    fn ended(&self, reason: Reason) -> Ended {
        Ended::Here(client::failure(self.address, reason))
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// What tells this version of a file from another. If-Range takes no weak ETag (RFC 9110, section 13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    let strong = text(headers, header::ETAG).filter(|tag| tag.starts_with('"'));
    strong.or_else(|| text(headers, header::LAST_MODIFIED)).map(str::to_owned)
}

/// First byte and length of the whole file in Content-Range: `bytes 5-9/10`, `bytes 5-9/*`, `bytes */10`.
fn range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let (part, whole) = text(headers, header::CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let first = part.split_once('-').and_then(|(first, _)| first.trim().parse().ok());
    Some((first, whole.trim().parse().ok()))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = text(headers, header::RETRY_AFTER)?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn content_ranges_are_read() {
        let of = |value: &str| range(&headers(&[(header::CONTENT_RANGE, value)]));
        assert_eq!(of("bytes 5-9/10"), Some((Some(5), Some(10))));
        assert_eq!(of("bytes 5-9/*"), Some((Some(5), None)));
        assert_eq!(of("bytes */10"), Some((None, Some(10))));
        assert_eq!(of("lines 1-2/3"), None);
    }

    #[test]
    fn weak_etags_do_not_tell_versions_apart() {
        let date = (header::LAST_MODIFIED, "Sat, 01 Jan 2022 00:00:00 GMT");
        assert_eq!(validator(&headers(&[(header::ETAG, "\"a\""), date.clone()])).unwrap(), "\"a\"");
        assert_eq!(validator(&headers(&[(header::ETAG, "W/\"a\""), date.clone()])).unwrap(), date.1);
        assert_eq!(validator(&headers(&[(header::ETAG, "W/\"a\"")])), None);
    }
}
