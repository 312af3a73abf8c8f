//! `export`: the best model of a study, or of one trial, as a folder to use elsewhere.

use std::path::PathBuf;

use super::error::{CommandResult, input};
use super::store_args::{StoreArgs, block_on, failed, study};
use crate::export;
use crate::ids::TrialId;
use crate::store::{Store, TrialDetails};

/// Export a trained model: TorchScript, weights, thresholds, model card
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the study; the latest when not given
    study: Option<String>,
    /// This trial, instead of the winner of the last finished stage
    #[arg(long, value_name = "ID", conflicts_with = "study")]
    trial: Option<i64>,
    /// Folder to create
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: Args) -> CommandResult {
    let trial = block_on(async {
        let store = args.store.open().await?;
        let id = match args.trial {
            Some(id) => TrialId(id),
            None => winner(&store, args.study.as_deref()).await?,
        };
        store.trial(id).await.map_err(failed)
    })?;
    let model = model_of(&trial).map_err(input)?;
    export::export(&model, &args.out).map_err(|error| match error {
        export::Error::Occupied(_) => input(error),
        error => error.into(),
    })?;
    eprintln!("exported trial {} to {}", trial.id, args.out.display());
    Ok(())
}

/// The winner of the last stage that has one.
async fn winner(store: &Store, name: Option<&str>) -> anyhow::Result<TrialId> {
    let study = study(store, name).await?;
    let snapshot = store.snapshot(study.id).await.map_err(failed)?;
    snapshot.winner().ok_or_else(|| {
        input(anyhow::anyhow!(
            "no stage of study \"{}\" is finished yet; name a complete trial with --trial ID",
            study.name
        ))
    })
}

fn model_of(trial: &TrialDetails) -> anyhow::Result<PathBuf> {
    let Some(model) = &trial.model else {
        anyhow::bail!("trial {} is {}: only a complete trial has a model to export", trial.id, trial.state);
    };
    if !model.is_dir() {
        anyhow::bail!("the model of trial {} is not at {} any more", trial.id, model.display());
    }
    Ok(model.clone())
}
