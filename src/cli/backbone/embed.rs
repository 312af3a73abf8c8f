//! `backbone embed`: what a tagger makes of recordings, as tensors in a file.

use std::path::PathBuf;

use serde_json::json;

use super::choice::{Choice, heard};
use crate::cli::error::CommandResult;
use crate::cli::format::Format;
use crate::cli::recording;
use crate::report::table::Table;

/// Write the embeddings of recordings.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recordings.
    #[arg(required = true)]
    wav: Vec<PathBuf>,
    #[command(flatten)]
    choice: Choice,
    /// Where to write: safetensors, a tensor [blocks, features] for each recording.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> CommandResult {
    let tagger = args.choice.load()?;
    let mut table = Table::new(["recording", "blocks", "features"]);
    let mut tensors = Vec::new();
    for wav in &args.wav {
        let embedding = tagger.embed(&heard(wav, tagger.as_ref())?)?.squeeze_dim(0).contiguous();
        let name = wav.display().to_string();
        table.push([json!(name), json!(embedding.size()[0]), json!(embedding.size()[1])]);
        tensors.push((name, embedding));
    }
    recording::write_tensors(&args.out, &tensors)?;
    args.format.print(&table.to_objects(), &table)
}
