//! `at2seld report`: a study as one page.

use std::path::PathBuf;

use super::error::{self, CommandResult};
use super::store_args::{StoreArgs, block_on, failed, study};
use crate::report::study::{Findings, LISTED, write};
use crate::search::SearchSpace;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the study; the latest when not given
    study: Option<String>,
    /// The page, an HTML file that needs no other
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: Args) -> CommandResult {
    let is_html = args.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html"));
    if !is_html {
        return Err(error::input(anyhow::anyhow!(
            "--out {}: the page is written as .html",
            args.out.display()
        )));
    }
    block_on(async {
        let store = args.store.open().await?;
        let study = study(&store, args.study.as_deref()).await?;
        let name = format!("the space of study \"{}\"", study.name);
        let findings = Findings {
            space: &SearchSpace::from_document(&name, &study.space)?,
            status: &store.status(&study).await.map_err(failed)?,
            snapshot: &store.snapshot(study.id).await.map_err(failed)?,
            leaderboard: &store.leaderboard(&study, None, Some(LISTED)).await.map_err(failed)?,
            study: &study,
        };
        write(&args.out, &findings)?;
        eprintln!("study {}: {}", study.name, args.out.display());
        Ok(())
    })
}
