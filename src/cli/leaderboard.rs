//! `at2seld leaderboard`: trials by stage and rank, or the answer to a query.

use serde_json::Value;

use super::error::CommandResult;
use super::format::Format;
use super::store_args::{StoreArgs, block_on, failed, study};
use crate::report::table::Table;
use crate::store::LeaderboardRow;

/// Arguments of `leaderboard`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the study; the latest when not given
    study: Option<String>,
    /// Only this stage, and the reference rows: trials of a preset
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Only the best N complete trials of every stage
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Answer this SELECT over the views leaderboard, curves, parameters, stages and decisions instead
    #[arg(long, value_name = "QUERY", conflicts_with_all = ["stage", "top"])]
    sql: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: Args) -> CommandResult {
    block_on(async {
        let store = args.store.open().await?;
        if let Some(sql) = &args.sql {
            // The query names its studies itself; a name given beside it is checked all the same.
            if args.study.is_some() {
                study(&store, args.study.as_deref()).await?;
            }
            let answer = store.query(sql).await.map_err(failed)?;
            let table = Table { columns: answer.columns, rows: answer.rows };
            return args.format.print(&table.to_objects(), &table);
        }
        let study = study(&store, args.study.as_deref()).await?;
        let rows = store.leaderboard(&study, args.stage.as_deref(), args.top).await.map_err(failed)?;
        args.format.print(&rows, &table(&rows))
    })
}

/// Without the whole architecture, which would not fit a line; what was sampled says what is different.
fn table(rows: &[LeaderboardRow]) -> Table {
    let mut table = Table::new([
        "stage",
        "rank",
        "trial",
        "state",
        "seld",
        "er20",
        "f20",
        "le_cd",
        "lr_cd",
        "params",
        "macs",
        "seconds",
        "epochs",
        "parameters",
    ]);
    for row in rows {
        let sampled: Vec<String> =
            row.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        table.push::<Value>([
            row.stage.clone().into(),
            row.rank.into(),
            row.trial.0.into(),
            row.state.as_str().into(),
            row.seld.into(),
            row.er20.into(),
            row.f20.into(),
            row.le_cd.into(),
            row.lr_cd.into(),
            row.params.into(),
            row.macs.into(),
            row.seconds.into(),
            row.epochs.into(),
            sampled.join(" ").into(),
        ]);
    }
    table
}
