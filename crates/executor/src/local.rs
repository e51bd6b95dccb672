//! Jobs as child processes: a process group each, watched for time and memory, ended with everything they started.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use slipway_contract::{Fault, Progress};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::{Executor, JobError, Limits, ProgressSink, Provenance};

/// How often memory is looked at: a job cannot fill much more than this long's worth beyond its limit.
const WATCH: Duration = Duration::from_millis(100);
/// The longest line of progress that is read; the trainer's own lines stay far below.
const MAX_LINE_LENGTH: usize = 64 << 10;
/// How much of what the trainer says on standard error is kept: its last words.
const STDERR_TAIL_BYTES: usize = 4 << 10;
/// How much a trainer stands back where others want the processor as well (nice(1)): a fifth of a usual process's share.
const NICENESS: i32 = 7;

/// Starts `slipway-trainer` on this machine.
pub(super) struct LocalExecutor {
    trainer: PathBuf,
    limits: Limits,
    of_forks: Limits,
}

impl LocalExecutor {
    /// An executor that starts `trainer` under `limits`, and under other ones what forks propose.
    pub(super) fn new(trainer: PathBuf, limits: Limits, of_forks: Limits) -> Self {
        Self { trainer, limits, of_forks }
    }

    fn start(&self, folder: &Path) -> Result<Child, JobError> {
        let mut command = Command::new(&self.trainer);
        command
            .arg("--job")
            .arg(folder)
            .current_dir(folder)
            .env_clear()
            // An open pipe that nobody writes to: when this server is gone, the trainer sees its end and stops.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        // Threads that wait for others sleep instead of spinning. Spinning gains nothing on idle processors, and on
        // shared ones it takes the time of the very thread that is waited for: measured, ten times as slow.
        command.env("OMP_WAIT_POLICY", "passive");
        for (name, value) in inherited_environment() {
            command.env(name, value);
        }
        command.spawn().map_err(|error| JobError::NotStarted { detail: format!("{}: {error}", self.trainer.display()) })
    }
}

/// What a trainer needs from the environment: how to find libraries and GPUs. Everything else, secrets included,
/// stays with the server.
fn inherited_environment() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        matches!(&*name, "PATH" | "LD_LIBRARY_PATH" | "TZ" | "LANG")
            || name.starts_with("CUDA_")
            || name.starts_with("NVIDIA_")
            || name.starts_with("GLIBC_TUNABLES")
    })
}

/// Trainers take what processors are left over: the server, which has people waiting for it, and the machine's other work
/// come first. Where that cannot be set, they take their share.
fn yield_to_others(trainer: Option<Pid>) {
    if trainer.is_some() {
        let _ = rustix::process::setpriority_process(trainer, NICENESS);
    }
}

/// Ends the whole process group when it goes out of scope, however that happens.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error means that nobody is left in the group, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Why a job was ended by us.
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
            drop(group); // closes the pipes, so that the readers below come to their end
            ended
        };
        let (ended, (), output) = tokio::join!(watch, listen, stderr_tail);
        // Reaps the process if it was ended by us; after that it is known to be gone.
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
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// What an exit status and the trainer's own words mean together (the codes are those of the contract's `Job`).
fn judge(status: ExitStatus, fault: Option<Fault>, output: String) -> Result<(), JobError> {
    use slipway_contract::FaultKind;
    use std::os::unix::process::ExitStatusExt as _;
    if let Some(signal) = status.signal() {
        return Err(match signal {
            // What we end ourselves is told apart before: this was somebody else.
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

/// Returns once the process holds more than `limit` bytes of memory; never, if it stays below.
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

/// Hands on every line of progress, and keeps the fault if there is one. Lines that are not progress are dropped.
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
