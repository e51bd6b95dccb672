//! The look at what is due: once a second for all sources together, however many there are. Whoever does the work sleeps until
//! then, or until something happens in this process.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Reconciler;
use crate::context::log_and_continue;
use slipway_domain::SourceName;
use slipway_store::StoreError;

/// How often the store is asked: for what was postponed, and for what other servers took in.
const POLL: Duration = Duration::from_secs(1);

impl Reconciler {
    /// Wakes whoever has something to do, until `stop`.
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
            // What one source left holds up no other.
            self.context.store.take_over_outbox(name, Timestamp::now()).await.map(drop).or_else(log_and_continue)?;
            self.context.wake_reporter(name);
        }
        Ok(())
    }
}
