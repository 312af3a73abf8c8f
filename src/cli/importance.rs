//! `at2seld importance`: which parameters decided in the stages of a study.

use serde::Serialize;
use serde_json::Value;

use super::error::CommandResult;
use super::format::Format;
use super::store_args::{StoreArgs, block_on, failed, study};
use crate::report::table::Table;
use crate::search::{SearchSpace, importance};

/// Arguments of `importance`.
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

#[derive(Debug, Serialize)]
struct Row {
    stage: String,
    parameter: String,
    importance: f64,
    best: Value,
}

pub(crate) fn run(args: Args) -> CommandResult {
    block_on(async {
        let store = args.store.open().await?;
        let study = study(&store, args.study.as_deref()).await?;
        let name = format!("the space of study \"{}\"", study.name);
        let space = SearchSpace::from_document(&name, &study.space)?;
        let snapshot = store.snapshot(study.id).await.map_err(failed)?;
        let mut rows = Vec::new();
        for (spec, view) in space.stages.iter().zip(&snapshot.stages) {
            let found = importance::importance(spec, view);
            if found.is_empty() {
                eprintln!(
                    "stage \"{}\" has too few trials, or searches nothing, to say what mattered",
                    spec.name
                );
            }
            rows.extend(found.into_iter().map(|found| Row {
                stage: spec.name.clone(),
                parameter: found.parameter,
                importance: found.share,
                best: found.best,
            }));
        }
        args.format.print(&rows, &table(&rows))
    })
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(["stage", "parameter", "importance", "best"]);
    for row in rows {
        table.push::<Value>([
            row.stage.clone().into(),
            row.parameter.clone().into(),
            row.importance.into(),
            row.best.to_string().into(),
        ]);
    }
    table
}
