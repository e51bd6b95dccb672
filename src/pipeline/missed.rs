//! Pushes that no delivery told of: a webhook that failed while the forge or this server was down. Every few minutes
//! each served branch is compared with what was dealt with, and what is missing is recorded as a delivery of our own.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::branch::Announced;
use super::worker::outlive;
use super::{Pipeline, Source, StepError, blocking};
use crate::domain::{CommitSha, Delivery, Intake, SourceName};
use crate::store::{BranchHead, StoreError};

/// Name of the event, which no forge uses.
pub(super) const EVENT: &str = "slipway.missed_push";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    branch: String,
    before: CommitSha,
    after: CommitSha,
}

/// What such a delivery means.
pub(super) fn read(body: &[u8]) -> Result<Announced, String> {
    let Body { before, after, .. } = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    Ok(Announced { before: Some(before), after })
}

impl Pipeline {
    /// Looks for missed pushes now and every `interval` until `stop`.
    pub async fn find_missed(&self, interval: Duration, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            for (name, source) in &self.settings.sources {
                if stop.is_cancelled() {
                    return Ok(());
                }
                match self.compare(name, source).await {
                    Ok(()) => {}
                    Err(StepError::Store(error)) => outlive(error)?,
                    Err(
                        StepError::Again { reason, .. } | StepError::Failed { reason } | StepError::TimedOut { reason },
                    ) => {
                        tracing::warn!(source = %name, reason, "`{name}` cannot be looked at: {reason}");
                    }
                    Err(StepError::Refused { reason, .. }) => tracing::warn!(source = %name, reason, "{reason}"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Compares a branch with what was dealt with. One that was never looked at is adopted as it is: what was there
    /// before Slipway was is nobody's push.
    async fn compare(&self, name: &SourceName, source: &Source) -> Result<(), StepError> {
        let branch = source.mirror.remote().branch().to_owned();
        let mirror = source.mirror.clone();
        let tip = blocking(move || mirror.fetch()).await?;
        let tip = match tip {
            Err(crate::git::GitError::BranchMissing { .. }) => return Ok(()),
            tip => tip?,
        };
        let Some(seen) = self.store.seen_branch(name, &branch).await? else {
            let head = BranchHead { source: name.clone(), branch, before: None, head: tip, adopted: true };
            return match self.store.adopt_branch(&head).await {
                Ok(()) | Err(StoreError::BranchMoved { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            };
        };
        // A delivery that waits may tell of it; it is read soon, or says itself why not.
        let waiting = self.store.due_deliveries(name, Timestamp::MAX, 1).await?;
        if seen.head == tip || !waiting.is_empty() {
            return Ok(());
        }
        let id = format!("missed-{}-{}-{}", seen.head.short(), tip.short(), seen.at.as_millisecond());
        let body = Body { branch, before: seen.head, after: tip.clone() };
        let delivery = Delivery {
            source: name.clone(),
            id,
            event: EVENT.to_owned(),
            headers: std::collections::BTreeMap::new(),
            body: serde_json::to_vec(&body).expect("texts"),
            received_at: Timestamp::now(),
        };
        if self.accept(&delivery).await? == Intake::Stored {
            metrics::counter!("slipway_missed_pushes_total").increment(1);
            tracing::warn!(source = %name, "no delivery told of {} on `{}`: found by looking", tip.short(), body.branch);
        }
        Ok(())
    }
}
