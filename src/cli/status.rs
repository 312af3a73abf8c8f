//! `at2seld status`: where a study stands.

use serde_json::Value;

use super::error::CommandResult;
use super::format::Format;
use super::store_args::{StoreArgs, block_on, failed, study};
use crate::report::table::Table;
use crate::search::state::StudyState;
use crate::store::StudyStatus;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the study; the latest when not given
    study: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: Args) -> CommandResult {
    block_on(async {
        let store = args.store.open().await?;
        let study = study(&store, args.study.as_deref()).await?;
        let status = store.status(&study).await.map_err(failed)?;
        if args.format == Format::Table {
            eprint!("{}", summary(&status));
        }
        args.format.print(&status, &table(&status))
    })
}

fn table(status: &StudyStatus) -> Table {
    let mut table = Table::new([
        "stage",
        "state",
        "planned",
        "trials",
        "pending",
        "running",
        "complete",
        "pruned",
        "failed",
        "best_seld",
        "winner",
    ]);
    for stage in &status.stages {
        table.push::<Value>([
            stage.stage.clone().into(),
            stage.state.as_str().into(),
            stage.planned.into(),
            stage.trials.into(),
            stage.pending.into(),
            stage.running.into(),
            stage.complete.into(),
            stage.pruned.into(),
            stage.failed.into(),
            stage.best_seld.into(),
            stage.winner.map(|winner| winner.0).into(),
        ]);
    }
    table
}

/// Lines for people, above the table.
fn summary(status: &StudyStatus) -> String {
    let mut text = format!("study {}: {}\n", status.study, status.state);
    let alive: Vec<_> = status.workers.iter().filter(|worker| worker.alive).collect();
    text.push_str(&format!("workers: {} alive\n", alive.len()));
    for worker in &alive {
        let work = worker.trial.map_or("waiting".into(), |trial| format!("trial {trial}"));
        let (id, host, pid, device) = (worker.id, &worker.host, worker.pid, &worker.device);
        text.push_str(&format!("  worker {id} on {host} ({device}, process {pid}): {work}\n"));
    }
    if alive.is_empty() && status.state == StudyState::Running {
        text.push_str(&format!("  nobody works on it; go on with `at2seld resume {}`\n", status.study));
    }
    if let Some(best) = &status.best {
        text.push_str(&format!("best: trial {} of {}, SELD {:.4}\n", best.trial, best.stage, best.seld));
    }
    if let Some(seconds) = status.seconds_left {
        text.push_str(&format!("time left: about {}\n", duration(seconds)));
    }
    text
}

fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round();
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else if minutes < 90.0 {
        format!("{minutes:.0} min")
    } else {
        format!("{:.1} h", minutes / 60.0)
    }
}
