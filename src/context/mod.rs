//! State that all activities share: settings, store, artifacts, access to git servers, and notifications of loops.

mod branch_writer;
mod environment;
pub(crate) mod failpoint;
mod heartbeat;
mod loops;
pub(crate) mod marks;
pub(crate) mod messages;
mod remotes;
mod retry_transient;
#[cfg(test)]
pub(crate) mod sample;
mod step;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use slipway_contract::DevicePreference;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use slipway_artifacts::ArtifactStore;
use slipway_data::{Access, Cache};
use slipway_domain::{ForgeId, People, Retry, Run, RunId, SourceName};
use slipway_forge::{Forge, ForgeApi, Pages};
use slipway_gate::policy::Policy;
use slipway_git::{Identity, Mirror, Notes};
use slipway_store::Store;

pub use branch_writer::BranchWriter;
pub(crate) use branch_writer::Declined;
pub use environment::{Environment, Merge, Requests};
pub(crate) use environment::{deployed_artifact, deployed_artifacts, readable};
#[cfg(debug_assertions)]
pub use failpoint::{Failpoint, set as set_failpoint};
pub(crate) use loops::{POLL, catch_panic, jitter, log_and_continue};
pub(crate) use marks::no_artifact;
pub use marks::{
    MAX_MANIFEST_BYTES, NO_LFS, is_called_manifest, is_pointer, largest_manifest, mark_digest, may_be_marked, not_utf8,
};
pub(crate) use messages::PromotionMessage;
pub(crate) use remotes::Remotes;
pub(crate) use retry_transient::retry_transient;
pub(crate) use step::{Step, StepError, artifact_of, blocking};

/// The settings of the platform's owner, ready for use.
pub struct Settings {
    /// Repositories that the server serves.
    pub sources: BTreeMap<SourceName, Source>,
    /// Environments that the server may write.
    pub environments: BTreeMap<SourceName, Environment>,
    /// Folder for work in progress. Its content can be recreated.
    pub work: PathBuf,
    /// Committer of promotions.
    pub committer: Identity,
    /// Mandatory policies: every model must pass them, and no model's policy can loosen them.
    pub mandatory_policies: Arc<[Policy]>,
    /// The people in the settings, with their accounts.
    pub people: People,
    /// Number of threads of a job.
    pub threads: u32,
    /// Device on which jobs compute.
    pub device: DevicePreference,
    /// The cache of data outside of git.
    pub data_cache: Arc<Cache>,
    /// Maximum number of concurrent runs of one repository.
    pub max_runs_per_source: u32,
    /// Duration of a lease that is not extended. After this time another worker takes the run of a dead worker.
    pub lease: Duration,
}

/// A repository that the server serves.
pub struct Source {
    /// The forge that hosts it.
    pub kind: slipway_forge::Settings,
    /// Reads its deliveries.
    pub forge: Arc<dyn Forge>,
    /// The forge's API, for reports and for queries of permissions. `None` if the settings name none.
    pub api: Option<Arc<dyn ForgeApi>>,
    /// The name of its repository at the forge, from the settings.
    pub repository_name: String,
    /// The identifier of its repository at the forge, from the settings. If `None`, Slipway learns it.
    pub repository_id: Option<ForgeId>,
    /// The webhook that it shares with other sources.
    pub webhook: Option<SourceName>,
    /// Writes reports as notes on the commits of a repository without a forge. `None` if the settings do not enable it.
    pub notes: Option<Arc<Notes>>,
    /// Links to the pages of its runs; `None` if the settings name no `web.public_url`.
    pub pages: Option<Pages>,
    /// Its mirror, which names the one branch that is served.
    pub mirror: Mirror,
    /// The environment its models are promoted to.
    pub environment: SourceName,
    /// Selects the pull requests that are judged.
    pub pull_requests: PullRequestPolicy,
    /// Whether drafts are judged before they are marked ready.
    pub judge_drafts: bool,
    /// The label that a pull request needs to be judged.
    pub label: Option<String>,
    /// Priority of its runs; the default is zero.
    pub priority: i32,
    /// What its programs may do; `None` if it may have none.
    pub commands: Option<slipway_executor::Commands>,
    /// Data of its models outside of git.
    pub data: Access,
    /// Wakes the reader of its deliveries.
    pub arrived: Notify,
    /// Wakes the reporter to its forge.
    pub moved: Notify,
}

/// Which pull requests (merge requests) of a repository are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullRequestPolicy {
    /// None.
    Ignore,
    /// Those whose branch is in the repository itself: their authors may push there.
    SameRepository,
    /// Those of forks as well, each revision after a person who may push has approved exactly it.
    AfterApproval,
    /// Those of forks as well. A specification is data, and its training runs within the executor's limits for forks.
    All,
}

/// State that all activities share.
pub struct Context {
    pub(crate) store: Arc<Store>,
    pub(crate) artifacts: Arc<dyn ArtifactStore>,
    pub(crate) settings: Settings,
    /// Wakes workers.
    pub(crate) due: Notify,
    /// Wakes the promoters of environments.
    pub(crate) promotable: Notify,
    /// Wakes the loops that record follow-ups of promotions.
    pub(crate) promoted: Notify,
    pub(crate) remotes: Remotes,
    changed: watch::Sender<()>,
    /// Signals that a person requests an immediate retry of reports.
    pub(crate) retried: watch::Sender<()>,
    /// Cancelled once no worker may begin another step.
    pub(crate) retired: CancellationToken,
    pub(crate) heartbeats: heartbeat::Heartbeats,
}

impl Context {
    /// Creates a context from its parts.
    pub fn new(store: Arc<Store>, artifacts: Arc<dyn ArtifactStore>, settings: Settings) -> Self {
        Self {
            store,
            artifacts,
            settings,
            due: Notify::new(),
            promotable: Notify::new(),
            promoted: Notify::new(),
            remotes: Remotes::new(),
            changed: watch::Sender::new(()),
            retried: watch::Sender::new(()),
            retired: CancellationToken::new(),
            heartbeats: heartbeat::Heartbeats::default(),
        }
    }

    /// Makes the workers end after their current steps. Other workers continue their runs.
    pub fn retire(&self) {
        self.retired.cancel();
    }

    /// Waits until the workers must end.
    pub async fn retired(&self) {
        self.retired.cancelled().await;
    }

    /// The sources that the server serves.
    pub fn sources(&self) -> impl Iterator<Item = (&SourceName, &Source)> {
        self.settings.sources.iter()
    }

    /// The environments that the server may write.
    pub fn environments(&self) -> impl Iterator<Item = (&SourceName, &Environment)> {
        self.settings.environments.iter()
    }

    pub(crate) fn wake(&self, source: &SourceName) {
        if let Some(source) = self.settings.sources.get(source) {
            source.arrived.notify_one();
        }
    }

    pub(crate) fn wake_reporter(&self, source: &SourceName) {
        if let Some(source) = self.settings.sources.get(source) {
            source.moved.notify_one();
        }
    }

    pub(crate) fn retry_now(&self) {
        self.retried.send_replace(());
        for source in self.settings.sources.values() {
            source.moved.notify_one();
        }
        self.changed.send_replace(());
    }

    /// Signals that this server changed the state of a run. Changes by another server are only in the store.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Signals that the state of a source's run changed.
    pub(crate) fn notify_changed(&self, source: &SourceName) {
        self.wake_reporter(source);
        self.changed.send_replace(());
    }

    /// The longest time since the last heartbeat of a worker.
    pub fn longest_silence(&self) -> Duration {
        self.heartbeats.longest_silence()
    }

    pub(crate) fn record_heartbeat(&self) {
        self.heartbeats.record();
    }

    /// The source of a run. Workers do not claim runs of sources that this server does not serve. Such runs wait for a server
    /// that serves them.
    pub(crate) fn source(&self, run: &Run) -> Result<&Source, StepError> {
        self.settings.sources.get(&run.cause.source).ok_or_else(|| StepError::Transient {
            retry: Retry::Backoff,
            reason: format!("the source `{}` is not in the settings of this server", run.cause.source),
        })
    }

    /// Creates an empty folder for one step of one run. The files of an earlier attempt are removed.
    pub(crate) async fn fresh_folder(&self, run: RunId, step: &str) -> Result<PathBuf, StepError> {
        let folder = self.settings.work.join(run.to_string()).join(step);
        let made = folder.clone();
        blocking(move || {
            if made.exists() {
                std::fs::remove_dir_all(&made)?;
            }
            std::fs::create_dir_all(&made)
        })
        .await?
        .map_err(|error| StepError::local("the work folder cannot be created", error))?;
        Ok(folder)
    }

    /// Removes a run's files from the work folder. A failure does not fail the run. The folder is moved aside first, so that the
    /// next worker of the run finds all of the folder or nothing.
    pub(crate) async fn clear_work(&self, run: RunId) {
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
