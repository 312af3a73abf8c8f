//! The command line: parsing, printing, exit codes. One file a command; no logic.
//!
//! A command is a module with `#[derive(clap::Args)] struct Args` and `fn run(args: Args) -> CommandResult`,
//! one line in [`Command`] and one in [`Command::run`].

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CommandResult;

mod architecture_arg;
mod backbone;
mod bar;
mod calibrate;
mod data;
mod data_check;
mod data_stats;
mod data_synth;
mod diagnose;
mod diagnose_flags;
mod diagnostic_flags;
mod doctor;
mod enqueue;
mod error;
mod eval;
mod export;
mod feature_grid;
mod features;
mod format;
mod importance;
mod infer;
mod infer_stream;
mod interrupt;
mod launch;
mod layout_arg;
mod leaderboard;
mod log;
mod metric;
mod progress;
mod recording;
mod report;
mod resume;
mod score;
mod simulate;
mod status;
mod stop;
mod store_args;
mod threads_arg;
mod train;
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
    /// Train one architecture, outside a study
    Train(train::Args),
    /// Export a trained model: TorchScript, weights, thresholds, model card
    Export(export::Args),
    /// Score an exported model on a dataset
    Eval(eval::Args),
    /// Train the winner of a study again with and without each ingredient, and score all of it on several datasets
    Diagnose(diagnose::Args),
    /// Choose the thresholds of a model anew, on recordings it was not trained on
    Calibrate(calibrate::Args),
    /// Detect events in recordings: one DCASE CSV for each; or in a stream
    Infer(infer::Args),
    /// Say what was found: versions, libtorch, devices, cache, store, disk
    Doctor(doctor::Args),
    /// Begin a study: search a space of architectures on a dataset, in stages
    Launch(launch::Args),
    /// Go on with a study after an interruption; nothing finished is done again
    Resume(resume::Args),
    /// Make and check datasets
    #[command(subcommand)]
    Data(data::Command),
    /// Score DCASE prediction files against label files
    ///
    /// Rows are `frame,class,source,azimuth,elevation[,distance]`. Files of two folders are matched by name, at any
    /// depth. As in the official evaluators, labels without a prediction file are left out (an empty file counts
    /// as all missed), and predictions without labels are an error. Settings are those of the challenge of the
    /// metric's year unless flags say otherwise.
    Score(score::Args),
    /// Replay a search on recorded results with many seeds, to choose a sampler and a pruner
    ///
    /// A trial costs the share of its steps that were run. The regret is how far the best final value is above the smallest
    /// of the table, in percent of how far the median is: mean over seeds, with half of its 95 % interval.
    Simulate(simulate::Args),
    /// Show the trials of a study, best first, or answer a read-only SQL query
    Leaderboard(leaderboard::Args),
    /// Show which parameters decided whether a candidate was good, stage by stage
    ///
    /// The importance is that of PED-ANOVA (arXiv 2304.10255): how far the values of the best quarter of the trials are spread
    /// otherwise than those of all, as a share of the sum over parameters. "best" is the value that the best quarter prefers.
    Importance(importance::Args),
    /// Write a study as one page: stages, decisions, figures, what mattered, the best trials
    Report(report::Args),
    /// Show where a study stands: stages, trials, workers, best so far, time left
    Status(status::Args),
    /// Have an architecture of your own tried in a stage of a study, before what its sampler draws
    ///
    /// It is trained for the epochs of the stage, beside the budget, and may win. Neither the space nor the constraints of the
    /// stage apply to it. A study that has been stopped takes it in when it is resumed.
    Enqueue(enqueue::Args),
    /// Let running trials save a checkpoint, then stop a study
    Stop(stop::Args),
    /// Look at and use pretrained taggers
    #[command(subcommand)]
    Backbone(backbone::Command),
    /// Compute descriptors of a four-channel FOA recording (W, Y, Z, X)
    Features(features::Args),
    /// Work on the trials of a study until it is over; `launch` and `resume` start workers by themselves
    Worker(worker::Args),
    /// The child process of a worker
    #[command(hide = true)]
    Trainer(trainer::Args),
}

impl Command {
    fn run(self) -> CommandResult {
        match self {
            Self::Train(args) => train::run(args),
            Self::Export(args) => export::run(args),
            Self::Eval(args) => eval::run(args),
            Self::Diagnose(args) => diagnose::run(args),
            Self::Calibrate(args) => calibrate::run(args),
            Self::Infer(args) => infer::run(args),
            Self::Doctor(args) => doctor::run(args),
            Self::Launch(args) => launch::run(args),
            Self::Resume(args) => resume::run(args),
            Self::Data(command) => data::run(command),
            Self::Score(args) => score::run(args),
            Self::Simulate(args) => simulate::run(args),
            Self::Leaderboard(args) => leaderboard::run(args),
            Self::Importance(args) => importance::run(args),
            Self::Report(args) => report::run(args),
            Self::Status(args) => status::run(args),
            Self::Enqueue(args) => enqueue::run(args),
            Self::Stop(args) => stop::run(args),
            Self::Backbone(command) => backbone::run(command),
            Self::Features(args) => features::run(args),
            Self::Worker(args) => worker::run(args),
            Self::Trainer(args) => trainer::run(args),
        }
    }
}

/// Runs the program and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log::begin();
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error::report(&error),
    }
}
