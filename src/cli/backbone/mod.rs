//! `backbone`: the pretrained taggers, on their own. One file a subcommand.

use super::error::CommandResult;

mod choice;
mod embed;
mod inspect;
mod list;
mod pretrain;
mod pull;
mod tag;

/// Work with pretrained taggers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the taggers, where their weights are, and where they can be pulled from.
    List(list::Args),
    /// Fetch the weights of a tagger, and the names of its classes, into the cache.
    ///
    /// Goes on where an earlier call stopped. Proxies are those of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY,
    /// certificates those of the system or of SSL_CERT_FILE. docs/backbones.md says more.
    Pull(pull::Args),
    /// List the tensors of a checkpoint (.pth or .safetensors), without running anything of it.
    Inspect(inspect::Args),
    /// Print the most probable classes of a recording.
    Tag(tag::Args),
    /// Write the embeddings of recordings.
    Embed(embed::Args),
    /// Train a small tagger on mono sounds of your own, or on the built-in ones.
    ///
    /// Clips of 2 s are mixed from up to three sounds at random levels and times, in noise. Sounds that are held out, a
    /// quarter of each class, tell how well classes are told apart. The result is the backbone `small`.
    Pretrain(pretrain::Args),
}

pub(crate) fn run(command: Command) -> CommandResult {
    match command {
        Command::List(args) => list::run(&args),
        Command::Pull(args) => pull::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Tag(args) => tag::run(&args),
        Command::Embed(args) => embed::run(&args),
        Command::Pretrain(args) => pretrain::run(args),
    }
}
