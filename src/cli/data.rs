//! `data`: making datasets and looking at them.

use super::error::CommandResult;
use super::{data_check, data_stats, data_synth};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a labelled FOA dataset: events in simulated rooms
    Synth(Box<data_synth::Args>),
    /// Validate a dataset and name every problem with file and line
    Check(data_check::Args),
    /// Count a dataset's minutes, events, polyphony and directions, and draw them
    Stats(data_stats::Args),
}

pub(crate) fn run(command: Command) -> CommandResult {
    match command {
        Command::Synth(args) => data_synth::run(*args),
        Command::Check(args) => data_check::run(args),
        Command::Stats(args) => data_stats::run(args),
    }
}
