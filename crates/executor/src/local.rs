//! Jobs as child processes: each has its own process group, limits of time and memory, and is killed with all its descendants.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use slipway_contract::{Fault, Progress};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::{Executor, JobError, Limits, ProgramError, ProgramJob, ProgressSink, Provenance, program};

/// Interval of the memory check. A job can exceed its limit only by the memory that it fills within this time.
const WATCH: Duration = Duration::from_millis(100);
/// The longest line of progress in bytes; the trainer's own lines are far shorter.
const MAX_LINE_LENGTH: usize = 64 << 10;
/// Number of bytes of standard error that are kept, from its end.
const STDERR_TAIL_BYTES: usize = 4 << 10;
/// The nice value of a trainer (nice(1)): with competition for the processor it gets a fifth of the share of a default process.
const NICENESS: i32 = 7;

/// Starts `slipway-trainer` on this machine.
pub(super) struct LocalExecutor {
    trainer: PathBuf,
    sandbox: PathBuf,
    limits: Limits,
    of_forks: Limits,
}

impl LocalExecutor {
    /// Creates an executor that starts trainer and sandbox within `limits`, and jobs from forks within `of_forks`.
    pub(super) fn new((trainer, sandbox): (PathBuf, PathBuf), limits: Limits, of_forks: Limits) -> Self {
        Self { trainer, sandbox, limits, of_forks }
    }

    fn start(&self, folder: &Path) -> Result<Child, JobError> {
        let mut command = Command::new(&self.trainer);
        command
            .arg("--job")
            .arg(folder)
            .current_dir(folder)
            .env_clear()
            // An open pipe without a writer: when this server ends, the trainer reads the end of the pipe and stops.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        // Waiting threads sleep instead of spinning. Spinning gains nothing on idle processors. On shared processors it takes
        // time from the thread that the others wait for: measured, ten times as slow.
        command.env("OMP_WAIT_POLICY", "passive");
        for (name, value) in inherited_environment() {
            command.env(name, value);
        }
        command.spawn().map_err(|error| JobError::NotStarted { detail: format!("{}: {error}", self.trainer.display()) })
    }
}

/// Variables that a trainer inherits: paths of libraries and settings of GPUs. Everything else, including secrets, stays with the
/// server.
fn inherited_environment() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        matches!(&*name, "PATH" | "LD_LIBRARY_PATH" | "TZ" | "LANG")
            || name.starts_with("CUDA_")
            || name.starts_with("NVIDIA_")
            || name.starts_with("GLIBC_TUNABLES")
    })
}

/// Lowers the priority of a trainer below the server, which serves users, and other work on the machine. If this fails, the
/// trainer keeps the default priority.
fn yield_to_others(trainer: Option<Pid>) {
    if trainer.is_some() {
        let _ = rustix::process::setpriority_process(trainer, NICENESS);
    }
}

/// Kills the whole process group on drop.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error means that the group is empty, which is the desired state.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Why a job ended.
enum Ended {
    Exit(ExitStatus),
    Memory(u64),
    Deadline,
    Cancelled,
}

#[async_trait]
impl Executor for LocalExecutor {
    async fn run(
        &self,
        folder: &Path,
        provenance: Provenance,
        progress: ProgressSink<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), JobError> {
        let mut child = self.start(folder)?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = Group(pid);
        yield_to_others(pid);
        let _lifeline = child.stdin.take();
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let mut fault = None;
        let listen = listen(stdout, progress, &mut fault);
        let stderr_tail = stderr_tail(stderr);
        let limits = match provenance {
            Provenance::Repository => self.limits,
            Provenance::Fork => self.of_forks,
        };
        let watch = async {
            let ended = tokio::select! {
                status = child.wait() => status.map_or(Ended::Cancelled, Ended::Exit),
                used = memory_above(pid, limits.memory) => Ended::Memory(used),
                () = tokio::time::sleep(limits.deadline) => Ended::Deadline,
                () = cancel.cancelled() => Ended::Cancelled,
            };
            drop(group); // closes the pipes, so that the readers below reach the end
            ended
        };
        let (ended, (), output) = tokio::join!(watch, listen, stderr_tail);
        // Reaps the process if this server killed it; after that the process is certainly gone.
        let _ = child.wait().await;
        let Limits { deadline, memory } = limits;
        match ended {
            Ended::Exit(status) => judge(status, fault, output),
            Ended::Memory(used) => Err(JobError::OutOfMemory {
                detail: format!("{} used, {} allowed", mebibytes(used), mebibytes(memory)),
            }),
            Ended::Deadline => Err(JobError::Deadline { limit: deadline }),
            Ended::Cancelled => Err(JobError::Cancelled),
        }
    }

    async fn run_program(
        &self,
        job: &ProgramJob<'_>,
        provenance: Provenance,
        progress: ProgressSink<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), ProgramError> {
        let of_forks = (provenance == Provenance::Fork).then_some(self.of_forks);
        program::run(&self.sandbox, job, of_forks, progress, cancel).await
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// Combines the exit status and the trainer's own report (the codes are those of the contract's `Job`).
fn judge(status: ExitStatus, fault: Option<Fault>, output: String) -> Result<(), JobError> {
    use slipway_contract::FaultKind;
    use std::os::unix::process::ExitStatusExt as _;
    if let Some(signal) = status.signal() {
        return Err(match signal {
            // Kills by this server are handled before: another process sent this signal.
            9 => JobError::Killed { detail: output },
            signal => JobError::Crash { signal, detail: output },
        });
    }
    match (status.code().unwrap_or(-1), fault) {
        (0, None) => Ok(()),
        (137, fault) => Err(JobError::OutOfMemory { detail: fault.map_or(output, |fault| fault.message) }),
        (101, fault) => Err(JobError::Panic { detail: fault.map_or(output, |fault| fault.message) }),
        (_, Some(fault)) if fault.kind == FaultKind::Memory => Err(JobError::OutOfMemory { detail: fault.message }),
        (_, Some(fault)) => Err(JobError::Fault(fault)),
        (code, None) => Err(JobError::Exit { code, detail: output }),
    }
}

/// Returns once the process holds more than `limit` bytes of memory; otherwise never.
async fn memory_above(pid: Option<Pid>, limit: u64) -> u64 {
    let Some(pid) = pid else {
        return std::future::pending().await;
    };
    let statm = format!("/proc/{}/statm", pid.as_raw_nonzero());
    let page = rustix::param::page_size() as u64;
    loop {
        tokio::time::sleep(WATCH).await;
        // proc_pid_statm(5): the second number is the resident set in pages.
        let resident = tokio::fs::read_to_string(&statm).await.ok();
        let pages =
            resident.as_deref().and_then(|text| text.split(' ').nth(1)).and_then(|pages| pages.parse::<u64>().ok());
        if let Some(used) = pages.map(|pages| pages.saturating_mul(page))
            && used > limit
        {
            return used;
        }
    }
}

/// Forwards every line of progress and stores the fault, if there is one. Drops lines that are not progress.
async fn listen(stdout: impl AsyncRead + Unpin, progress: ProgressSink<'_>, fault: &mut Option<Fault>) {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = (&mut reader).take(MAX_LINE_LENGTH as u64);
        match bounded.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let Ok(said) = serde_json::from_slice::<Progress>(&line) else {
            continue;
        };
        if let Progress::Failed { fault: said } = &said {
            *fault = Some(said.clone());
        }
        progress(said);
    }
}

/// The last bytes of standard error, as text.
async fn stderr_tail(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * STDERR_TAIL_BYTES {
            kept.drain(..kept.len() - STDERR_TAIL_BYTES);
        }
    }
    let start = kept.len().saturating_sub(STDERR_TAIL_BYTES);
    String::from_utf8_lossy(&kept[start..]).trim().to_owned()
}
