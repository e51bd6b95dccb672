//! Retries a failed write to a store in place, so that the expensive work before it is not repeated.

use std::fmt::Display;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::context::jitter;
use slipway_artifacts::ArtifactError;
use slipway_domain::{Retry, backoff, spoken};
use slipway_store::StoreError;

/// Maximum number of attempts, which take about an hour. Then the caller repeats the work later.
const MAX_ATTEMPTS: u32 = 20;

/// An error that states whether a retry can help.
pub(crate) trait Retryable: Display {
    /// Whether a retry can help.
    fn retry(&self) -> Retry;
}

impl Retryable for ArtifactError {
    fn retry(&self) -> Retry {
        Self::retry(self)
    }
}

impl Retryable for StoreError {
    fn retry(&self) -> Retry {
        Self::retry(self)
    }
}

/// Repeats `attempt` until it succeeds, fails permanently, has failed for about an hour, or `cancel` fires. Returns the last
/// error.
pub(crate) async fn retry_transient<T, E, F>(cancel: &CancellationToken, attempt: impl Fn() -> F) -> Result<T, E>
where
    E: Retryable,
    F: Future<Output = Result<T, E>>,
{
    retry_with_backoff(cancel, attempt, |attempts| backoff(attempts, jitter())).await
}

async fn retry_with_backoff<T, E, F>(
    cancel: &CancellationToken,
    attempt: impl Fn() -> F,
    backoff: impl Fn(u32) -> Duration,
) -> Result<T, E>
where
    E: Retryable,
    F: Future<Output = Result<T, E>>,
{
    for number in 1.. {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if number == MAX_ATTEMPTS => return Err(error),
            Err(error) => error,
        };
        let pause = match error.retry() {
            Retry::Never => return Err(error),
            Retry::Backoff => backoff(number),
            Retry::After(pause) => pause,
        };
        tracing::warn!(%error, "the call is tried again in {}: {error}", spoken(pause));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return Err(error),
        }
    }
    unreachable!("the last attempt returns")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn at_once(_: u32) -> Duration {
        Duration::ZERO
    }

    fn outage() -> StoreError {
        StoreError::NotWritten { reason: "the disk is full".to_owned() }
    }

    #[tokio::test]
    async fn what_fails_for_a_while_is_tried_again_in_place() {
        let tried = Cell::new(0);
        let attempt = || {
            tried.set(tried.get() + 1);
            let ended = if tried.get() < 5 { Err(outage()) } else { Ok(tried.get()) };
            async move { ended }
        };
        assert_eq!(
            retry_with_backoff(&CancellationToken::new(), attempt, at_once).await.expect("it works in the end"),
            5
        );
    }

    #[tokio::test]
    async fn what_can_never_work_or_is_called_off_ends_at_once() {
        let tried = Cell::new(0);
        let count = |error: fn() -> StoreError| {
            tried.set(tried.get() + 1);
            let ended: Result<(), StoreError> = Err(error());
            async move { ended }
        };
        let refused = retry_with_backoff(&CancellationToken::new(), || count(|| StoreError::Closing), at_once).await;
        assert!(matches!(refused, Err(StoreError::Closing)), "{refused:?}");
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        retry_with_backoff(&cancelled, || count(outage), at_once).await.expect_err("it was called off");
        assert_eq!(tried.get(), 2);
        retry_with_backoff(&CancellationToken::new(), || count(outage), at_once).await.expect_err("not for ever");
        assert_eq!(tried.get(), 2 + MAX_ATTEMPTS);
    }
}
