//! `backbone list`: which taggers there are.

use serde_json::json;

use crate::backbone::{pull, registry};
use crate::cli::error::{self, CommandResult};
use crate::cli::format::Format;
use crate::report::table::Table;

/// List the taggers and where their weights are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> CommandResult {
    let mut table = Table::new(["name", "summary", "licence", "file", "present", "pull"]);
    for entry in registry::entries().map_err(error::input)? {
        let path = entry.weights();
        table.push([
            json!(entry.name),
            json!(entry.summary),
            json!(entry.licence),
            json!(path.display().to_string()),
            json!(path.exists()),
            json!(entry.url.as_deref().map(pull::without_secrets)),
        ]);
    }
    args.format.print(&table.to_objects(), &table)
}
