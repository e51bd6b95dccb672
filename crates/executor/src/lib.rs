//! Seam: where jobs run. A job lies ready in a folder; the executor runs the trainer on it and says how it ended.

mod local;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use slipway_contract::{Fault, Progress};
use tokio_util::sync::CancellationToken;

use slipway_domain::{Retry, spoken};

/// Where jobs run, and the limits that the server's owner sets for every one of them.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A child process on this machine.
    Local {
        /// The trainer's program.
        trainer: PathBuf,
        /// Limits of a job.
        limits: Limits,
        /// Limits of a job that a fork proposes; never above those of every job.
        of_forks: Limits,
    },
}

/// What a job may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall time, from its start to its end.
    pub deadline: Duration,
    /// Resident memory in bytes.
    pub memory: u64,
}

impl Limits {
    /// The lower of both.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { deadline: self.deadline.min(other.deadline), memory: self.memory.min(other.memory) }
    }
}

/// Where a job's specification and data come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// From somebody who may push to the source repository.
    Repository,
    /// From a fork of it: from anybody.
    Fork,
}

/// The executor that `settings` name.
pub fn connect(settings: &Settings) -> Arc<dyn Executor> {
    match settings {
        Settings::Local { trainer, limits, of_forks } => {
            Arc::new(local::LocalExecutor::new(trainer.clone(), *limits, of_forks.within(*limits)))
        }
    }
}

/// The trainer's program where it is installed: beside this one.
pub fn trainer_beside_us() -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("slipway-trainer"))
}

/// Takes the progress of a job, line by line.
pub type ProgressSink<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Runs jobs.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Runs the job in `folder` (it holds `job.json`; results go to `out/`) to its end, within the limits of where it comes
    /// from. When `cancel` fires, or the
    /// future is dropped, the job and everything it started are ended.
    async fn run(
        &self,
        folder: &std::path::Path,
        provenance: Provenance,
        progress: ProgressSink<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), JobError>;
}

/// How a job ended other than well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The trainer said what is wrong.
    #[error("{0}")]
    Fault(Fault),
    /// It used more memory than it may, or the machine has.
    #[error(
        "the trainer ran out of memory: {detail}\n  help: make the model or `batch_size` smaller, or raise the executor's `memory`"
    )]
    OutOfMemory {
        /// What was used and what was allowed.
        detail: String,
    },
    /// Signal 9 ended it, and not by us: the machine ran out of memory, or is being emptied.
    #[error(
        "the trainer was killed from outside (signal 9): {detail}\n  help: the system does so when memory runs out or the machine is emptied; make the model or `batch_size` smaller, or give the machine more memory"
    )]
    Killed {
        /// Its last words.
        detail: String,
    },
    /// It panicked: a mistake in the trainer.
    #[error("the trainer panicked: {detail}\n  help: this is a defect of Slipway; report it with the run's log")]
    Panic {
        /// Its last words.
        detail: String,
    },
    /// A signal ended it.
    #[error(
        "the trainer was ended by signal {signal}: {detail}\n  help: if nobody killed it, this is a crash in libtorch; see the run's log"
    )]
    Crash {
        /// The signal's number.
        signal: i32,
        /// Its last words.
        detail: String,
    },
    /// It took longer than it may.
    #[error(
        "the trainer was still running at its deadline of {}\n  help: train fewer epochs, or raise the executor's `deadline`",
        spoken(*limit)
    )]
    Deadline {
        /// What was allowed.
        limit: Duration,
    },
    /// The run was called off or the server stops.
    #[error("the job was called off")]
    Cancelled,
    /// It ended in a way that fits none of the above.
    #[error("the trainer ended with exit code {code}: {detail}")]
    Exit {
        /// The exit code.
        code: i32,
        /// Its last words.
        detail: String,
    },
    /// It could not be started.
    #[error("the trainer could not be started: {detail}\n  help: `slipway doctor` says what is missing")]
    NotStarted {
        /// Why.
        detail: String,
    },
}

impl JobError {
    /// Whether trying again can help. The same job on the same machine ends the same way, unless it never started
    /// or was killed from outside.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NotStarted { .. } | Self::Killed { .. } => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}
