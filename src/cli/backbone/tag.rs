//! `backbone tag`: what a recording sounds like.

use std::path::PathBuf;

use serde_json::json;
use tch::Kind;

use super::choice::{Choice, heard};
use crate::cli::error::CommandResult;
use crate::cli::format::Format;
use crate::report::table::Table;

/// Print the most probable classes of a recording.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recording; of four channels (FOA) the first is heard, else the mean of all.
    wav: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// How many classes of each head.
    #[arg(long, value_name = "N", default_value_t = 3)]
    top: usize,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> CommandResult {
    let tagger = args.choice.load()?;
    let waveform = heard(&args.wav, tagger.as_ref())?;
    let mut table = Table::new(["head", "class", "probability"]);
    for (head, logits) in tagger.logits(&waveform)? {
        let mean = head.activation.apply(&logits).mean_dim([0, 1].as_slice(), false, Kind::Float);
        let probabilities: Vec<f32> = Vec::try_from(mean)?;
        let mut ranked: Vec<(f32, &String)> = probabilities.into_iter().zip(&head.classes).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (probability, class) in ranked.into_iter().take(args.top) {
            table.push([json!(head.name), json!(class), json!(probability)]);
        }
    }
    args.format.print(&table.to_objects(), &table)
}
