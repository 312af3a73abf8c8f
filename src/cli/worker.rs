//! `at2seld worker`: work on the trials of a study until it is over.

use anyhow::Context;

use super::error::{CommandResult, Interrupted};
use super::store_args::{StoreArgs, block_on, study};
use crate::search::{self, SearchSpace};
use crate::worker::{self, Ended, Judge, WorkerConfig};

/// Arguments of `worker`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Device to train on: cpu, or cuda:0; the study's first when not given
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Name of the study; the latest when not given
    #[arg(long, value_name = "NAME")]
    study: Option<String>,
    /// Leave when standard input ends: the process that started this one is gone
    #[arg(long, hide = true)]
    leave_on_eof: bool,
}

pub(crate) fn run(args: Args) -> CommandResult {
    block_on(async {
        let stop = worker::listen(args.leave_on_eof).context("cannot listen for signals")?;
        let store = args.store.open().await?;
        let study = study(&store, args.study.as_deref()).await?;
        let name = study.name.clone();
        let space = SearchSpace::from_document(&format!("the space of study \"{name}\""), &study.space)?;
        let device = args.device.or_else(|| study.settings.devices.first().cloned());
        let most = space.study.max_attempts;
        let config = WorkerConfig::new(study, device.unwrap_or_else(|| "cpu".into()), most)?;
        let judge: Judge = Box::new(move |snapshot, trial| search::verdict(&space, snapshot, trial));
        match worker::run(&store, &config, &judge, stop).await? {
            Ended::StudyOver(state) => eprintln!("study \"{name}\" is {state}: nothing left to do"),
            // The one who started it knows.
            Ended::Told if args.leave_on_eof => {}
            Ended::Told => {
                let message = format!("left study \"{name}\"; the trial in progress was given back");
                return Err(anyhow::Error::new(Interrupted(message)));
            }
        }
        Ok(())
    })
}
