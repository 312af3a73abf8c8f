//! `at2seld trainer`: the child process of a worker. Not for people: it speaks JSON over its pipes.

use super::error::CommandResult;
use crate::{train, worker};

/// Arguments of `trainer`: none.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: Args) -> CommandResult {
    Ok(worker::trainer::serve(train::run)?)
}
