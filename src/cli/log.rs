//! What the library has to say while it works, on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Names what is said: levels, as in "info" or "at2seld::train=debug"; warnings when it is not set.
const VARIABLE: &str = "AT2SELD_LOG";

/// To be called once, before anything is said.
pub(super) fn begin() {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("at2seld=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
}
