//! Keeps the lease of a trial alive, and notices when it is lost.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::ids::{Attempt, TrialId, WorkerId};
use crate::store::Store;

/// Extends a lease until it is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    task: JoinHandle<()>,
    lost: oneshot::Receiver<()>,
}

impl Heartbeat {
    /// Extends the lease three times in its length, so that one failure loses nothing.
    pub(super) fn start(
        store: Store,
        worker: WorkerId,
        trial: TrialId,
        attempt: Attempt,
        lease: Duration,
    ) -> Self {
        let (tell, lost) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(lease / 3).await;
                match store.extend_lease(trial, attempt, lease).await {
                    Err(error) if error.is_stale() => {
                        let _ = tell.send(());
                        return;
                    }
                    // The next beat may succeed; if none does, the lease ends and a later write is refused.
                    Err(error) => tracing::warn!(%trial, "cannot extend the lease: {error}"),
                    Ok(()) => {}
                }
                if let Err(error) = store.worker_seen(worker).await {
                    tracing::warn!(%worker, "cannot give a sign of life: {error}");
                }
            }
        });
        Self { task, lost }
    }

    /// Waits until the lease is lost; for ever if it is not.
    pub(super) async fn lost(&mut self) {
        if (&mut self.lost).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}
