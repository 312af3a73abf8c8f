//! `backbone`: the pretrained taggers, on their own.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::backbone_pretrain;
use super::error::{self, CommandResult};
use super::format::Format;
use super::recording::{self, Recording};
use crate::backbone::checkpoint::Checkpoint;
use crate::backbone::{Resampler, Tagger, registry};
use crate::report::table::Table;

/// Work with pretrained taggers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the taggers and where their weights are.
    List(List),
    /// List the tensors of a checkpoint (.pth or .safetensors), without running anything of it.
    Inspect(Inspect),
    /// Print the most probable classes of a recording.
    Tag(Tag),
    /// Write the embeddings of recordings.
    Embed(Embed),
    /// Train a small tagger on mono sounds of your own, or on the built-in ones.
    ///
    /// Clips of 2 s are mixed from up to three sounds at random levels and times, in noise. Sounds that are held out, a
    /// quarter of each class, tell how well classes are told apart. The result is the backbone `small`.
    Pretrain(backbone_pretrain::Args),
}

/// List the taggers and where their weights are.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// List the tensors of a checkpoint.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// The checkpoint.
    file: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Which tagger.
#[derive(Debug, clap::Args)]
struct Choice {
    /// Name of the tagger.
    #[arg(long, value_name = "NAME", default_value = "aisfx")]
    backbone: String,
    /// Its weights; by default the file that `backbone list` names.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// Print the most probable classes of a recording.
#[derive(Debug, clap::Args)]
pub(crate) struct Tag {
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

/// Write the embeddings of recordings.
#[derive(Debug, clap::Args)]
pub(crate) struct Embed {
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

pub(crate) fn run(command: Command) -> CommandResult {
    match command {
        Command::List(args) => list(args),
        Command::Inspect(args) => inspect(&args),
        Command::Tag(args) => tag(&args),
        Command::Embed(args) => embed(&args),
        Command::Pretrain(args) => backbone_pretrain::run(args),
    }
}

fn list(args: List) -> CommandResult {
    let mut table = Table::new(["name", "summary", "licence", "weights", "present"]);
    for entry in registry::entries() {
        let path = registry::default_weights(entry.name)?;
        let present = path.exists();
        let place = path.display().to_string();
        table.push([
            json!(entry.name),
            json!(entry.summary),
            json!(entry.licence),
            json!(place),
            json!(present),
        ]);
    }
    args.format.print(&table.to_objects(), &table)
}

fn inspect(args: &Inspect) -> CommandResult {
    let checkpoint = Checkpoint::read(&args.file).map_err(error::input)?;
    let mut table = Table::new(["name", "type", "shape"]);
    for (name, tensor) in &checkpoint.tensors {
        table.push([json!(name), json!(kind(tensor.kind())), json!(tensor.size())]);
    }
    let values: i64 = checkpoint.tensors.values().map(|tensor| tensor.numel() as i64).sum();
    let other = |(path, what): &(String, String)| json!({ "path": path, "value": what });
    let document = json!({
        "layout": checkpoint.layout.name(),
        "tensors": table.to_objects(),
        "values": values,
        "other": checkpoint.other.iter().map(other).collect::<Vec<Value>>(),
    });
    args.format.print(&document, &table)?;
    if args.format == Format::Table {
        eprintln!("{}: {} tensors, {values} values", checkpoint.layout.name(), checkpoint.tensors.len());
        for (path, what) in &checkpoint.other {
            eprintln!("besides: {path}: {what}");
        }
    }
    Ok(())
}

fn tag(args: &Tag) -> CommandResult {
    let tagger = load(&args.choice)?;
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

fn embed(args: &Embed) -> CommandResult {
    let tagger = load(&args.choice)?;
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

fn load(choice: &Choice) -> anyhow::Result<Box<dyn Tagger>> {
    registry::load(&choice.backbone, choice.weights.as_deref(), Device::Cpu, None).map_err(error::input)
}

/// A recording as the tagger wants it: one channel `[1, S]` at its sample rate.
fn heard(wav: &Path, tagger: &dyn Tagger) -> anyhow::Result<Tensor> {
    let recording = Recording::read(wav)?;
    let waveform = recording.omni(Device::Cpu)?;
    let resampler = Resampler::new(recording.sample_rate(), tagger.sample_rate(), Device::Cpu);
    Ok(resampler.map_err(error::input)?.forward(&waveform))
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
