//! The flags that name a store and a study, and what a failing store means for the exit code.

use super::error;
use crate::store::{Store, StoreError, Study};

/// Used when neither --store nor AT2SELD_STORE says otherwise.
pub(crate) const DEFAULT_STORE: &str = "sqlite:at2seld.db";

/// Where studies are kept.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StoreArgs {
    /// Where studies are kept: sqlite:PATH
    #[arg(long, value_name = "URL", env = "AT2SELD_STORE", default_value = DEFAULT_STORE)]
    pub(crate) store: String,
}

impl StoreArgs {
    /// Opens the store, which must exist.
    pub(crate) async fn open(&self) -> anyhow::Result<Store> {
        Store::open_existing(&self.store).await.map_err(failed)
    }
}

/// The study with this name, or the latest.
pub(crate) async fn study(store: &Store, name: Option<&str>) -> anyhow::Result<Study> {
    match name {
        Some(name) => store.study(name).await.map_err(failed),
        None => store.latest_study().await.map_err(failed),
    }
}

/// Exit code 2 when what the user gave is at fault, else 1.
pub(crate) fn failed(error: StoreError) -> anyhow::Error {
    if error.is_input() { error::input(error) } else { error.into() }
}

/// Runs a command that waits for a store.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}
