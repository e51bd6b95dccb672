//! From deliveries to runs. Each source has a reader of its own, so that a git server that does not answer holds up
//! nobody else's deliveries.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::branch::Announced;
use super::commands::{Asked, Commands};
use super::identity::{About, Gate, NotOurs};
use super::remotes::Remotes;
use super::worker::{chance, guarded, outlive};
use super::{Pipeline, Source, StepError, blocking, change, command, contributors, missed};
use slipway_domain::{
    Change, ChangeStep, Contributor, Delivery, DeliveryState, Event, EventKind, MergeGroupStep, Push, Reference, Retry,
    SourceName, pause_before, spoken,
};
use slipway_forge::Forge;
use slipway_store::{Settled, StoreError, StoredDelivery};

/// Deliveries that are read together: a burst of pushes costs one look at the branch.
const TOGETHER: u32 = 512;
/// Pause after deliveries were read. Those that arrive meanwhile are read together, and taking them in, which their
/// senders wait for, has the disk to itself for most of the time.
const BREATH: Duration = Duration::from_millis(50);
/// Readings that may end in a panic before a delivery is put away for a person to look at.
const MOST_PANICS: u64 = 3;

/// Fetches the heads of all changes that deliveries ask to look at: many cost one exchange with the git server.
async fn fetch_heads(remotes: &Remotes, source: &Source, meanings: &[Result<Meaning, StepError>]) -> change::Fetched {
    let changes = meanings.iter().filter_map(|meaning| match meaning {
        Ok(Meaning::Change(change)) => Some(&**change),
        _ => None,
    });
    change::fetch_together(remotes, source, changes).await
}

/// What a delivery says: of which repository, and what it asks for.
struct Read {
    about: About,
    meaning: Result<Meaning, StepError>,
    /// Who had a hand in the revisions that it tells of.
    contributors: Vec<Contributor>,
}

/// What a delivery asks for.
enum Meaning {
    /// A look at the served branch.
    Branch(Vec<Announced>),
    /// A look at a change.
    Change(Box<Change>),
    /// What the forge is asked about first, so that it is done beside everything else.
    Command(Asked),
    /// What is known without looking anywhere.
    Known(Settled),
}

impl Pipeline {
    /// Reads the deliveries of one source until `stop`.
    pub async fn read_deliveries(
        self: &Arc<Self>,
        name: &SourceName,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let Some(source) = self.settings.sources.get(name) else { return Ok(()) };
        let mut commands = Commands::new(stop);
        while !stop.is_cancelled() {
            match Box::pin(self.read_some(name, source, &mut commands)).await {
                Ok(true) => {
                    tokio::select! {
                        Some(ended) = commands.ended() => commands.note(self, name, ended)?,
                        () = tokio::time::sleep(BREATH) => {}
                        () = stop.cancelled() => {}
                    }
                    continue;
                }
                Ok(false) => {}
                Err(error) => outlive(error)?,
            }
            tokio::select! {
                Some(ended) = commands.ended() => commands.note(self, name, ended)?,
                () = source.arrived.notified() => {}
                () = stop.cancelled() => {}
            }
        }
        commands.give_back(self, name).await
    }

    /// Says of which sources deliveries wait that this server does not serve. They are left to servers that do: settings are
    /// not changed everywhere at once.
    pub async fn tell_of_sources_that_are_not_served(&self) {
        for (environment, known) in &self.settings.environments {
            let foreign = known.owners().iter().filter(|(_, owner)| !self.settings.sources.contains_key(*owner));
            for (model, owner) in foreign {
                tracing::warn!(%environment, "`owners` gives `{model}` to `{owner}`, which is no source of this server");
            }
        }
        let pending = match self.store.sources_with_pending_deliveries().await {
            Ok(pending) => pending,
            Err(error) => return tracing::warn!(%error, "which deliveries wait is not known: {error}"),
        };
        for name in pending {
            if !self.settings.sources.contains_key(&name) {
                tracing::warn!(source = %name, "deliveries of `{name}` wait, and this server does not serve it");
            }
        }
    }

    /// Reads the deliveries that wait longest. Answers whether there were some.
    #[tracing::instrument(skip_all, fields(source = %name))]
    async fn read_some(
        self: &Arc<Self>,
        name: &SourceName,
        source: &Source,
        commands: &mut Commands,
    ) -> Result<bool, StoreError> {
        let due = self.store.due_deliveries(name, Timestamp::now(), TOGETHER).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let (due, read) = meanings_of(source, due).await?;
        let (meanings, contributors) = self.only_of_its_repository(name, source, read).await?;
        // Before anything is settled: who pushed is told once.
        self.store.note_contributors(name, &contributors).await?;
        let (mut pushes, mut without_effect, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        let fetched = fetch_heads(&self.remotes, source, &meanings).await;
        for (stored, meaning) in due.iter().zip(meanings) {
            match meaning {
                Ok(Meaning::Branch(announced)) => pushes.push((stored, announced)),
                Ok(Meaning::Change(change)) => {
                    let looked = self.look_at_change(name, source, &change, &fetched, stored.delivery.received_at);
                    let looked = Box::pin(guarded(looked)).await;
                    self.settle_or_postpone(stored, looked).await?;
                }
                Ok(Meaning::Command(command)) => asked.push((stored, command)),
                // Those that cannot be read are told of one by one; the many that ask for nothing are not.
                Ok(Meaning::Known(settled)) if settled.closed.is_empty() && settled.state != DeliveryState::Dead => {
                    let Settled { state, note, .. } = settled;
                    tracing::debug!(delivery.id = stored.delivery.id, note, "{}: {note}", state.as_str());
                    without_effect.push((&*stored.delivery.id, state, note));
                }
                Ok(Meaning::Known(settled)) => self.settle_or_postpone(stored, Ok(settled)).await?,
                Err(error) => self.postpone(stored, &error).await?,
            }
        }
        commands.take_in(self, name, asked).await?;
        if !without_effect.is_empty() {
            self.store.settle_without_effect(name, &without_effect).await?;
            for (_, state, _) in &without_effect {
                metrics::counter!("slipway_deliveries_read_total", "state" => state.as_str()).increment(1);
            }
        }
        if !pushes.is_empty() {
            self.read_pushes(name, source, &pushes).await?;
        }
        Ok(true)
    }

    /// What is asked for by deliveries of the source's own repository. What others ask for has no effect.
    async fn only_of_its_repository(
        &self,
        name: &SourceName,
        source: &Source,
        read: Vec<Read>,
    ) -> Result<(Vec<Result<Meaning, StepError>>, Vec<Contributor>), StoreError> {
        let mut gate = Gate::new(self, name, source);
        let mut meanings = Vec::with_capacity(read.len());
        let mut all = Vec::new();
        for Read { about, meaning, contributors } in read {
            let has_effect = match &meaning {
                _ if !contributors.is_empty() => true,
                Ok(Meaning::Known(settled)) => !settled.closed.is_empty(),
                Ok(_) => true,
                Err(_) => false,
            };
            let admitted = if has_effect { gate.admit(&about).await? } else { Ok(()) };
            meanings.push(match admitted {
                Ok(()) => {
                    all.extend(contributors);
                    meaning
                }
                Err(NotOurs { state, note }) => Ok(Meaning::Known(Settled::nothing(state, note))),
            });
        }
        Ok((meanings, all))
    }

    /// Pushes of the served branch only say that something moved: what follows is decided by where the branch is now.
    async fn read_pushes(
        &self,
        name: &SourceName,
        source: &Source,
        pushes: &[(&StoredDelivery, Vec<Announced>)],
    ) -> Result<(), StoreError> {
        let deliveries: Vec<&Delivery> = pushes.iter().map(|(stored, _)| &stored.delivery).collect();
        let announced: Vec<Announced> = pushes.iter().flat_map(|(_, announced)| announced.clone()).collect();
        let arrived = deliveries.iter().map(|delivery| delivery.received_at).min().unwrap_or_else(Timestamp::now);
        let looked = match Box::pin(guarded(self.look_at_branch(name, source, &announced, arrived))).await {
            Ok(settled) => self.settle(&deliveries, &settled).await.map_err(StepError::Store),
            Err(error) => Err(error),
        };
        match looked {
            // If another server dealt with the branch, the deliveries are still pending, and are read again at once.
            Ok(()) | Err(StepError::Store(StoreError::BranchMoved { .. })) => Ok(()),
            Err(StepError::Store(error)) if !error.is_of_one_row() => Err(error),
            Err(error) => {
                for (stored, _) in pushes {
                    self.postpone(stored, &error).await?;
                }
                Ok(())
            }
        }
    }

    pub(super) async fn settle_or_postpone(
        &self,
        stored: &StoredDelivery,
        looked: Result<Settled, StepError>,
    ) -> Result<(), StoreError> {
        let settled = match looked {
            Ok(settled) => self.settle(&[&stored.delivery], &settled).await.map_err(StepError::Store),
            Err(error) => Err(error),
        };
        match settled {
            Ok(()) => Ok(()),
            Err(StepError::Store(error)) if !error.is_of_one_row() => Err(error),
            Err(error) => self.postpone(stored, &error).await,
        }
    }

    async fn settle(&self, deliveries: &[&Delivery], settled: &Settled) -> Result<(), StoreError> {
        let opened = self.store.settle_deliveries(deliveries, settled).await?;
        metrics::counter!("slipway_deliveries_read_total", "state" => settled.state.as_str())
            .increment(deliveries.len() as u64);
        for delivery in deliveries {
            tracing::info!(
                delivery.id, source = %delivery.source, runs = opened.len(), note = settled.note,
                "delivery {} read: {}", delivery.id, settled.note
            );
        }
        if !opened.is_empty() || !settled.closed.is_empty() || settled.unjudged.is_some() {
            self.due.notify_one();
            if let Some(first) = deliveries.first() {
                self.tell_change(&first.source);
            }
        }
        Ok(())
    }

    /// Leaves a delivery to be read again. It was acknowledged, so it is never given up for what may pass: a server
    /// that is down, a login that is wrong.
    async fn postpone(&self, stored: &StoredDelivery, error: &StepError) -> Result<(), StoreError> {
        let (retry, reason) = match error {
            StepError::Again { retry, reason } => (*retry, reason.clone()),
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
            Retry::Backoff | Retry::Never => pause_before(attempt, chance()),
        };
        let delivery = &stored.delivery;
        tracing::warn!(delivery.id, reason, "delivery {} is read again in {}: {reason}", delivery.id, spoken(pause));
        self.store.postpone_delivery(delivery, Timestamp::now() + pause, &reason).await
    }
}

/// What deliveries ask for, by their bodies alone. Reading is work on bytes from outside: it is done on a thread for it,
/// and a panic there is a poisoned delivery, not the end of the reader. The deliveries come back with it.
async fn meanings_of(
    source: &Source,
    due: Vec<StoredDelivery>,
) -> Result<(Vec<StoredDelivery>, Vec<Read>), StoreError> {
    let (forge, branch) = (source.forge.clone(), source.mirror.remote().branch().to_owned());
    let kind = source.kind.as_str();
    let read = blocking(move || {
        let meaning = |stored: &StoredDelivery| {
            let Delivery { event, body, .. } = &stored.delivery;
            let read = std::panic::AssertUnwindSafe(|| meaning_of((kind, forge.as_ref()), &branch, event, body));
            std::panic::catch_unwind(read).unwrap_or_else(|_| Read {
                about: About::Repository(None),
                meaning: poisoned(stored.attempts),
                contributors: Vec::new(),
            })
        };
        let meanings = due.iter().map(meaning).collect();
        (due, meanings)
    });
    read.await.map_err(|_| StoreError::Closing)
}

/// A delivery whose reading panicked: read again a few times, then put away.
fn poisoned(attempts: u64) -> Result<Meaning, StepError> {
    if attempts + 1 < MOST_PANICS {
        return Err(StepError::local("it cannot be read", "a defect of Slipway"));
    }
    let note = format!("reading it panicked {MOST_PANICS} times: this is a defect of Slipway, please report it");
    Ok(Meaning::Known(Settled::nothing(DeliveryState::Dead, note)))
}

fn meaning_of((kind, forge): (&str, &dyn Forge), served: &str, event: &str, body: &[u8]) -> Read {
    let dead = |reason: String| Meaning::Known(Settled::nothing(DeliveryState::Dead, reason));
    let of_nobody = |about, meaning| Read { about, meaning: Ok(meaning), contributors: Vec::new() };
    if event == missed::EVENT {
        let read = missed::read(body).map(|announced| Meaning::Branch(vec![announced]));
        return of_nobody(About::Ourselves, read.unwrap_or_else(dead));
    }
    match forge.read(event, body) {
        Ok(events) => {
            // A delivery is of one repository, however many events it tells of.
            let repository = events.iter().find_map(|event| event.repository.clone());
            let contributors = contributors::told_by(kind, &events);
            let meaning = Ok(meaning_of_events(served, events));
            Read { about: About::Repository(repository), meaning, contributors }
        }
        Err(error) => of_nobody(About::Repository(None), dead(error.to_string())),
    }
}

/// What events ask for where `served` is the served branch. A delivery tells of pushes, or of one change; a few forges
/// tell of several references at once.
fn meaning_of_events(served: &str, events: Vec<Event>) -> Meaning {
    let mut announced = Vec::new();
    let mut notes = Vec::new();
    let mut closed = Vec::new();
    for Event { kind, sender, .. } in events {
        match kind {
            EventKind::Comment(comment) if command::parse(&comment.body).is_some() => {
                return Meaning::Command(Asked::Comment(Box::new(comment)));
            }
            EventKind::CheckAction(action) => return Meaning::Command(Asked::Button(Box::new(action), sender)),
            EventKind::MergeGroup(group) if group.step == MergeGroupStep::ChecksRequested => {
                return Meaning::Command(Asked::Group(Box::new(group)));
            }
            EventKind::Push(push) => match of_push(served, push) {
                Ok(one) => announced.push(one),
                Err(note) => notes.push(note),
            },
            EventKind::Change(change) => match change.step {
                ChangeStep::Opened | ChangeStep::Updated if announced.is_empty() => {
                    return Meaning::Change(Box::new(change));
                }
                ChangeStep::Opened | ChangeStep::Updated => {}
                ChangeStep::Closed | ChangeStep::Merged => {
                    notes.push(format!("change {} is closed", change.number));
                    closed.push(change.number);
                }
            },
            EventKind::Ignored { reason } => notes.push(reason),
            kind => notes.push(format!("nothing follows from `{}`", kind.as_str())),
        }
    }
    if !announced.is_empty() {
        return Meaning::Branch(announced);
    }
    let state = if closed.is_empty() { DeliveryState::Ignored } else { DeliveryState::Done };
    Meaning::Known(Settled { closed, ..Settled::nothing(state, notes.join("; ")) })
}

/// A push of the served branch, or why nothing follows from it.
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
#[path = "intake_tests.rs"]
mod tests;
