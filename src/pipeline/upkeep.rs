//! What is done from time to time: old deliveries are removed.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Pipeline;
use super::worker::outlive;
use crate::store::{Retention, StoreError};

/// How often it is done.
const INTERVAL: Duration = Duration::from_mins(15);

impl Pipeline {
    /// Removes what need not be kept, now and from time to time, until `stop`.
    pub async fn keep_up(&self, keep: Retention, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            match self.store.remove_old(Timestamp::now(), keep).await {
                Ok(removed) if removed.deliveries > 0 => {
                    tracing::info!(removed.deliveries, "{} old deliveries removed", removed.deliveries);
                }
                Ok(_) => {}
                Err(error) => outlive(error)?,
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }
}
