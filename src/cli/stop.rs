//! `at2seld stop`: let running trials checkpoint, then stop.

use super::error::CommandResult;
use super::store_args::{DEFAULT_STORE, StoreArgs, block_on, failed, study};
use crate::search::state::StudyState;

/// Arguments of `stop`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the study
    study: String,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: Args) -> CommandResult {
    block_on(async {
        let store = args.store.open().await?;
        let study = study(&store, Some(&args.study)).await?;
        let name = &study.name;
        let resume = match args.store.store.as_str() {
            DEFAULT_STORE => format!("at2seld resume {name}"),
            store => format!("at2seld resume {name} --store {store}"),
        };
        if !matches!(study.state, StudyState::Running | StudyState::Stopping) {
            eprintln!("study \"{name}\" is {} already; nothing changes", study.state);
            return Ok(());
        }
        store.request_stop(study.id).await.map_err(failed)?;
        let workers = store.workers(study.id).await.map_err(failed)?;
        if workers.iter().all(|worker| !worker.alive) {
            // Nobody is left who would notice; a controller that is just starting workers sees this too.
            store.set_study_state(study.id, StudyState::Stopped).await.map_err(failed)?;
            eprintln!("study \"{name}\" is stopped: no worker was at work; go on with `{resume}`");
            return Ok(());
        }
        let training = workers.iter().filter(|worker| worker.alive && worker.trial.is_some()).count();
        eprintln!("study \"{name}\" is stopping: no new trial begins");
        if training > 0 {
            eprintln!("{training} running trials go on to the end of their epoch and are saved");
        }
        eprintln!("go on later with `{resume}`");
        Ok(())
    })
}
