//! Wakes loops with due work: one query per second for all sources together, however many there are. The loops sleep until then,
//! or until an event in this process.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Reconciler;
use crate::context::log_and_continue;
use slipway_domain::SourceName;
use slipway_store::StoreError;

/// Interval of the query for postponed work, and for work that other servers stored.
const POLL: Duration = Duration::from_secs(1);

impl Reconciler {
    /// Wakes the loops with due work, until `stop`.
    pub async fn wake_due(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            self.wake_due_sources().await.or_else(log_and_continue)?;
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    async fn wake_due_sources(&self) -> Result<(), StoreError> {
        let due = self.context.store.due_sources(Timestamp::now()).await?;
        for name in &due.deliveries {
            self.context.wake(name);
        }
        for name in &due.reports {
            self.context.wake_reporter(name);
        }
        let served = |name: &&SourceName| self.context.settings.sources.contains_key(*name);
        for name in due.outbox.iter().filter(served) {
            // A failure for one source does not affect the others.
            self.context.store.take_over_outbox(name, Timestamp::now()).await.map(drop).or_else(log_and_continue)?;
            self.context.wake_reporter(name);
        }
        Ok(())
    }
}
