//! The results of a step of a run, and its errors.

use std::fmt;

use jiff::Timestamp;

use slipway_artifacts::ArtifactError;
use slipway_contract::Digest;
use slipway_domain::{Diagnostic, Retry, Run, RunEvent};
use slipway_executor::{JobError, ProgramError};
use slipway_forge::ApiError;
use slipway_git::GitError;
use slipway_store::StoreError;

/// Result of a successful step.
#[derive(Debug)]
pub(crate) enum Step {
    /// The event that moves the run, and its reason.
    Moved(RunEvent, String),
    /// A blocking rule makes the run wait, at least until this time.
    Waits(Timestamp),
}

/// Result of an unsuccessful step.
#[derive(Debug)]
pub(crate) enum StepError {
    /// The specification or the policy refuses the model.
    Refused { reason: String, diagnostics: Vec<Diagnostic> },
    /// The environment refuses any model until a person fixes it. Then the run continues.
    Environment { reason: String },
    /// A failure that another attempt would not fix.
    Failed { reason: String },
    /// A trainer exceeded its time limit.
    TimedOut { reason: String },
    /// The work was interrupted, and may be interrupted every time. A few attempts follow; then a person has to act.
    Interrupted { reason: String },
    /// Another attempt may help, or a person has to act first.
    Transient { retry: Retry, reason: String },
    /// The store failed, or the run's lease is lost.
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

impl From<ProgramError> for StepError {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Deadline { .. } => Self::TimedOut { reason: error.to_string() },
            error => Self::after(error.retry(), error.to_string()),
        }
    }
}

impl StepError {
    /// Creates a failure that is final or transient, depending on `retry`.
    fn after(retry: Retry, reason: String) -> Self {
        match retry {
            Retry::Never => Self::Failed { reason },
            retry => Self::Transient { retry, reason },
        }
    }

    /// A local operation of this machine failed, such as an access to a disk or a thread.
    pub(crate) fn local(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Transient { retry: Retry::Backoff, reason: format!("{what}: {error}") }
    }
}

/// Runs blocking work on its own thread. Asynchronous threads never access git or the disk.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StepError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| panicked(&error))
}

/// A step panicked. A panic is a defect, and another attempt most often ends the same way.
pub(crate) fn panicked(error: &tokio::task::JoinError) -> StepError {
    StepError::Interrupted { reason: format!("a step panicked: {error}") }
}

/// The artifact of the run. Steps after training have one.
pub(crate) fn artifact_of(run: &Run) -> Result<Digest, StepError> {
    run.training.artifact.clone().ok_or_else(|| StepError::Failed {
        reason: "the run has no artifact: report this defect of Slipway".to_owned(),
    })
}
