//! The loops that carry the promotions of an environment, many at a time.

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

/// Promotions that are carried together.
const MAX_BATCH: usize = 64;

/// Runs that were claimed together.
type Claimed = Result<Vec<(Run, Lease)>, StoreError>;

impl Runs {
    /// Looks at the runs that wait for their promotion to an environment, until `stop`, and promotes those that nothing holds
    /// back any more.
    pub async fn watch_waiting(
        self: &Arc<Self>,
        environment: &SourceName,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        self.process_together(environment, RunState::Waiting, stop).await
    }

    /// Promotes what is to be promoted to an environment, until `stop`. What waits is looked at elsewhere: a look at other
    /// repositories holds up no promotion.
    pub async fn promote_runs(
        self: &Arc<Self>,
        environment: &SourceName,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        self.process_together(environment, RunState::Promoting, stop).await
    }

    /// Carries the runs of an environment that are due in a state, many at a time, so that their commits share a push. The
    /// slowest of them holds up none that come later.
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
        // Claimed beside carrying, never instead of it: what is carried may hold what the claim waits for.
        let mut claiming: Option<BoxFuture<'_, Claimed>> = None;
        loop {
            let room = MAX_BATCH - processed.len();
            if is_claim_due && claiming.is_none() && room > 0 && !stop.is_cancelled() {
                // Waiting begins before looking, so that nobody is missed who wakes in between.
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
                    // Others that ended with it, as those that shared its push, are taken in before more is claimed.
                    while let Some(Some(ended)) = processed.next().now_or_never() {
                        ended.or_else(log_and_continue)?;
                    }
                    processed.is_empty()
                }
                () = woken.as_mut() => {
                    // One that was woken is ready for ever: asked again, it would keep this loop from ever waiting.
                    woken.set(self.context.promotable.notified());
                    true
                }
                _ = poll.tick() => true,
                () = stop.cancelled(), if processed.is_empty() && !is_claiming => return Ok(()),
            };
        }
    }
}
