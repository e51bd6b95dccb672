//! Finds deliveries that never arrived, because a webhook failed while the forge or this server was down. Every few minutes, a
//! forge that keeps a list is queried for undelivered ones, and each served branch is compared with its last synced commit. A
//! push that no delivery reported is recorded as a delivery of Slipway.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Reconciler;
use super::first_runs::AnnouncedModels;
use crate::context::{Source, StepError, jitter, log_and_continue};
use crate::intake::missed_push;
use slipway_domain::{CommitSha, Delivery, Receipt, SourceName, with_jitter};
use slipway_forge::Undelivered;
use slipway_store::{BranchHead, StoreError};

/// Time for which GitHub keeps its list of deliveries.
const LISTED: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Overlap of a query with the one before, because an attempt is listed only once it has ended.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

impl Reconciler {
    /// Searches for missed pushes of a source, now and every `interval`, until `stop`.
    pub async fn reconcile(
        &self,
        name: &SourceName,
        interval: Duration,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let Some(source) = self.context.settings.sources.get(name) else { return Ok(()) };
        // The time up to which this process has read the whole list of the forge.
        let mut listed: Option<Timestamp> = None;
        let mut is_first = true;
        let mut announced_models = AnnouncedModels::default();
        while !stop.is_cancelled() {
            let reconciled = async {
                let began = Timestamp::now();
                let since = listed.map_or(began - LISTED, |read| read - OVERLAP);
                if self.fetch_undelivered(name, source, since).await? {
                    listed = Some(began);
                }
                // Nothing is read from another repository with the source's name.
                if self.intake.sync_repository(name, source, is_first).await?
                    && let Some(tip) = self.compare(name, source).await?
                {
                    self.announce_first_runs(name, source, &tip, &mut announced_models).await?;
                }
                Ok(())
            };
            let reconciled = tokio::select! {
                reconciled = reconciled => reconciled,
                () = stop.cancelled() => return Ok(()),
            };
            match reconciled {
                Ok(()) => {}
                Err(StepError::Store(error)) => log_and_continue(error)?,
                Err(error) => {
                    let reason = error.to_string();
                    tracing::warn!(source = %name, reason, "the source `{name}` cannot be reconciled: {reason}");
                }
            }
            is_first = false;
            tokio::select! {
                () = tokio::time::sleep(with_jitter(interval, jitter())) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Accepts the deliveries that the forge has sent in vain since a time. Returns whether these are all. If the forge cannot be
    /// queried now, the next pass queries it again.
    async fn fetch_undelivered(&self, name: &SourceName, source: &Source, since: Timestamp) -> Result<bool, StepError> {
        let Some(api) = &source.api else { return Ok(true) };
        let undelivered = match api.undelivered(since).await {
            Ok(undelivered) => undelivered,
            Err(error) => {
                tracing::warn!(source = %name, %error, "the failed deliveries of `{name}` cannot be listed: {error}");
                return Ok(false);
            }
        };
        for Undelivered { attempt, id, event } in undelivered {
            // An earlier pass found it, or it arrived in another way.
            if self.context.store.delivery(name, &id).await.is_ok() {
                continue;
            }
            let body = match api.undelivered_payload(attempt).await {
                Ok(Some(body)) => body,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!(source = %name, delivery.id = id, %error, "delivery {id} cannot be fetched: {error}");
                    return Ok(false);
                }
            };
            let (headers, received_at) = (BTreeMap::new(), Timestamp::now());
            let delivery = Delivery { source: name.clone(), id, event, headers, body, received_at };
            if self.intake.accept(&delivery).await? == Receipt::Stored {
                metrics::counter!("slipway_deliveries_recovered_total").increment(1);
                tracing::warn!(source = %name, delivery.id, "the failed delivery {} was fetched", delivery.id);
            }
        }
        Ok(true)
    }

    /// Compares a branch with its last synced commit. A branch that was never synced is adopted as it is: its older commits are
    /// not a push. Returns the branch's tip if all of it was synced.
    async fn compare(&self, name: &SourceName, source: &Source) -> Result<Option<CommitSha>, StepError> {
        let branch = source.mirror.remote().branch().to_owned();
        let tip = match self.context.remotes.fetch(&source.mirror).await? {
            Err(slipway_git::GitError::BranchMissing { .. }) => return Ok(None),
            tip => tip?,
        };
        let Some(seen) = self.context.store.seen_branch(name, &branch).await? else {
            let head = BranchHead { source: name.clone(), branch, before: None, head: tip.clone(), adopted: true };
            return match self.context.store.adopt_branch(&head).await {
                Ok(()) => Ok(Some(tip)),
                Err(StoreError::BranchMoved { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            };
        };
        // A waiting delivery may report the push. It is read soon, or reports its own error.
        let waiting = self.context.store.due_deliveries(name, Timestamp::MAX, 1).await?;
        if !waiting.is_empty() {
            return Ok(None);
        }
        if seen.head == tip {
            return Ok(Some(tip));
        }
        let id = format!("missed-{}-{}-{}", seen.head.short(), tip.short(), seen.at.as_millisecond());
        let delivery = Delivery {
            source: name.clone(),
            id,
            event: missed_push::EVENT.to_owned(),
            headers: BTreeMap::new(),
            body: missed_push::body(&branch, &seen.head, &tip),
            received_at: Timestamp::now(),
        };
        if self.intake.accept(&delivery).await? == Receipt::Stored {
            metrics::counter!("slipway_pushes_recovered_total").increment(1);
            tracing::warn!(
                source = %name,
                "no delivery reported {} on `{}`; reconciliation found it", tip.short(), branch
            );
        }
        Ok(None)
    }
}
