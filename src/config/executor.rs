//! Settings of the executor of jobs, and the limits of each job.

use std::path::Path;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slipway_contract::DevicePreference;

use super::Problems;
use super::resolve::positive;

/// The executor of jobs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ExecutorFile {
    /// Child processes on this machine.
    Local(LocalFile),
}

impl Default for ExecutorFile {
    fn default() -> Self {
        Self::Local(LocalFile::default())
    }
}

/// Child processes on this machine.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LocalFile {
    /// The trainer's program; by default the one in the folder of `slipway`.
    pub(super) trainer: Option<String>,
    /// Maximum wall time of a job.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) deadline: jiff::SignedDuration,
    /// Maximum resident memory of a job.
    #[schemars(with = "String")]
    pub(super) memory: ByteSize,
    /// Limits for pull requests from forks, where they are lower.
    pub(super) forks: ForkLimitsFile,
    /// Maximum number of simultaneous jobs, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub(super) jobs: usize,
    /// Threads of a job; by default the processors divided by `jobs`.
    pub(super) threads: Option<u32>,
    /// Device of the computation: `auto`, `cpu` or `cuda`.
    pub(super) device: DevicePreference,
}

impl Default for LocalFile {
    fn default() -> Self {
        Self {
            trainer: None,
            deadline: jiff::SignedDuration::from_hours(6),
            memory: ByteSize::gib(8),
            forks: ForkLimitsFile::default(),
            jobs: 1,
            threads: None,
            device: DevicePreference::Auto,
        }
    }
}

/// Limits for pull requests from forks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ForkLimitsFile {
    /// Maximum wall time of a job.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) deadline: jiff::SignedDuration,
    /// Maximum resident memory of a job.
    #[schemars(with = "String")]
    pub(super) memory: ByteSize,
}

impl Default for ForkLimitsFile {
    fn default() -> Self {
        Self { deadline: jiff::SignedDuration::from_mins(30), memory: ByteSize::gib(4) }
    }
}

/// The executor of jobs, the number of workers, and the resources of a job.
pub(super) struct Jobs {
    pub(super) executor: slipway_executor::Settings,
    pub(super) workers: usize,
    pub(super) threads: u32,
    pub(super) device: DevicePreference,
}

/// Resolves the executor and the limits of jobs, or reports mistakes at its keys.
pub(super) fn resolve_executor(file: ExecutorFile, folder: &Path, problems: &mut Problems) -> Option<Jobs> {
    let ExecutorFile::Local(file) = file;
    let LocalFile { trainer, deadline, memory, forks, jobs, threads, device } = file;
    let trainer = match trainer {
        Some(path) => folder.join(path),
        None => problems.take("executor.local.trainer", slipway_executor::trainer_beside_us())?,
    };
    let sandbox = problems.take("executor.local", slipway_executor::sandbox_beside_us())?;
    let limits = resolve_job_limits("executor.local", deadline, memory, problems);
    let of_forks = resolve_job_limits("executor.local.forks", forks.deadline, forks.memory, problems);
    if !(1..=64).contains(&jobs) {
        problems.add("executor.local.jobs", format!("{jobs} is out of range, expected 1 to 64"));
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(|| u32::try_from((processors / jobs.max(1)).max(1)).unwrap_or(1));
    if !(1..=1024).contains(&threads) {
        problems.add("executor.local.threads", format!("{threads} is out of range, expected 1 to 1024"));
    }
    let executor = slipway_executor::Settings::Local { trainer, sandbox, limits: limits?, of_forks: of_forks? };
    Some(Jobs { executor, workers: jobs, threads, device })
}

/// Resolves the limits of a job, or reports mistakes below `key`.
fn resolve_job_limits(
    key: &str,
    deadline: jiff::SignedDuration,
    memory: ByteSize,
    problems: &mut Problems,
) -> Option<slipway_executor::Limits> {
    if memory < ByteSize::mib(256) {
        let problem = format!("{memory} is out of range, expected at least 256 MiB, which libtorch requires");
        problems.add(&format!("{key}.memory"), problem);
    }
    let deadline = problems.take(&format!("{key}.deadline"), positive(deadline))?;
    Some(slipway_executor::Limits { deadline, memory: memory.as_u64() })
}
