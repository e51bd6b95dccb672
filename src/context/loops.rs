//! What the loops of all activities share: how they wait, and what does not end them.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::StepError;
use slipway_domain::Retry;
use slipway_store::StoreError;

/// How often runs are looked for without being woken: for those that wait for a pause to end.
pub(crate) const POLL: Duration = Duration::from_secs(1);

/// A number drawn at random.
pub(crate) fn jitter() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}

/// A store that fails now may work again in a moment, and a row that cannot be read concerns nobody else: the loops go on.
/// Only a store that is being closed ends them.
pub(crate) fn log_and_continue(error: StoreError) -> Result<(), StoreError> {
    if matches!(error, StoreError::Closing) {
        return Err(error);
    }
    metrics::counter!("slipway_store_errors_total").increment(1);
    tracing::error!(%error, "the store failed, and is tried again: {error}");
    Ok(())
}

/// Does work on one run or one delivery. A panic in it is a defect that stops this one alone.
pub(crate) async fn catch_panic<T>(work: impl Future<Output = Result<T, StepError>>) -> Result<T, StepError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        metrics::counter!("slipway_quarantined_total", "kind" => "panic").increment(1);
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it said nothing");
        let reason = format!("a defect of Slipway, please report it: the step panicked: {text}");
        Err(StepError::Transient { retry: Retry::Never, reason })
    })
}
