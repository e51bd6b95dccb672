//! Garbage collection: removes data that need not be kept, and retries unreadable rows. No failure here stops the server.

use std::time::Duration;

use jiff::Timestamp;
use slipway_contract::{counted, counted_are};
use tokio_util::sync::CancellationToken;

use super::Reconciler;
use super::sweep::{ArtifactRetention, DeployedArtifacts, SweepError, Swept, remove_documents, sweep};
use slipway_store::{Removal, Removed, Retention, StoreError};

/// Retention, and the interval of garbage collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GarbageCollection {
    /// The interval.
    pub every: Duration,
    /// Retention in the store.
    pub store: Retention,
    /// Retention of artifacts.
    pub artifacts: ArtifactRetention,
}

impl Reconciler {
    /// Removes data that need not be kept, now and at each interval, until `stop`. Artifacts are removed from the second pass on,
    /// because the environments have been read by then.
    pub async fn collect_garbage(&self, keep: GarbageCollection, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut first = true;
        while !stop.is_cancelled() {
            match self.context.store.retry_all_quarantined().await {
                Ok(ended) if ended > 0 => {
                    tracing::info!(ended, "{} can be read again", counted(ended, "quarantined row"));
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "quarantined rows cannot be retried: {error}"),
            }
            match self.remove_rows(keep.store).await {
                Ok(removed) if !removed.is_empty() => {
                    let Removed { deliveries, reports, log_lines, runs, audit_entries, removed_runs: _ } = removed;
                    tracing::info!(deliveries, reports, log_lines, runs, audit_entries, "old entries were removed");
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "old entries cannot be removed; Slipway tries again: {error}"),
            }
            if !std::mem::take(&mut first) {
                match self.sweep(keep.artifacts).await {
                    Ok(swept) => log_swept(&swept),
                    Err(error) => tracing::error!(%error, "artifacts cannot be removed; Slipway tries again: {error}"),
                }
            }
            // This query also compacts the counters, in case nothing else reads them.
            if let Err(error) = self.context.store.runs_by_state().await {
                tracing::error!(%error, "runs cannot be counted; Slipway tries again: {error}");
            }
            tokio::select! {
                () = tokio::time::sleep(keep.every) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    async fn remove_rows(&self, keep: Retention) -> Result<Removed, SweepError> {
        let deployed = self.context.store.artifacts_deployed().await?;
        let removed = self.context.store.remove_old(Timestamp::now(), keep, &deployed, Removal::Done).await?;
        remove_documents(&*self.context.artifacts, &removed.removed_runs).await?;
        let Removed { deliveries, reports, log_lines, runs, audit_entries, removed_runs: _ } = &removed;
        let counted = [
            ("deliveries", deliveries),
            ("reports", reports),
            ("log_lines", log_lines),
            ("runs", runs),
            ("audit_entries", audit_entries),
        ];
        for (kind, count) in counted {
            metrics::counter!("slipway_removed_total", "kind" => kind).increment(*count);
        }
        Ok(removed)
    }

    async fn sweep(&self, keep: ArtifactRetention) -> Result<Swept, SweepError> {
        let deployed: DeployedArtifacts = self.all_deployed_artifacts().await?;
        let swept = sweep(&self.context.store, &*self.context.artifacts, keep, deployed, Removal::Done).await?;
        metrics::counter!("slipway_removed_total", "kind" => "artifacts").increment(swept.removed);
        Ok(swept)
    }
}

fn log_swept(swept: &Swept) {
    if let [other, ..] = &*swept.shared_with {
        tracing::warn!(
            "no artifact is removed, because the store {other} uses the same folder: if that store no longer exists, \
             remove the file `stores/{other}` from the folder"
        );
    } else if swept.removed + swept.restored + swept.purged > 0 {
        tracing::info!(?swept, "{} removed", counted_are(swept.removed, "unused artifact"));
    }
}
