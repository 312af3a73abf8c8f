//! The HTTP client, and what its errors mean.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};

use super::address::Address;
use super::error::{Failure, PullError, Reason};
use super::weights::Options;

const REDIRECTS: usize = 10;
const TOO_MANY_REDIRECTS: &str = "led on through too many redirects";
const DOWNGRADE: &str = "led from https to http, which is not followed";

/// A client with proxies of the environment and the certificates of the system.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    stall: Duration,
}

impl Client {
    pub(super) fn new(options: &Options) -> Result<Self, PullError> {
        // Fails when there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("at2seld/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect)
            .read_timeout(options.stall)
            .redirect(Policy::custom(redirect))
            // Names where one came from, password and all.
            .referer(false)
            .build()
            .map_err(|error| PullError::Client(deepest(&error)))?;
        Ok(Self { http, stall: options.stall })
    }

    /// A request for the file at an address, as it is: not compressed on the way.
    pub(super) fn get(&self, address: &Address) -> reqwest::RequestBuilder {
        self.http.get(address.url().clone()).header(reqwest::header::ACCEPT_ENCODING, "identity")
    }

    /// What an error of the client means, after `got` bytes of a file.
    pub(super) fn failure(&self, address: &Address, error: &reqwest::Error, got: u64) -> Failure {
        failure(address, self.reason(error, got))
    }

    fn reason(&self, error: &reqwest::Error, got: u64) -> Reason {
        if error.is_redirect() {
            return Reason::Redirect(deepest(error));
        }
        if error.is_connect() {
            return connect_reason(error);
        }
        if error.is_timeout() {
            return Reason::Stalled(self.stall);
        }
        match error.is_body() || error.is_decode() || error.is_request() {
            true => Reason::Broken(got),
            false => Reason::Protocol(deepest(error)),
        }
    }
}

/// Something that happened at an address.
pub(super) fn failure(address: &Address, reason: Reason) -> Failure {
    Failure { address: address.clone(), reason, proxy: proxy_variable(address), retry_after: None }
}

fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from_https = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if from_https && attempt.url().scheme() != "https" {
        return attempt.error(DOWNGRADE);
    }
    match attempt.previous().len() > REDIRECTS {
        true => attempt.error(TOO_MANY_REDIRECTS),
        false => attempt.follow(),
    }
}

fn connect_reason(error: &reqwest::Error) -> Reason {
    if error.is_dns() {
        return Reason::Dns;
    }
    if error.is_timeout() {
        return Reason::Connect("it takes too long".to_owned());
    }
    for cause in chain(error).map(unwrapped) {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Reason::Tls(tls.to_string());
        }
        match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => return Reason::Refused,
            Some(io::ErrorKind::UnexpectedEof) => return Reason::Tls("the other side hung up".to_owned()),
            _ => {}
        }
        let words = cause.to_string();
        if words.contains("tunnel") || words.contains("proxy") {
            return Reason::Proxy(deepest(error));
        }
    }
    Reason::Connect(deepest(error))
}

/// What an error of input and output was made from: its own source is the source of that, not that.
fn unwrapped<'a>(cause: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => unwrapped(inner),
        None => cause,
    }
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// The innermost cause: the outer ones repeat the address, with what it holds.
fn deepest(error: &reqwest::Error) -> String {
    let outermost = || "unknown cause".to_owned();
    chain(error).last().map_or_else(outermost, |cause| unwrapped(cause).to_string())
}

/// The environment variable that names the proxy for an address, if one does.
///
/// The client itself decides, by the same variables in the same order; NO_PROXY is only known to it, so an address
/// that is excepted there is said to go through the proxy as well: this is for hints.
fn proxy_variable(address: &Address) -> Option<&'static str> {
    let candidates: [&str; 4] = match address.url().scheme() {
        "https" => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    candidates.into_iter().find(is_set)
}
