//! `at2seld resume`: go on with a study after an interruption.

use super::bar::{bar, steps};
use super::error::CommandResult;
use super::progress;
use super::store_args::{StoreArgs, block_on};
use crate::controller;
use crate::search::state::StudyState;

/// Arguments of `resume`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the study; the latest that has not ended when not given
    study: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Worker processes; as many as before when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
}

pub(crate) fn run(args: Args) -> CommandResult {
    block_on(async {
        let workers = args.workers.map(usize::from);
        let bar = bar("recordings read");
        let read = steps(&bar);
        let resumed = controller::resume(&args.store.store, args.study.as_deref(), workers, &read).await;
        bar.finish_and_clear();
        match resumed.map_err(progress::classify)? {
            (_, Some(opened)) => progress::carry_out(opened, &args.store.store).await,
            (study, None) if study.state == StudyState::Failed => anyhow::bail!(
                "study \"{}\" has failed and cannot go on; `at2seld status {}` says why",
                study.name,
                study.name
            ),
            (study, None) => {
                eprintln!("study \"{}\" is {} already; there is nothing to resume", study.name, study.state);
                Ok(())
            }
        }
    })
}
