//! `at2seld enqueue`: have an architecture of one's own tried in a stage.

use std::path::PathBuf;

use super::architecture_arg;
use super::error::CommandResult;
use super::store_args::{StoreArgs, block_on, failed, study};

/// Arguments of `enqueue`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Architecture document (JSON); `{"preset": "seldnet"}` is one
    #[arg(value_name = "ARCH.json")]
    architecture: PathBuf,
    /// Name of the study; the latest one when not given
    study: Option<String>,
    /// The stage; the first that has not ended when not given
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: Args) -> CommandResult {
    let architecture = architecture_arg::read(&args.architecture)?.to_value();
    block_on(async {
        let store = args.store.open().await?;
        let study = study(&store, args.study.as_deref()).await?;
        let stage = store.enqueue(&study, args.stage.as_deref(), &architecture).await.map_err(failed)?;
        eprintln!(
            "{} is tried next in stage \"{stage}\" of study \"{}\"",
            args.architecture.display(),
            study.name
        );
        Ok(())
    })
}
