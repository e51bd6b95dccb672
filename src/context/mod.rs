//! What all activities share: the settings, the store, where artifacts are, how git servers are asked, and how loops are woken.

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
pub use marks::{
    MAX_MANIFEST_BYTES, NO_LFS, is_called_manifest, is_pointer, largest_manifest, may_be_marked, not_utf8,
};
pub(crate) use messages::PromotionMessage;
pub(crate) use remotes::Remotes;
pub(crate) use retry_transient::retry_transient;
pub(crate) use step::{Step, StepError, artifact_of, blocking};

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
    pub pull_requests: PullRequestPolicy,
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

/// What all activities share.
pub struct Context {
    pub(crate) store: Arc<Store>,
    pub(crate) artifacts: Arc<dyn ArtifactStore>,
    pub(crate) settings: Settings,
    /// Wakes workers.
    pub(crate) due: Notify,
    /// Wakes the promoters of environments.
    pub(crate) promotable: Notify,
    /// Wakes whoever records follow-ups of promotions.
    pub(crate) promoted: Notify,
    pub(crate) remotes: Remotes,
    changed: watch::Sender<()>,
    /// Tells that a person wants reports to be tried now.
    pub(crate) retried: watch::Sender<()>,
    /// Set once no worker is to begin another step.
    pub(crate) retired: CancellationToken,
    pub(crate) heartbeats: heartbeat::Heartbeats,
}

impl Context {
    /// A context over its parts.
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

    /// Tells that a run moved, if this server moved it. Another server's moves are only in the store.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Tells that a run of a source moved.
    pub(crate) fn notify_changed(&self, source: &SourceName) {
        self.wake_reporter(source);
        self.changed.send_replace(());
    }

    /// How long the worker that is silent for longest has shown no sign of life.
    pub fn longest_silence(&self) -> Duration {
        self.heartbeats.longest_silence()
    }

    pub(crate) fn record_heartbeat(&self) {
        self.heartbeats.record();
    }

    /// The source a run came from. Runs of sources that are not served here are not taken; they wait for a server that does.
    pub(crate) fn source(&self, run: &Run) -> Result<&Source, StepError> {
        self.settings.sources.get(&run.source).ok_or_else(|| StepError::Transient {
            retry: Retry::Backoff,
            reason: format!("the source `{}` is not in the settings of this server", run.source),
        })
    }

    /// A fresh folder for one step of one run; what an earlier attempt left there is removed.
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
        .map_err(|error| StepError::local("the work folder cannot be made", error))?;
        Ok(folder)
    }

    /// Removes what a run left in the work folder. Failing to is no reason to fail a run. It is moved aside first: whoever carries
    /// the run next meets all of the folder or nothing.
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
