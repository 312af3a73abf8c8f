//! `backbone list`: which taggers there are.

use serde_json::json;

use crate::backbone::registry::{self, Entry};
use crate::backbone::{Error, pull};
use crate::cli::error::{self, CommandResult};
use crate::cli::format::Format;
use crate::report::table::Table;

/// List the taggers and where their weights are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// List the taps of this tagger instead: the spectrogram, and the output of every block
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> CommandResult {
    let table = match &args.name {
        Some(name) => taps(registry::find(name).map_err(error::input)?),
        None => taggers().map_err(error::input)?,
    };
    args.format.print(&table.to_objects(), &table)
}

fn taggers() -> Result<Table, Error> {
    let columns =
        ["name", "summary", "licence", "blocks", "parameters", "macs_per_second", "file", "present", "pull"];
    let mut table = Table::new(columns);
    for entry in registry::entries()? {
        let path = entry.weights();
        let network = entry.network.plan();
        table.push([
            json!(entry.name),
            json!(entry.summary),
            json!(entry.licence),
            json!(network.blocks.len()),
            json!(network.parameters()),
            json!(network.macs_per_second().round() as u64),
            json!(path.display().to_string()),
            json!(path.exists()),
            json!(entry.url.as_deref().map(pull::without_secrets)),
        ]);
    }
    Ok(table)
}

fn taps(entry: &Entry) -> Table {
    let mut table = Table::new(["block", "tap", "channels", "bands", "hop_s", "first_s"]);
    for (block, tap) in entry.network.plan().taps().into_iter().enumerate() {
        table.push([
            json!(block),
            json!(tap.name),
            json!(tap.channels),
            json!(tap.bands),
            json!(tap.hop_s),
            json!(tap.first_s),
        ]);
    }
    table
}
