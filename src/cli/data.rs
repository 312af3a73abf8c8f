//! `data`: making datasets and looking at them.

use super::error::CommandResult;
use super::{data_check, data_synth};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a labelled FOA dataset: events in simulated rooms
    Synth(Box<data_synth::Args>),
    /// Validate a dataset and name every problem with file and line
    Check(data_check::Args),
}

pub(crate) fn run(command: Command) -> CommandResult {
    match command {
        Command::Synth(args) => data_synth::run(*args),
        Command::Check(args) => data_check::run(args),
    }
}
