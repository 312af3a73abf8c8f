//! `backbone inspect`: what a checkpoint holds.

use std::path::PathBuf;

use serde_json::{Value, json};
use tch::Kind;

use crate::backbone::checkpoint::Checkpoint;
use crate::backbone::registry::Network;
use crate::cli::error::{self, CommandResult};
use crate::cli::format::Format;
use crate::report::table::Table;

/// List the tensors of a checkpoint.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The checkpoint.
    file: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> CommandResult {
    let checkpoint = Checkpoint::read(&args.file).map_err(error::input)?;
    let mut table = Table::new(["name", "type", "shape"]);
    for (name, tensor) in &checkpoint.tensors {
        table.push([json!(name), json!(kind(tensor.kind())), json!(tensor.size())]);
    }
    let values: i64 = checkpoint.tensors.values().map(|tensor| tensor.numel() as i64).sum();
    let other = |(path, what): &(String, String)| json!({ "path": path, "value": what });
    let networks: Vec<&str> = Network::of(&checkpoint.tensors).into_iter().map(Network::name).collect();
    let document = json!({
        "layout": checkpoint.layout.name(),
        "networks": networks,
        "tensors": table.to_objects(),
        "values": values,
        "other": checkpoint.other.iter().map(other).collect::<Vec<Value>>(),
    });
    args.format.print(&document, &table)?;
    if args.format == Format::Table {
        eprintln!("{}: {} tensors, {values} values", checkpoint.layout.name(), checkpoint.tensors.len());
        if !networks.is_empty() {
            eprintln!("for the network {}", networks.join(", "));
        }
        for (path, what) in &checkpoint.other {
            eprintln!("besides: {path}: {what}");
        }
    }
    Ok(())
}

fn kind(kind: Kind) -> String {
    let name = match kind {
        Kind::Float => "float32",
        Kind::Double => "float64",
        Kind::Half => "float16",
        Kind::BFloat16 => "bfloat16",
        other => return format!("{other:?}").to_lowercase(),
    };
    name.to_owned()
}
