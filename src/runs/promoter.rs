//! The loops that process the promotions of an environment, many at a time.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Runs;
use super::worker::RunHandler;
use crate::context::{POLL, log_and_continue};
use slipway_domain::{Run, RunState, SourceName};
use slipway_store::{Lease, StoreError};

/// Maximum number of promotions that are processed together.
const MAX_BATCH: usize = 64;

/// Runs that were claimed together.
type Claimed = Result<Vec<(Run, Lease)>, StoreError>;

impl Runs {
    /// Checks the runs that wait for their promotion to an environment, until `stop`, and promotes those that no rule blocks any
    /// more.
    pub async fn watch_waiting(
        self: &Arc<Self>,
        environment: &SourceName,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        self.process_together(environment, RunState::Waiting, stop).await
    }

    /// Promotes the runs that are ready for an environment, until `stop`. Another loop checks waiting runs, so that reads of
    /// other repositories delay no promotion.
    pub async fn promote_runs(
        self: &Arc<Self>,
        environment: &SourceName,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        self.process_together(environment, RunState::Promoting, stop).await
    }

    /// Processes the due runs of an environment in a state, many at a time, so that their commits share a push. The slowest run
    /// does not delay later ones.
    async fn process_together(
        self: &Arc<Self>,
        environment: &SourceName,
        state: RunState,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let mut processed = FuturesUnordered::new();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut woken = Box::pin(self.context.promotable.notified());
        let mut is_claim_due = true;
        // A claim runs beside the processing and never instead of it: a run in progress may hold a resource that the claim waits
        // for.
        let mut claiming: Option<BoxFuture<'_, Claimed>> = None;
        loop {
            let room = MAX_BATCH - processed.len();
            if is_claim_due && claiming.is_none() && room > 0 && !stop.is_cancelled() {
                // Registered before the claim, so that no notification in between is lost.
                woken.set(self.context.promotable.notified());
                is_claim_due = false;
                let limit = u32::try_from(room).unwrap_or(u32::MAX);
                claiming = Some(self.context.store.claim_promotions(environment, state, self.claim(), limit).boxed());
            }
            let is_claiming = claiming.is_some();
            let claimed = async {
                match &mut claiming {
                    Some(claiming) => claiming.await,
                    None => std::future::pending().await,
                }
            };
            is_claim_due |= tokio::select! {
                claimed = claimed => {
                    claiming = None;
                    match claimed {
                        Ok(claimed) => processed.extend(claimed.into_iter().map(|(run, lease)| async move {
                            self.process(run, &lease, RunHandler::Promotion, stop).await
                        })),
                        Err(error) => log_and_continue(error)?,
                    }
                    false
                }
                Some(ended) = processed.next() => {
                    ended.or_else(log_and_continue)?;
                    // Other runs that ended at the same time, such as those of the same push, are handled before the next claim.
                    while let Some(Some(ended)) = processed.next().now_or_never() {
                        ended.or_else(log_and_continue)?;
                    }
                    processed.is_empty()
                }
                () = woken.as_mut() => {
                    // A notification that has fired stays ready. Without a new one, this loop would never wait.
                    woken.set(self.context.promotable.notified());
                    true
                }
                _ = poll.tick() => true,
                () = stop.cancelled(), if processed.is_empty() && !is_claiming => return Ok(()),
            };
        }
    }
}
