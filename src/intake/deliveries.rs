//! Turns deliveries into runs. Each source has its own reader, so that a git server that does not answer delays no deliveries of
//! other sources.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::command_queue::{CommandQueue, CommandTrigger};
use super::identity::{About, NotOurs, RepositoryFilter};
use super::{Intake, missed_push};
use crate::commands::command;
use crate::context::{Remotes, Source, StepError, blocking, catch_panic, jitter, log_and_continue};
use crate::promotions::contributors;
use crate::revisions::{Announced, pull_request};
use slipway_domain::{
    Contributor, Delivery, DeliveryState, Event, EventKind, MergeGroupStep, PullRequest, PullRequestStep, Push,
    Reference, Retry, SourceName, backoff, spoken,
};
use slipway_forge::Forge;
use slipway_store::{DeliveryOutcome, StoreError, StoredDelivery};

/// Maximum number of deliveries in a batch. A burst of pushes costs one sync of the branch.
const TOGETHER: u32 = 512;
/// Pause after a batch. Deliveries that arrive meanwhile form the next batch. Senders wait until their deliveries are stored, and
/// most of the time no reader competes with that for the disk.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// Number of panics while reading a delivery after which it is dead-lettered for a person to inspect.
const MAX_PANICS: u64 = 3;

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

/// Content of a delivery: its repository, and its intent.
struct Read {
    about: About,
    intent: Result<Intent, StepError>,
    /// Contributors to the revisions that it reports.
    contributors: Vec<Contributor>,
}

/// Intent of a delivery.
enum Intent {
    /// A sync of the served branch.
    Branch(Vec<Announced>),
    /// A sync of a pull request.
    PullRequest(Box<PullRequest>),
    /// A command. It sends requests to the forge first, so it runs beside everything else.
    Command(CommandTrigger),
    /// An outcome that needs no further read.
    Known(DeliveryOutcome),
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
        for (stored, intent) in due.iter().zip(intents) {
            match intent {
                Ok(Intent::Branch(announced)) => pushes.push((stored, announced)),
                Ok(Intent::PullRequest(pull_request)) => {
                    let result = self.revisions.sync_pull_request(
                        name,
                        source,
                        &pull_request,
                        &fetched,
                        stored.delivery.received_at,
                    );
                    let result = Box::pin(catch_panic(result)).await;
                    self.acknowledge_or_requeue(stored, result).await?;
                }
                Ok(Intent::Command(command)) => triggers.push((stored, command)),
                // Dead letters are logged one by one below. The many deliveries without an effect are only logged for debugging.
                Ok(Intent::Known(outcome)) if outcome.closed.is_empty() && outcome.state != DeliveryState::Dead => {
                    let DeliveryOutcome { state, note, .. } = outcome;
                    tracing::debug!(delivery.id = stored.delivery.id, note, "{}: {note}", state.as_str());
                    without_effect.push((&*stored.delivery.id, state, note));
                }
                Ok(Intent::Known(outcome)) => self.acknowledge_or_requeue(stored, Ok(outcome)).await?,
                Err(error) => self.requeue_read(stored, &error).await?,
            }
        }
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
                Err(NotOurs { state, note }) => Ok(Intent::Known(DeliveryOutcome::nothing(state, note))),
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

/// Reads the intents of deliveries from their bodies alone. The bodies come from outside, so they are parsed on a separate
/// thread, and a panic there marks one delivery as poisoned instead of ending the reader. Returns the deliveries as well.
async fn intents_of(source: &Source, due: Vec<StoredDelivery>) -> Result<(Vec<StoredDelivery>, Vec<Read>), StoreError> {
    let (forge, branch) = (source.forge.clone(), source.mirror.remote().branch().to_owned());
    let kind = source.kind.as_str();
    let read = blocking(move || {
        let intent = |stored: &StoredDelivery| {
            let Delivery { event, body, .. } = &stored.delivery;
            let read = std::panic::AssertUnwindSafe(|| intent_of((kind, forge.as_ref()), &branch, event, body));
            std::panic::catch_unwind(read).unwrap_or_else(|_| Read {
                about: About::Repository(None),
                intent: poisoned(stored.attempts),
                contributors: Vec::new(),
            })
        };
        let intents = due.iter().map(intent).collect();
        (due, intents)
    });
    read.await.map_err(|_| StoreError::Closing)
}

/// A delivery whose reading panicked: it is read again a few times, then dead-lettered.
fn poisoned(attempts: u64) -> Result<Intent, StepError> {
    if attempts + 1 < MAX_PANICS {
        return Err(StepError::local("the delivery cannot be read", "a defect of Slipway"));
    }
    let note =
        format!("reading the delivery panicked {MAX_PANICS} times: this is a defect of Slipway, please report it");
    Ok(Intent::Known(DeliveryOutcome::nothing(DeliveryState::Dead, note)))
}

fn intent_of((kind, forge): (&str, &dyn Forge), served: &str, event: &str, body: &[u8]) -> Read {
    let dead = |reason: String| Intent::Known(DeliveryOutcome::nothing(DeliveryState::Dead, reason));
    let of_nobody = |about, intent| Read { about, intent: Ok(intent), contributors: Vec::new() };
    if event == missed_push::EVENT {
        let read = missed_push::read(body).map(|announced| Intent::Branch(vec![announced]));
        return of_nobody(About::Ourselves, read.unwrap_or_else(dead));
    }
    match forge.read(event, body) {
        Ok(events) => {
            // All events of a delivery belong to one repository.
            let repository = events.iter().find_map(|event| event.repository.clone());
            let contributors = contributors::contributors_of_events(kind, &events);
            let intent = Ok(intent_of_events(served, events));
            Read { about: About::Repository(repository), intent, contributors }
        }
        Err(error) => of_nobody(About::Repository(None), dead(error.to_string())),
    }
}

/// The intent of events, where `served` is the served branch. A delivery reports pushes, or one pull request. A few forges report
/// several references at once.
fn intent_of_events(served: &str, events: Vec<Event>) -> Intent {
    let mut announced = Vec::new();
    let mut notes = Vec::new();
    let mut closed = Vec::new();
    for Event { kind, sender, .. } in events {
        match kind {
            EventKind::Comment(comment) if command::parse(&comment.body).is_some() => {
                return Intent::Command(CommandTrigger::Comment(Box::new(comment)));
            }
            EventKind::CheckAction(action) => return Intent::Command(CommandTrigger::Button(Box::new(action), sender)),
            EventKind::MergeGroup(group) if group.step == MergeGroupStep::ChecksRequested => {
                return Intent::Command(CommandTrigger::Group(Box::new(group)));
            }
            EventKind::Push(push) => match of_push(served, push) {
                Ok(one) => announced.push(one),
                Err(note) => notes.push(note),
            },
            EventKind::PullRequest(pull_request) => match pull_request.step {
                PullRequestStep::Opened | PullRequestStep::Updated if announced.is_empty() => {
                    return Intent::PullRequest(Box::new(pull_request));
                }
                PullRequestStep::Opened | PullRequestStep::Updated => {}
                PullRequestStep::Closed | PullRequestStep::Merged => {
                    notes.push(format!("pull request {} is closed", pull_request.number));
                    closed.push(pull_request.number);
                }
            },
            EventKind::Ignored { reason } => notes.push(reason),
            kind => notes.push(format!("Slipway does not use the event `{}`", kind.as_str())),
        }
    }
    if !announced.is_empty() {
        return Intent::Branch(announced);
    }
    let state = if closed.is_empty() { DeliveryState::Ignored } else { DeliveryState::Done };
    Intent::Known(DeliveryOutcome { closed, ..DeliveryOutcome::nothing(state, notes.join("; ")) })
}

/// The push of the served branch, or the reason why the push has no effect.
fn of_push(served: &str, push: Push) -> Result<Announced, String> {
    let Push { reference, movement } = push;
    match (reference, movement.after()) {
        (Reference::Branch(branch), Some(after)) if branch == served => {
            Ok(Announced { before: movement.before().cloned(), after: after.clone(), found: false })
        }
        (Reference::Branch(branch), Some(_)) => Err(format!("the branch `{branch}` is not served, only `{served}`")),
        (Reference::Branch(branch), None) => Err(format!("the branch `{branch}` was deleted")),
        (Reference::Tag(tag), _) => Err(format!("`{tag}` is a tag, not a branch")),
    }
}

#[cfg(test)]
#[path = "deliveries_tests.rs"]
mod tests;
