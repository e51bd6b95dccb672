//! What happens to a run, one step a file. This one holds what all steps share, and what the outside may ask.

mod actions;
mod annotations;
mod branch;
mod branch_writer;
mod change;
mod checkout;
mod command;
mod command_effects;
mod command_requests;
mod commands;
mod comment;
mod contributors;
mod deployment;
mod downstream;
mod due;
mod environment;
mod evaluate;
mod explain;
mod failpoint;
mod files;
mod first_runs;
mod follow_up;
mod fork;
mod found;
mod fresh_rows;
mod garbage_collection;
mod gate;
mod group;
mod heartbeat;
mod history;
mod identity;
mod intake;
mod job_log;
mod labels;
mod marks;
mod messages;
mod model_check;
mod note;
mod outage;
mod owners;
mod plan;
mod policies;
mod policy_file;
mod promote;
mod promoter;
mod proposed;
mod publish;
mod reconcile;
mod remotes;
mod report;
mod reported;
mod request;
mod resume;
mod retry_transient;
mod revision;
mod rules;
#[cfg(test)]
mod sample;
mod seed_runs;
mod skip;
mod source;
mod start;
mod step;
mod sweep;
mod test_rows;
mod test_set;
mod touched;
mod train;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use slipway_contract::DevicePreference;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use slipway_artifacts::ArtifactStore;
use slipway_domain::{Actor, Delivery, ForgeId, Intake, People, Retry, Run, RunEvent, RunId, SourceName};
use slipway_executor::Executor;
use slipway_forge::{Forge, ForgeApi, Pages};
use slipway_gate::policy::Policy;
pub use slipway_gate::policy::render::svg as picture_of;
use slipway_git::{Identity, Mirror, Notes};
use slipway_store::{ReportHead, Store, StoreError, StoredDelivery};

pub use actions::{ActionError, Approved, Reason};
pub use branch_writer::BranchWriter;
pub use checkout::Checkout;
pub use comment::describe_cost;
pub use downstream::FirstPromotion;
pub use environment::Environment;
pub use explain::{Explanation, KeyPart};
#[cfg(debug_assertions)]
pub use failpoint::{Failpoint, set as set_failpoint};
pub use garbage_collection::GarbageCollection;
pub use marks::{
    MAX_MANIFEST_BYTES, NO_LFS, is_called_manifest, is_pointer, largest_manifest, may_be_marked, not_utf8,
};
pub use model_check::{ModelDiagnostics, Readable, Repository, misnamed_model};
use remotes::Remotes;
pub use request::{Merge, Requests};
pub use skip::skipped;
pub use source::{locate as fault_place, read_model};
use step::{StepError, blocking};
pub use sweep::{ArtifactRetention, DeployedArtifacts, SweepError, Swept, remove_documents, sweep};

/// What the platform's owner decided, ready for use.
pub struct Settings {
    /// Repositories that are served.
    pub sources: BTreeMap<SourceName, Source>,
    /// Environments that may be written.
    pub environments: BTreeMap<SourceName, Environment>,
    /// Folder for work in progress; what lies in it can be made again.
    pub work: PathBuf,
    /// Who signs promotions.
    pub committer: Identity,
    /// Policies that hold for every model, and that no model's policy can loosen.
    pub mandatory_policies: Arc<[Policy]>,
    /// Who is who.
    pub people: People,
    /// Threads of a job.
    pub threads: u32,
    /// Where jobs compute.
    pub device: DevicePreference,
    /// Runs of one repository that may be under way at a time.
    pub max_runs_per_source: u32,
    /// How long a claim holds without being extended. A worker that died is replaced after this.
    pub lease: Duration,
}

/// A repository that is served.
pub struct Source {
    /// Which forge it lives on.
    pub kind: slipway_forge::Settings,
    /// Reads its deliveries.
    pub forge: Arc<dyn Forge>,
    /// The forge's API: where runs are told of, and permissions asked for. `None` if the settings name none.
    pub api: Option<Arc<dyn ForgeApi>>,
    /// The name of its repository at the forge, by the settings.
    pub repository_name: String,
    /// The identifier of its repository at the forge, where the settings say; it is learned if they do not.
    pub repository_id: Option<ForgeId>,
    /// The webhook that it shares with other sources.
    pub webhook: Option<SourceName>,
    /// Where runs are told of that have no forge: notes on the commits of the repository. `None` if nobody asked for that.
    pub notes: Option<Arc<Notes>>,
    /// Links to the pages of its runs; `None` if nobody said where this server is reached.
    pub pages: Option<Pages>,
    /// Its mirror; names the one branch that is served.
    pub mirror: Mirror,
    /// The environment its models are promoted to.
    pub environment: SourceName,
    /// Which of its changes are judged.
    pub changes: PullRequestPolicy,
    /// Whether drafts are judged before they are marked ready.
    pub judge_drafts: bool,
    /// The label that a change has to have to be judged.
    pub label: Option<String>,
    /// Priority of its runs; zero is usual.
    pub priority: i32,
    /// Wakes the reader of its deliveries.
    pub arrived: Notify,
    /// Wakes whoever reports to its forge.
    pub moved: Notify,
}

/// Which changes (pull or merge requests) of a repository are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullRequestPolicy {
    /// None.
    Ignore,
    /// Those whose branch is in the repository itself: their authors may push there.
    SameRepository,
    /// Those of forks as well, each revision once somebody who may push has approved exactly it.
    AfterApproval,
    /// Those of forks as well. A specification is data, and is trained within the executor's limits for forks.
    All,
}

/// All that the steps work with.
pub struct Pipeline {
    store: Arc<Store>,
    executor: Arc<dyn Executor>,
    artifacts: Arc<dyn ArtifactStore>,
    settings: Settings,
    due: Notify,
    promotable: Notify,
    promoted: Notify,
    remotes: Remotes,
    changed: watch::Sender<()>,
    /// Tells that a person wants reports to be tried now.
    retried: watch::Sender<()>,
    /// Set once no worker is to begin another step.
    retired: CancellationToken,
    heartbeats: heartbeat::Heartbeats,
}

impl Pipeline {
    /// A pipeline over its parts.
    pub fn new(
        store: Arc<Store>,
        executor: Arc<dyn Executor>,
        artifacts: Arc<dyn ArtifactStore>,
        settings: Settings,
    ) -> Self {
        let (due, heartbeats) = (Notify::new(), heartbeat::Heartbeats::default());
        let (promotable, promoted) = (Notify::new(), Notify::new());
        let (changed, retried) = (watch::Sender::new(()), watch::Sender::new(()));
        let (remotes, retired) = (Remotes::new(), CancellationToken::new());
        Self {
            store,
            executor,
            artifacts,
            settings,
            due,
            promotable,
            promoted,
            remotes,
            changed,
            retried,
            retired,
            heartbeats,
        }
    }

    /// Has the workers end after the steps that they are at; what they hold is left to others.
    pub fn retire(&self) {
        self.retired.cancel();
    }

    /// Waits until the workers are to end.
    pub async fn retired(&self) {
        self.retired.cancelled().await;
    }

    /// The sources that are served.
    pub fn sources(&self) -> impl Iterator<Item = (&SourceName, &Source)> {
        self.settings.sources.iter()
    }

    /// The environments that may be written.
    pub fn environments(&self) -> impl Iterator<Item = (&SourceName, &Environment)> {
        self.settings.environments.iter()
    }

    /// Stores a delivery on disk, then wakes its reader.
    pub async fn accept(&self, delivery: &Delivery) -> Result<Intake, StoreError> {
        let intake = self.store.record_delivery(delivery).await?;
        if intake == Intake::Stored {
            self.wake(&delivery.source);
        }
        Ok(intake)
    }

    /// Has a settled delivery read again.
    pub async fn replay(&self, source: &SourceName, id: &str) -> Result<StoredDelivery, StoreError> {
        let delivery = self.store.replay_delivery(source, id).await?;
        self.wake(source);
        Ok(delivery)
    }

    fn wake(&self, source: &SourceName) {
        if let Some(source) = self.settings.sources.get(source) {
            source.arrived.notify_one();
        }
    }

    fn wake_reporter(&self, source: &SourceName) {
        if let Some(source) = self.settings.sources.get(source) {
            source.moved.notify_one();
        }
    }

    /// Ends a run that has not begun to change its environment.
    pub async fn cancel(&self, run: RunId, actor: &Actor) -> Result<Run, StoreError> {
        let run = self.store.terminate(run, RunEvent::Cancelled, &format!("cancelled by {actor}"), actor).await?;
        self.withdraw_request(&run).await;
        self.notify_changed(&run.source);
        Ok(run)
    }

    /// Makes a stalled run due again.
    pub async fn retry(&self, run: RunId, actor: &Actor) -> Result<Run, StoreError> {
        let run = self.store.retry_run(run, &format!("retried by {actor}"), actor).await?;
        self.due.notify_one();
        self.promotable.notify_waiters();
        self.notify_changed(&run.source);
        Ok(run)
    }

    /// Makes a report due that is behind or was refused.
    pub async fn retry_report(&self, id: &str) -> Result<ReportHead, StoreError> {
        let report = self.store.retry_report(id).await?;
        self.retry_now();
        Ok(report)
    }

    /// Makes all reports of a source due that are behind or were refused, and answers how many that are.
    pub async fn retry_reports(&self, source: &SourceName) -> Result<u64, StoreError> {
        let due = self.store.retry_reports(source).await?;
        self.retry_now();
        Ok(due)
    }

    fn retry_now(&self) {
        self.retried.send_replace(());
        for source in self.settings.sources.values() {
            source.moved.notify_one();
        }
        self.changed.send_replace(());
    }

    /// Looks again at a row that could not be read. Answers why it still cannot be; `None` if it can, and is served again.
    pub async fn retry_quarantined(&self, kind: &str, key: &str) -> Result<Option<String>, StoreError> {
        let reason = self.store.retry_quarantined(kind, key).await?;
        if reason.is_none() {
            self.due.notify_one();
            self.promotable.notify_waiters();
            for source in self.settings.sources.values() {
                source.arrived.notify_one();
            }
        }
        Ok(reason)
    }

    /// Tells that a run moved, if this server moved it. Another server's moves are only in the store.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Tells that a run of a source moved.
    fn notify_changed(&self, source: &SourceName) {
        self.wake_reporter(source);
        self.changed.send_replace(());
    }

    /// How long the worker that is silent for longest has shown no sign of life.
    pub fn longest_silence(&self) -> Duration {
        self.heartbeats.longest_silence()
    }

    fn record_heartbeat(&self) {
        self.heartbeats.record();
    }

    /// The source a run came from. Runs of sources that are not served here are not taken; they wait for a server that does.
    fn source(&self, run: &Run) -> Result<&Source, StepError> {
        self.settings.sources.get(&run.source).ok_or_else(|| StepError::Transient {
            retry: Retry::Backoff,
            reason: format!("the source `{}` is not in the settings of this server", run.source),
        })
    }

    /// A fresh folder for one step of one run; what an earlier attempt left there is removed.
    async fn fresh_folder(&self, run: RunId, step: &str) -> Result<PathBuf, StepError> {
        let folder = self.settings.work.join(run.to_string()).join(step);
        let made = folder.clone();
        blocking(move || {
            if made.exists() {
                std::fs::remove_dir_all(&made)?;
            }
            std::fs::create_dir_all(&made)
        })
        .await?
        .map_err(|error| StepError::local("the work folder cannot be made", error))?;
        Ok(folder)
    }

    /// Removes what a run left in the work folder. Failing to is no reason to fail a run. It is moved aside first: whoever carries
    /// the run next meets all of the folder or nothing.
    async fn clear_work(&self, run: RunId) {
        let folder = self.settings.work.join(run.to_string());
        let aside = self.settings.work.join(format!("removed-{}", uuid::Uuid::now_v7()));
        let remove = move || std::fs::rename(folder, &aside).and_then(|()| std::fs::remove_dir_all(aside));
        if let Ok(Err(error)) = blocking(remove).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(run.id = %run, %error, "the work folder of run {run} cannot be removed");
        }
    }
}
