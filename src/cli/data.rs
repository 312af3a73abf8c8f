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
//! `at2seld data`: making datasets and looking at them.

use clap::Subcommand;

use super::data_synth;
use super::error::CommandResult;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a labelled FOA dataset: events in simulated rooms.
    Synth(data_synth::Args),
}

pub(crate) fn run(args: Args) -> CommandResult {
    match args.command {
        Command::Synth(args) => data_synth::run(args),
    }
}
