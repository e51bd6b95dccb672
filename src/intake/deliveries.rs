//! Turns deliveries into runs. Each source has its own reader, so that a git server that does not answer delays no deliveries of
//! other sources.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Intake;
use super::command_queue::CommandQueue;
use super::identity::{NotOurs, RepositoryFilter};
use super::intent::{Intent, Read, intents_of};
use crate::context::{Remotes, Source, StepError, catch_panic, jitter, log_and_continue};
use crate::revisions::{Announced, pull_request};
use slipway_domain::{Contributor, Delivery, DeliveryState, PullRequest, Retry, SourceName, backoff, spoken};
use slipway_store::{DeliveryOutcome, StoreError, StoredDelivery};

/// Maximum number of deliveries in a batch. A burst of pushes costs one sync of the branch. All of a batch are in memory at once.
const TOGETHER: u32 = 256;
/// Pause after a batch. Deliveries that arrive meanwhile form the next batch. Senders wait until their deliveries are stored, and
/// most of the time no reader competes with that for the disk.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// Maximum number of pull requests of a source that are read at once.
const PULL_REQUESTS_AT_ONCE: usize = 8;

/// Fetches the heads of all pull requests in the batch with one exchange with the git server.
async fn fetch_heads(
    remotes: &Remotes,
    source: &Source,
    intents: &[Result<Intent, StepError>],
) -> pull_request::Fetched {
    let pull_requests = intents.iter().filter_map(|intent| match intent {
        Ok(Intent::PullRequest(pull_request)) => Some(&**pull_request),
        _ => None,
    });
    pull_request::fetch_together(remotes, source, pull_requests).await
}

impl Intake {
    /// Reads the deliveries of one source until `stop`.
    pub async fn read_deliveries(
        self: &Arc<Self>,
        name: &SourceName,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let Some(source) = self.context.settings.sources.get(name) else { return Ok(()) };
        let mut commands = CommandQueue::new(stop);
        while !stop.is_cancelled() {
            match Box::pin(self.read_some(name, source, &mut commands)).await {
                Ok(true) => {
                    tokio::select! {
                        Some(ended) = commands.ended() => commands.note(self, name, ended)?,
                        () = tokio::time::sleep(DEBOUNCE) => {}
                        () = stop.cancelled() => {}
                    }
                    continue;
                }
                Ok(false) => {}
                Err(error) => log_and_continue(error)?,
            }
            tokio::select! {
                Some(ended) = commands.ended() => commands.note(self, name, ended)?,
                () = source.arrived.notified() => {}
                () = stop.cancelled() => {}
            }
        }
        commands.release(self, name).await
    }

    /// Logs sources with waiting deliveries that this server does not serve, and owners of models that are not sources of this
    /// server. Such deliveries are left to other servers, because settings do not change everywhere at once.
    pub async fn warn_of_unserved_sources(&self) {
        for (environment, known) in &self.context.settings.environments {
            let foreign =
                known.owners().iter().filter(|(_, owner)| !self.context.settings.sources.contains_key(*owner));
            for (model, owner) in foreign {
                tracing::warn!(
                    %environment,
                    "`owners` assigns `{model}` to `{owner}`, which is not a source of this server"
                );
            }
        }
        let pending = match self.context.store.sources_with_pending_deliveries().await {
            Ok(pending) => pending,
            Err(error) => return tracing::warn!(%error, "the sources with waiting deliveries are not known: {error}"),
        };
        for name in pending {
            if !self.context.settings.sources.contains_key(&name) {
                tracing::warn!(
                    source = %name,
                    "deliveries of `{name}` wait, but this server does not serve this source"
                );
            }
        }
    }

    /// Reads a batch of the deliveries that wait longest. Returns whether there were any.
    #[tracing::instrument(skip_all, fields(source = %name))]
    async fn read_some(
        self: &Arc<Self>,
        name: &SourceName,
        source: &Source,
        commands: &mut CommandQueue,
    ) -> Result<bool, StoreError> {
        let due = self.context.store.due_deliveries(name, Timestamp::now(), TOGETHER).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let (due, read) = intents_of(source, due).await?;
        let (intents, contributors) = self.only_of_its_repository(name, source, read).await?;
        // Before the first acknowledgement, because the pusher is reported only once.
        self.context.store.record_contributors(name, &contributors).await?;
        let (mut pushes, mut without_effect, mut triggers) = (Vec::new(), Vec::new(), Vec::new());
        let fetched = fetch_heads(&self.context.remotes, source, &intents).await;
        let mut pull_requests = Vec::new();
        for (stored, intent) in due.iter().zip(intents) {
            match intent {
                Ok(Intent::Branch(announced)) => pushes.push((stored, announced)),
                Ok(Intent::PullRequest(pull_request)) => pull_requests.push((stored, pull_request)),
                Ok(Intent::Command(command)) => triggers.push((stored, command)),
                // Dead letters are logged one by one below. The many deliveries without an effect are only logged for debugging.
                Ok(Intent::Known(outcome)) if outcome.closed.is_empty() && outcome.state != DeliveryState::Dead => {
                    let DeliveryOutcome { state, note, .. } = *outcome;
                    tracing::debug!(delivery.id = stored.delivery.id, note, "{}: {note}", state.as_str());
                    without_effect.push((&*stored.delivery.id, state, note));
                }
                Ok(Intent::Known(outcome)) => {
                    // It may close a pull request that deliveries before it opened.
                    self.read_pull_requests(name, source, std::mem::take(&mut pull_requests), &fetched).await?;
                    self.acknowledge_or_requeue(stored, Ok(*outcome)).await?;
                }
                Err(error) => self.requeue_read(stored, &error).await?,
            }
        }
        self.read_pull_requests(name, source, pull_requests, &fetched).await?;
        commands.take_in(self, name, triggers).await?;
        if !without_effect.is_empty() {
            self.context.store.acknowledge_without_effect(name, &without_effect).await?;
            for (_, state, _) in &without_effect {
                metrics::counter!("slipway_deliveries_read_total", "state" => state.as_str()).increment(1);
            }
        }
        if !pushes.is_empty() {
            self.read_pushes(name, source, &pushes).await?;
        }
        Ok(true)
    }

    /// Handles deliveries of pull requests, several at once: each waits for the disk several times. Those of one pull request are
    /// handled in their order.
    async fn read_pull_requests(
        &self,
        name: &SourceName,
        source: &Source,
        deliveries: Vec<(&StoredDelivery, Box<PullRequest>)>,
        fetched: &pull_request::Fetched,
    ) -> Result<(), StoreError> {
        let mut by_number: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for delivery in deliveries {
            by_number.entry(delivery.1.number).or_default().push(delivery);
        }
        let mut reading = Vec::with_capacity(by_number.len());
        for deliveries in by_number.into_values() {
            reading.push(self.read_pull_request(name, source, deliveries, fetched).boxed());
        }
        futures_util::stream::iter(reading).buffer_unordered(PULL_REQUESTS_AT_ONCE).try_collect().await
    }

    async fn read_pull_request(
        &self,
        name: &SourceName,
        source: &Source,
        deliveries: Vec<(&StoredDelivery, Box<PullRequest>)>,
        fetched: &pull_request::Fetched,
    ) -> Result<(), StoreError> {
        for (stored, pull_request) in deliveries {
            let arrived = stored.delivery.received_at;
            let result = self.revisions.sync_pull_request(name, source, &pull_request, fetched, arrived);
            let result = Box::pin(catch_panic(result)).await;
            self.acknowledge_or_requeue(stored, result).await?;
        }
        Ok(())
    }

    /// Returns the intents of deliveries of the source's own repository. Other deliveries have no effect.
    async fn only_of_its_repository(
        &self,
        name: &SourceName,
        source: &Source,
        read: Vec<Read>,
    ) -> Result<(Vec<Result<Intent, StepError>>, Vec<Contributor>), StoreError> {
        let mut filter = RepositoryFilter::new(self, name, source);
        let mut intents = Vec::with_capacity(read.len());
        let mut all = Vec::new();
        for Read { about, intent, contributors } in read {
            let has_effect = match &intent {
                _ if !contributors.is_empty() => true,
                Ok(Intent::Known(outcome)) => !outcome.closed.is_empty(),
                Ok(_) => true,
                Err(_) => false,
            };
            let admitted = if has_effect { filter.admit(&about).await? } else { Ok(()) };
            intents.push(match admitted {
                Ok(()) => {
                    all.extend(contributors);
                    intent
                }
                Err(NotOurs { state, note }) => Ok(Intent::known(DeliveryOutcome::nothing(state, note))),
            });
        }
        Ok((intents, all))
    }

    /// Handles pushes of the served branch. They only report that it moved; its current tip decides the effect.
    async fn read_pushes(
        &self,
        name: &SourceName,
        source: &Source,
        pushes: &[(&StoredDelivery, Vec<Announced>)],
    ) -> Result<(), StoreError> {
        let deliveries: Vec<&Delivery> = pushes.iter().map(|(stored, _)| &stored.delivery).collect();
        let announced: Vec<Announced> = pushes.iter().flat_map(|(_, announced)| announced.clone()).collect();
        let arrived = deliveries.iter().map(|delivery| delivery.received_at).min().unwrap_or_else(Timestamp::now);
        let result = match Box::pin(catch_panic(self.revisions.sync_branch(name, source, &announced, arrived))).await {
            Ok(outcome) => self.acknowledge(&deliveries, &outcome).await.map_err(StepError::Store),
            Err(error) => Err(error),
        };
        match result {
            // Another server synced the branch first. The deliveries are still pending, and are read again at once.
            Ok(()) | Err(StepError::Store(StoreError::BranchMoved { .. })) => Ok(()),
            Err(StepError::Store(error)) if !error.is_of_one_row() => Err(error),
            Err(error) => {
                for (stored, _) in pushes {
                    self.requeue_read(stored, &error).await?;
                }
                Ok(())
            }
        }
    }

    pub(super) async fn acknowledge_or_requeue(
        &self,
        stored: &StoredDelivery,
        result: Result<DeliveryOutcome, StepError>,
    ) -> Result<(), StoreError> {
        let outcome = match result {
            Ok(outcome) => self.acknowledge(&[&stored.delivery], &outcome).await.map_err(StepError::Store),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(StepError::Store(error)) if !error.is_of_one_row() => Err(error),
            Err(error) => self.requeue_read(stored, &error).await,
        }
    }

    async fn acknowledge(&self, deliveries: &[&Delivery], outcome: &DeliveryOutcome) -> Result<(), StoreError> {
        let opened = self.context.store.acknowledge_deliveries(deliveries, outcome).await?;
        metrics::counter!("slipway_deliveries_read_total", "state" => outcome.state.as_str())
            .increment(deliveries.len() as u64);
        for delivery in deliveries {
            tracing::info!(
                delivery.id, source = %delivery.source, runs = opened.len(), note = outcome.note,
                "delivery {} read: {}", delivery.id, outcome.note
            );
        }
        if !opened.is_empty() || !outcome.closed.is_empty() || outcome.unjudged.is_some() {
            self.context.due.notify_one();
            if let Some(first) = deliveries.first() {
                self.context.notify_changed(&first.source);
            }
        }
        Ok(())
    }

    /// Requeues a delivery with backoff. It was acknowledged to its sender, so it is never given up because of a fault that may
    /// end, such as an unreachable server or a wrong login.
    async fn requeue_read(&self, stored: &StoredDelivery, error: &StepError) -> Result<(), StoreError> {
        let (retry, reason) = match error {
            StepError::Transient { retry, reason } => (*retry, reason.clone()),
            StepError::Refused { reason, .. }
            | StepError::Environment { reason }
            | StepError::Failed { reason }
            | StepError::TimedOut { reason }
            | StepError::Interrupted { reason } => (Retry::Backoff, reason.clone()),
            StepError::Store(error) => (Retry::Backoff, error.to_string()),
        };
        let attempt = u32::try_from(stored.attempts + 1).unwrap_or(u32::MAX);
        let pause = match retry {
            Retry::After(pause) => pause,
            Retry::Backoff | Retry::Never => backoff(attempt, jitter()),
        };
        let delivery = &stored.delivery;
        tracing::warn!(delivery.id, reason, "delivery {} is read again in {}: {reason}", delivery.id, spoken(pause));
        self.context.store.requeue_delivery(delivery, Timestamp::now() + pause, &reason).await
    }
}
