//! The intents of deliveries, read from their bodies alone.

use super::command_queue::CommandTrigger;
use super::identity::About;
use super::missed_push;
use crate::commands::command;
use crate::context::{Source, StepError, blocking};
use crate::promotions::contributors;
use crate::revisions::Announced;
use slipway_domain::{
    Contributor, Delivery, DeliveryState, Event, EventKind, MergeGroupStep, PullRequest, PullRequestStep, Push,
    Reference,
};
use slipway_forge::Forge;
use slipway_store::{DeliveryOutcome, StoreError, StoredDelivery};

/// Number of panics while reading a delivery after which it is dead-lettered for a person to inspect.
const MAX_PANICS: u64 = 3;

/// Content of a delivery: its repository, and its intent.
pub(super) struct Read {
    pub(super) about: About,
    pub(super) intent: Result<Intent, StepError>,
    /// Contributors to the revisions that it reports.
    pub(super) contributors: Vec<Contributor>,
}

/// Intent of a delivery.
pub(super) enum Intent {
    /// A sync of the served branch.
    Branch(Vec<Announced>),
    /// A sync of a pull request.
    PullRequest(Box<PullRequest>),
    /// A command. It sends requests to the forge first, so it runs beside everything else.
    Command(CommandTrigger),
    /// An outcome that needs no further read.
    Known(Box<DeliveryOutcome>),
}

impl Intent {
    pub(super) fn known(outcome: DeliveryOutcome) -> Self {
        Self::Known(Box::new(outcome))
    }
}

/// Reads the intents of deliveries from their bodies alone. The bodies come from outside, so they are parsed on a separate
/// thread, and a panic there marks one delivery as poisoned instead of ending the reader. Returns the deliveries as well.
pub(super) async fn intents_of(
    source: &Source,
    due: Vec<StoredDelivery>,
) -> Result<(Vec<StoredDelivery>, Vec<Read>), StoreError> {
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
    Ok(Intent::known(DeliveryOutcome::nothing(DeliveryState::Dead, note)))
}

fn intent_of((kind, forge): (&str, &dyn Forge), served: &str, event: &str, body: &[u8]) -> Read {
    let dead = |reason: String| Intent::known(DeliveryOutcome::nothing(DeliveryState::Dead, reason));
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
    Intent::known(DeliveryOutcome { closed, ..DeliveryOutcome::nothing(state, notes.join("; ")) })
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
#[path = "intent_tests.rs"]
mod tests;
