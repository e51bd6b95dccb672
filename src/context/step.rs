//! How a step of a run ends other than well.

use std::fmt;

use jiff::Timestamp;

use slipway_artifacts::ArtifactError;
use slipway_contract::Digest;
use slipway_domain::{Diagnostic, Retry, Run, RunEvent};
use slipway_executor::JobError;
use slipway_forge::ApiError;
use slipway_git::GitError;
use slipway_store::StoreError;

/// How a step ended well.
#[derive(Debug)]
pub(crate) enum Step {
    /// The run moves, and why.
    Moved(RunEvent, String),
    /// A rule holds the run back, at least until then.
    Waits(Timestamp),
}

/// How a step ended other than well.
#[derive(Debug)]
pub(crate) enum StepError {
    /// The specification or the policy says no.
    Refused { reason: String, diagnostics: Vec<Diagnostic> },
    /// The environment says no, whatever the model is: a person has to mend it, and then the run goes on.
    Environment { reason: String },
    /// Something is broken that another attempt would not mend.
    Failed { reason: String },
    /// A trainer was still at work when its time was over.
    TimedOut { reason: String },
    /// The work was ended half-way, and may end so every time: tried again a few times, then a person has to act.
    Interrupted { reason: String },
    /// Another attempt may help, or a person has to act first.
    Transient { retry: Retry, reason: String },
    /// The store failed, or the run is not ours any more.
    Store(StoreError),
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { reason, .. }
            | Self::Environment { reason }
            | Self::Failed { reason }
            | Self::TimedOut { reason }
            | Self::Interrupted { reason }
            | Self::Transient { reason, .. } => f.write_str(reason),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<GitError> for StepError {
    fn from(error: GitError) -> Self {
        Self::Transient { retry: error.retry(), reason: error.to_string() }
    }
}

impl From<ArtifactError> for StepError {
    fn from(error: ArtifactError) -> Self {
        Self::after(error.retry(), error.to_string())
    }
}

impl From<ApiError> for StepError {
    fn from(error: ApiError) -> Self {
        let reason = error.to_string();
        match error.retry() {
            Retry::Never => Self::Failed { reason },
            retry => Self::Transient { retry, reason },
        }
    }
}

impl From<JobError> for StepError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Deadline { .. } => Self::TimedOut { reason: error.to_string() },
            JobError::Killed { .. } => Self::Interrupted { reason: error.to_string() },
            error => Self::after(error.retry(), error.to_string()),
        }
    }
}

impl StepError {
    /// A failure that says itself whether another attempt can help.
    fn after(retry: Retry, reason: String) -> Self {
        match retry {
            Retry::Never => Self::Failed { reason },
            retry => Self::Transient { retry, reason },
        }
    }

    /// A step of this machine's own went wrong: a disk, a lost thread.
    pub(crate) fn local(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Transient { retry: Retry::Backoff, reason: format!("{what}: {error}") }
    }
}

/// Runs blocking work on a thread for it. Git and the disk are never touched on the asynchronous threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StepError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| panicked(&error))
}

/// A step panicked. Each panic is a defect, and the same again most often ends the same way.
pub(crate) fn panicked(error: &tokio::task::JoinError) -> StepError {
    StepError::Interrupted { reason: format!("a step panicked: {error}") }
}

/// The run's artifact; steps after training have one.
pub(crate) fn artifact_of(run: &Run) -> Result<Digest, StepError> {
    run.artifact.clone().ok_or_else(|| StepError::Failed {
        reason: "the run lost its artifact: this is a defect of Slipway".to_owned(),
    })
}
