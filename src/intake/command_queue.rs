//! The queue for commands of people and of merge queues, beside the pushes of their source. Commands send requests to the forge,
//! which may be slow, and no push waits for that. Commands of one pull request run in order, those of several concurrently.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Intake;
use crate::context::{StepError, log_and_continue};
use slipway_domain::{CheckAction, Comment, Delivery, MergeGroup, Sender, SourceName};
use slipway_store::{StoreError, StoredDelivery};

/// Maximum number of concurrent commands of a source.
const AT_ONCE: usize = 8;
/// Maximum number of commands of a source in memory. Further commands wait in the store.
const MAX_WAITING: usize = 256;
/// Duration of the lease on a command's delivery. After this time another server takes the delivery of a dead server.
const CLAIM_LEASE: Duration = Duration::from_mins(2);
/// Delay until a command without a place in the queue is read again.
const LATER: Duration = Duration::from_secs(1);

/// The trigger of a command.
pub(super) enum CommandTrigger {
    /// A comment.
    Comment(Box<Comment>),
    /// A button of a check.
    Button(Box<CheckAction>, Option<Sender>),
    /// A merge queue that requests checks of a commit before it merges it.
    Group(Box<MergeGroup>),
}

/// A key within which commands run in order: a pull request, or a commit that belongs to none.
type Group = String;

/// A delivery with a command.
struct Job {
    stored: StoredDelivery,
    trigger: CommandTrigger,
}

/// The result of a command, with the task that executed it.
pub(crate) type Ended = Result<(Id, Result<(), StoreError>), JoinError>;

/// The running commands of one source, and those that wait behind them.
pub(super) struct CommandQueue {
    running: JoinSet<Result<(), StoreError>>,
    /// The group and the delivery of each running command.
    tasks: HashMap<Id, (Group, String)>,
    waiting: HashMap<Group, VecDeque<Job>>,
    /// The identifiers of the deliveries of all these commands.
    held: HashSet<String>,
    at_once: Arc<Semaphore>,
    stop: CancellationToken,
}

impl CommandQueue {
    pub(crate) fn new(stop: &CancellationToken) -> Self {
        Self {
            running: JoinSet::new(),
            tasks: HashMap::new(),
            waiting: HashMap::new(),
            held: HashSet::new(),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            stop: stop.clone(),
        }
    }

    /// Waits for the end of a command, and returns at once if none is running.
    pub(crate) async fn ended(&mut self) -> Option<Ended> {
        self.running.join_next_with_id().await
    }

    /// Enqueues due commands. A command that another server holds is left to that server.
    pub(crate) async fn take_in(
        &mut self,
        intake: &Arc<Intake>,
        name: &SourceName,
        trigger: Vec<(&StoredDelivery, CommandTrigger)>,
    ) -> Result<(), StoreError> {
        let now = Timestamp::now();
        for (stored, trigger) in trigger {
            let id = &stored.delivery.id;
            let has_place = self.held.len() < MAX_WAITING && !self.held.contains(id);
            let until = now + if has_place || self.held.contains(id) { CLAIM_LEASE } else { LATER };
            if !intake.context.store.lease_delivery(name, id, now, until).await? || !has_place {
                continue;
            }
            let group = intake.group_of(name, &trigger).await?;
            self.held.insert(id.clone());
            let job = Job { stored: without_body(stored), trigger };
            if let Some(behind) = self.waiting.get_mut(&group) {
                behind.push_back(job);
            } else {
                self.waiting.insert(group.clone(), VecDeque::new());
                self.start(intake, name, group, job);
            }
        }
        Ok(())
    }

    fn start(&mut self, intake: &Arc<Intake>, name: &SourceName, group: Group, job: Job) {
        let id = job.stored.delivery.id.clone();
        let (intake, name, at_once, stop) =
            (Arc::clone(intake), name.clone(), Arc::clone(&self.at_once), self.stop.clone());
        let task = self.running.spawn(async move {
            let _one_of_many = at_once.acquire().await;
            tokio::select! {
                done = intake.execute(&name, &job) => done,
                () = stop.cancelled() => Ok(()),
            }
        });
        self.tasks.insert(task.id(), (group, id));
    }

    /// Handles the end of a command, and starts the next of its group. A command that panicked, or failed because of the store,
    /// is read again when its lease ends.
    pub(crate) fn note(&mut self, intake: &Arc<Intake>, name: &SourceName, ended: Ended) -> Result<(), StoreError> {
        let (task, done) = match ended {
            Ok((task, done)) => (task, done),
            Err(panicked) => {
                tracing::error!(%panicked, "a command panicked: {panicked}");
                (panicked.id(), Ok(()))
            }
        };
        if let Some((group, id)) = self.tasks.remove(&task) {
            self.held.remove(&id);
            match self.waiting.get_mut(&group).and_then(VecDeque::pop_front) {
                Some(next) => self.start(intake, name, group, next),
                None => drop(self.waiting.remove(&group)),
            }
        }
        done.or_else(log_and_continue)
    }

    /// Releases the unfinished deliveries for the next server.
    pub(crate) async fn release(mut self, intake: &Intake, name: &SourceName) -> Result<(), StoreError> {
        while self.running.join_next().await.is_some() {}
        for id in &self.held {
            intake.context.store.release_delivery(name, id).await?;
        }
        Ok(())
    }
}

/// A copy of the delivery without its headers and body, because many may wait.
fn without_body(stored: &StoredDelivery) -> StoredDelivery {
    let StoredDelivery { delivery, state, note, attempts, due_at, acknowledged_at } = stored;
    let Delivery { source, id, event, headers: _, body: _, received_at } = delivery;
    let (source, id, event, headers) = (source.clone(), id.clone(), event.clone(), BTreeMap::new());
    let delivery = Delivery { source, id, event, headers, body: Vec::new(), received_at: *received_at };
    let (state, attempts, due_at, acknowledged_at) = (*state, *attempts, *due_at, *acknowledged_at);
    StoredDelivery { delivery, state, note: note.clone(), attempts, due_at, acknowledged_at }
}

impl Intake {
    /// The group of a command: its pull request, or the commit of the check or of the merge group.
    async fn group_of(&self, name: &SourceName, trigger: &CommandTrigger) -> Result<Group, StoreError> {
        let action = match trigger {
            CommandTrigger::Comment(comment) => return Ok(format!("change {}", comment.pull_request)),
            CommandTrigger::Group(group) => return Ok(format!("commit {}", group.head)),
            CommandTrigger::Button(action, _) => action,
        };
        let runs = self.context.store.newest_at(name, &action.head).await?;
        Ok(match runs.iter().find_map(|run| run.cause.pull_request.as_ref()) {
            Some(pull_request) => format!("change {}", pull_request.number),
            None => format!("commit {}", action.head),
        })
    }

    async fn execute(&self, name: &SourceName, job: &Job) -> Result<(), StoreError> {
        let Some(source) = self.context.settings.sources.get(name) else { return Ok(()) };
        let Job { stored, trigger } = job;
        let arrived = stored.delivery.received_at;
        let followed = match trigger {
            CommandTrigger::Comment(comment) => self.commands.follow_comment(name, source, comment, arrived).await,
            CommandTrigger::Group(group) => self.revisions.sync_merge_group(name, source, group, arrived).await,
            CommandTrigger::Button(action, sender) => {
                self.commands.follow_button(name, source, action, sender.as_ref(), &stored.delivery).await
            }
        };
        match followed {
            Err(StepError::Store(error)) => Err(error),
            followed => self.acknowledge_or_requeue(stored, followed).await,
        }
    }
}
