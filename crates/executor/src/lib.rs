//! Executor of jobs, as a replaceable part. A job is prepared in a folder; the executor runs the trainer on it and reports how
//! the job ended.

mod local;
mod program;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use slipway_contract::{Fault, Progress};
use tokio_util::sync::CancellationToken;

use slipway_domain::{Retry, spoken};

pub use program::{Commands, ProgramError, ProgramJob, ProgramTask, SandboxLimits};
pub use slipway_sandbox::sandbox_beside_us;

/// The executor, and the limits that the server's owner sets for every job.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A child process on this machine.
    Local {
        /// The program of the trainer.
        trainer: PathBuf,
        /// The program of the sandbox.
        sandbox: PathBuf,
        /// Limits of a job.
        limits: Limits,
        /// Limits of a job from a fork; never above `limits`.
        of_forks: Limits,
    },
}

/// Resource limits of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall time, from its start to its end.
    pub deadline: Duration,
    /// Resident memory in bytes.
    pub memory: u64,
}

impl Limits {
    /// The lower value of each limit.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { deadline: self.deadline.min(other.deadline), memory: self.memory.min(other.memory) }
    }
}

/// The origin of a job's specification and data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// The source repository: the author may push there.
    Repository,
    /// A fork: the author can be anyone.
    Fork,
}

/// Creates the executor in `settings`.
pub fn connect(settings: &Settings) -> Arc<dyn Executor> {
    match settings {
        Settings::Local { trainer, sandbox, limits, of_forks } => {
            let programs = (trainer.clone(), sandbox.clone());
            Arc::new(local::LocalExecutor::new(programs, *limits, of_forks.within(*limits)))
        }
    }
}

/// The installed program of the trainer: it is in the same folder as this program.
pub fn trainer_beside_us() -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("slipway-trainer"))
}

/// Receives the progress of a job, line by line.
pub type ProgressSink<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Runs jobs.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Runs the job in `folder` to its end, within the limits for its provenance. The folder contains `job.json`; results go to
    /// `out/`. If `cancel` fires or the future is dropped, the job and all its child processes are killed.
    async fn run(
        &self,
        folder: &std::path::Path,
        provenance: Provenance,
        progress: ProgressSink<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), JobError>;

    /// Runs a program of a team in the sandbox. The outputs are in its folder afterwards. If `cancel` fires or the future is dropped,
    /// the program and all its child processes are killed.
    async fn run_program(
        &self,
        job: &ProgramJob<'_>,
        provenance: Provenance,
        progress: ProgressSink<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), ProgramError>;
}

/// An unsuccessful end of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The trainer reported a fault.
    #[error("{0}")]
    Fault(Fault),
    /// It exceeded its memory limit or the machine's memory.
    #[error(
        "the trainer ran out of memory: {detail}\n  help: make the model or `batch_size` smaller, or raise the executor's `memory`"
    )]
    OutOfMemory {
        /// Used and allowed memory.
        detail: String,
    },
    /// Signal 9 killed it, but not from this server: the machine ran out of memory, or it is being drained.
    #[error(
        "the trainer was killed from outside (signal 9): {detail}\n  help: the system kills processes when memory runs out or the machine is drained; make the model or `batch_size` smaller, or give the machine more memory"
    )]
    Killed {
        /// The end of its standard error.
        detail: String,
    },
    /// It panicked, which is a defect of the trainer.
    #[error("the trainer panicked: {detail}\n  help: this is a defect of Slipway; report it with the run's log")]
    Panic {
        /// The end of its standard error.
        detail: String,
    },
    /// A signal ended it.
    #[error(
        "the trainer was ended by signal {signal}: {detail}\n  help: if nobody killed it, libtorch crashed; see the run's log"
    )]
    Crash {
        /// The signal's number.
        signal: i32,
        /// The end of its standard error.
        detail: String,
    },
    /// It exceeded its deadline.
    #[error(
        "the trainer was still running at its deadline of {}\n  help: train fewer epochs, or raise the executor's `deadline`",
        spoken(*limit)
    )]
    Deadline {
        /// The deadline.
        limit: Duration,
    },
    /// The run was cancelled, or the server stops.
    #[error("the job was cancelled")]
    Cancelled,
    /// It ended in another way.
    #[error("the trainer ended with exit code {code}: {detail}")]
    Exit {
        /// The exit code.
        code: i32,
        /// The end of its standard error.
        detail: String,
    },
    /// It could not be started.
    #[error("the trainer could not be started: {detail}\n  help: run `slipway doctor`, which reports what is missing")]
    NotStarted {
        /// The reason.
        detail: String,
    },
}

impl JobError {
    /// Whether another attempt can help. The same job on the same machine ends in the same way, unless it did not start or was
    /// killed from outside.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NotStarted { .. } | Self::Killed { .. } => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}
