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
