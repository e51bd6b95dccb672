//! Shared behaviour of the loops of all activities: how they wait, and which errors do not end them.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::StepError;
use slipway_domain::Retry;
use slipway_store::StoreError;

/// Interval at which loops search for due runs without being woken. It finds runs whose pause has ended.
pub(crate) const POLL: Duration = Duration::from_secs(1);

/// A random number for jitter.
pub(crate) fn jitter() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}

/// Logs an error of the store, so that a loop continues. A store that fails now may soon work again, and an unreadable row
/// concerns only itself. Returns the error only if the store is being closed.
pub(crate) fn log_and_continue(error: StoreError) -> Result<(), StoreError> {
    if matches!(error, StoreError::Closing) {
        return Err(error);
    }
    metrics::counter!("slipway_store_errors_total").increment(1);
    tracing::error!(%error, "the store failed, and the operation is tried again: {error}");
    Ok(())
}

/// Processes one run or one delivery. A panic is a defect, and ends only this one.
pub(crate) async fn catch_panic<T>(work: impl Future<Output = Result<T, StepError>>) -> Result<T, StepError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        metrics::counter!("slipway_quarantined_total", "kind" => "panic").increment(1);
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the panic has no message");
        let reason = format!("a defect of Slipway, please report it: the step panicked: {text}");
        Err(StepError::Transient { retry: Retry::Never, reason })
    })
}
