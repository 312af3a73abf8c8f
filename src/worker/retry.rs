//! Trying a store call again when what failed may pass.

use std::time::Duration;

use crate::store::StoreError;

/// Calls again up to this often; each has waited for the store's own time-out already.
const RETRIES: u32 = 5;

/// Calls `call` until it succeeds, fails for good, or has failed too often.
pub(super) async fn retry<T>(mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut pause = Duration::from_millis(200);
    for _ in 0..RETRIES {
        match call().await {
            Err(error) if error.is_transient() => tracing::warn!("{error}; trying again"),
            other => return other,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    call().await
}
