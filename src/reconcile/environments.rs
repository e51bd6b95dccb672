//! Watches an environment: reads its new history, and resumes runs that waited for it to be fixed.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Reconciler;
use super::resume::LastChecks;
use crate::context::{StepError, jitter, log_and_continue};
use slipway_domain::{SourceName, with_jitter};
use slipway_store::StoreError;

impl Reconciler {
    /// Reads the new history of an environment, now and every `interval`, until `stop`.
    pub async fn watch_environment(
        &self,
        name: &SourceName,
        interval: Duration,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let mut last_checks = LastChecks::default();
        while !stop.is_cancelled() {
            let synced = tokio::select! {
                synced = self.sync_environment(name, &mut last_checks) => synced,
                () = stop.cancelled() => return Ok(()),
            };
            match synced {
                Ok(()) => {}
                Err(StepError::Store(error)) => log_and_continue(error)?,
                Err(error) => {
                    tracing::warn!(environment = %name, %error, "the environment `{name}` cannot be synced: {error}");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(with_jitter(interval, jitter())) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Reads the new history of an environment, and resumes the runs that it blocked.
    async fn sync_environment(&self, name: &SourceName, last_checks: &mut LastChecks) -> Result<(), StepError> {
        self.promotions.read_history(name, true).await?;
        self.resume_stalled(name, last_checks).await
    }
}
