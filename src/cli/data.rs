//! `data`: datasets.

use super::data_check;
use super::error::CommandResult;

/// Work with datasets.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Validate a dataset and name every problem with file and line.
    Check(data_check::Args),
}

/// Runs the subcommand.
pub(crate) fn run(command: Command) -> CommandResult {
    match command {
        Command::Check(args) => data_check::run(args),
    }
}
