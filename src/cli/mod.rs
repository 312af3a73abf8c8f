//! The command line: parsing, printing, exit codes. One file a command; no logic.
//!
//! A command is a module with `#[derive(clap::Args)] struct Args` and `fn run(args: Args) -> CommandResult`,
//! one line in [`Command`] and one in [`Command::run`].

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CommandResult;

mod data;
mod data_check;
mod error;
mod format;
mod launch;
mod leaderboard;
mod progress;
mod resume;
mod score;
mod status;
mod stop;
mod store_args;
mod trainer;
mod worker;

/// Extend a pretrained audio tagger to sound event localization and detection, and search for the best way.
#[derive(Debug, Parser)]
#[command(name = "at2seld", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a study: search a space of architectures on a dataset, in stages
    Launch(launch::Args),
    /// Go on with a study after an interruption; nothing finished is done again
    Resume(resume::Args),
    /// Work with datasets.
    #[command(subcommand)]
    Data(data::Command),
    /// Score DCASE prediction files against label files.
    Score(score::Args),
    /// Show the trials of a study, best first, or answer a read-only SQL query
    Leaderboard(leaderboard::Args),
    /// Show where a study stands: stages, trials, workers, best so far, time left
    Status(status::Args),
    /// Let running trials save a checkpoint, then stop a study
    Stop(stop::Args),
    /// Work on the trials of a study until it is over; `launch` and `resume` start workers by themselves
    Worker(worker::Args),
    /// The child process of a worker
    #[command(hide = true)]
    Trainer(trainer::Args),
}

impl Command {
    fn run(self) -> CommandResult {
        match self {
            Self::Launch(args) => launch::run(args),
            Self::Resume(args) => resume::run(args),
            Self::Data(command) => data::run(command),
            Self::Score(args) => score::run(args),
            Self::Leaderboard(args) => leaderboard::run(args),
            Self::Status(args) => status::run(args),
            Self::Stop(args) => stop::run(args),
            Self::Worker(args) => worker::run(args),
            Self::Trainer(args) => trainer::run(args),
        }
    }
}

/// Runs the program and says how it ended.
pub fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error::report(&error),
    }
}
