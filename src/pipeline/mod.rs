//! What happens to a run, one step a file. This one holds what all steps share, and what the outside may ask.

mod champion;
mod evaluate;
mod gate;
mod intake;
mod plan;
mod promote;
mod publish;
mod source;
mod texts;
mod train;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use slipway_contract::DevicePreference;
use tokio::sync::Notify;

use crate::artifacts::ArtifactStore;
use crate::domain::{Delivery, Diagnostic, Intake, Retry, Run, RunEvent, RunId, RunState, SourceName, Transition};
use crate::executor::{Executor, JobError};
use crate::forge::Forge;
use crate::git::{GitError, Identity, Mirror};
use crate::store::Store;

pub use crate::store::{LogLine, StoreError};
pub use source::{locate as fault_place, read_model};
pub use worker::CrashPoint;

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
    /// Threads of a job.
    pub threads: u32,
    /// Where jobs compute.
    pub device: DevicePreference,
    /// Where to end the process abruptly, for tests of crashes.
    pub crash_at: Option<CrashPoint>,
}

/// A repository that is served.
pub struct Source {
    /// Reads its deliveries.
    pub forge: Arc<dyn Forge>,
    /// Its mirror; names the one branch that is served.
    pub mirror: Mirror,
    /// The environment its models are promoted to.
    pub environment: SourceName,
}

/// An environment that may be written.
pub struct Environment {
    /// Mirror of the branch its manifests are on.
    pub mirror: Mirror,
}

/// All that the steps work with.
pub struct Pipeline {
    store: Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    artifacts: Arc<dyn ArtifactStore>,
    settings: Settings,
    deliveries: Notify,
    due: Notify,
    progress: AtomicI64,
}

/// How a step ended other than well.
#[derive(Debug)]
enum StepError {
    /// The specification or the policy says no.
    Refused { reason: String, diagnostics: Vec<Diagnostic> },
    /// Something is broken that another attempt would not mend.
    Failed { reason: String },
    /// Another attempt may help, or a person has to act first.
    Again { retry: Retry, reason: String },
    /// The store failed, or the run is not ours any more.
    Store(StoreError),
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<GitError> for StepError {
    fn from(error: GitError) -> Self {
        Self::Again { retry: error.retry(), reason: error.to_string() }
    }
}

impl From<crate::artifacts::ArtifactError> for StepError {
    fn from(error: crate::artifacts::ArtifactError) -> Self {
        match error.retry() {
            Retry::Never => Self::Failed { reason: error.to_string() },
            retry => Self::Again { retry, reason: error.to_string() },
        }
    }
}

impl From<JobError> for StepError {
    fn from(error: JobError) -> Self {
        match error.retry() {
            Retry::Never => Self::Failed { reason: error.to_string() },
            retry => Self::Again { retry, reason: error.to_string() },
        }
    }
}

impl StepError {
    /// A step of this machine's own went wrong: a disk, a lost thread.
    fn local(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Again { retry: Retry::Backoff, reason: format!("{what}: {error}") }
    }
}

/// Runs blocking work on a thread for it. Git and the disk are never touched on the asynchronous threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StepError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StepError::local("a step panicked", error))
}

impl Pipeline {
    /// A pipeline over its parts.
    pub fn new(
        store: Arc<dyn Store>,
        executor: Arc<dyn Executor>,
        artifacts: Arc<dyn ArtifactStore>,
        settings: Settings,
    ) -> Self {
        let progress = AtomicI64::new(Timestamp::now().as_second());
        Self { store, executor, artifacts, settings, deliveries: Notify::new(), due: Notify::new(), progress }
    }

    /// Stores a delivery on disk, then wakes its reader.
    pub async fn accept(&self, delivery: &Delivery) -> Result<Intake, StoreError> {
        let intake = self.store.record_delivery(delivery).await?;
        if intake == Intake::Stored {
            self.deliveries.notify_one();
        }
        Ok(intake)
    }

    /// The newest runs, newest first.
    pub async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.store.runs(limit).await
    }

    /// One run and its way so far.
    pub async fn run(&self, run: RunId) -> Result<(Run, Vec<Transition>), StoreError> {
        Ok((self.store.run(run).await?, self.store.transitions(run).await?))
    }

    /// A run's log from a line on.
    pub async fn log(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<LogLine>, StoreError> {
        self.store.run(run).await?;
        self.store.log(run, after, limit).await
    }

    /// Ends a run that has not begun to change its environment.
    pub async fn cancel(&self, run: RunId) -> Result<Run, StoreError> {
        self.store.call_off(run, RunEvent::Cancelled, "cancelled on request").await
    }

    /// Makes a stalled run due again.
    pub async fn retry(&self, run: RunId) -> Result<Run, StoreError> {
        let run = self.store.retry_run(run, "retried on request").await?;
        self.due.notify_one();
        Ok(run)
    }

    /// How many runs stand where.
    pub async fn runs_by_state(&self) -> Result<Vec<(RunState, u64)>, StoreError> {
        self.store.runs_by_state().await
    }

    /// Whether the store can be written.
    pub async fn check_ready(&self) -> Result<(), StoreError> {
        self.store.check_writable().await
    }

    /// How long ago the worker last showed that it is alive.
    pub fn silent_for(&self) -> Duration {
        let seconds = Timestamp::now().as_second() - self.progress.load(Ordering::Relaxed);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    fn show_progress(&self) {
        self.progress.store(Timestamp::now().as_second(), Ordering::Relaxed);
    }

    /// The source a run came from; a run of a source that is not served any more cannot go on.
    fn source(&self, run: &Run) -> Result<&Source, StepError> {
        self.settings.sources.get(&run.source).ok_or_else(|| StepError::Failed {
            reason: format!("the source `{}` is not in the server's settings any more", run.source),
        })
    }

    /// The environment a run is to be promoted to.
    fn environment(&self, run: &Run) -> Result<&Environment, StepError> {
        self.settings.environments.get(&run.environment).ok_or_else(|| StepError::Failed {
            reason: format!("the environment `{}` is not in the server's settings any more", run.environment),
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

    /// Removes what a run left in the work folder. Failing to is no reason to fail a run.
    async fn clear_work(&self, run: RunId) {
        let folder = self.settings.work.join(run.to_string());
        if let Ok(Err(error)) = blocking(move || std::fs::remove_dir_all(folder)).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(run.id = %run, %error, "the work folder of run {run} cannot be removed");
        }
    }
}
