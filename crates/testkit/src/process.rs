//! The built `slipway` binary as a process: started, asked for its address, and ended in every way there is.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::api::Api;

/// How long a server may take to listen, and to end.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the words of a server that was ended are collected: a child of its may still hold the pipe.
const STDERR_TIMEOUT: Duration = Duration::from_secs(2);

/// A running server; killed when it is dropped.
#[derive(Debug)]
pub struct SlipwayProcess {
    child: Child,
    address: String,
    token: Option<String>,
    errors: Arc<Mutex<String>>,
    _readers: JoinSet<()>,
}

/// The built program beside this one (`target/debug` or `target/release`).
pub fn built(name: &str) -> Result<PathBuf> {
    let ourselves = std::env::current_exe()?;
    let found = ourselves.ancestors().skip(1).take(3).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("`{name}` is not built\n  help: make build"))
}

impl SlipwayProcess {
    /// Starts `slipway serve --config CONFIG …` and waits until it listens. Its API is asked with the token in the file
    /// `token` beside the settings, if there is one.
    pub async fn start(binary: &Path, config: &Path, more: &[&str]) -> Result<Self> {
        let token = std::fs::read_to_string(config.with_file_name("token")).ok();
        let token = token.map(|token| token.trim().to_owned());
        let mut child = Command::new(binary)
            .arg("serve")
            .arg("--config")
            .arg(config)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} did not start", binary.display()))?;
        let errors = Arc::new(Mutex::new(String::new()));
        let mut readers = JoinSet::new();
        let stderr = BufReader::new(child.stderr.take().context("standard error is a pipe")?);
        readers.spawn(collect(stderr, Arc::clone(&errors)));
        let mut lines = BufReader::new(child.stdout.take().context("standard output is a pipe")?).lines();
        let first = timeout(TIMEOUT, lines.next_line()).await;
        let address = match first {
            Ok(line) => line?.and_then(|line| line.strip_prefix("listening on ").map(str::to_owned)),
            Err(_) => None,
        };
        let Some(address) = address else {
            // It may well be alive, and would then hold its standard error open for as long as it likes.
            child.kill().await.ok();
            let drained = async { while readers.join_next().await.is_some() {} };
            timeout(STDERR_TIMEOUT, drained).await.ok();
            bail!("the server does not listen: {}", text_of(&errors).trim_end());
        };
        readers.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, address, token, errors, _readers: readers })
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its API.
    pub fn api(&self) -> Api {
        let api = Api::at(&self.address);
        match &self.token {
            Some(token) => api.with_token(token),
            None => api,
        }
    }

    /// What it said on standard error so far.
    pub fn errors(&self) -> String {
        text_of(&self.errors)
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let pid = self.child.id().context("the server has ended")?;
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
        let pages: u64 = statm.split(' ').nth(1).context("two numbers")?.parse()?;
        Ok(pages * rustix::param::page_size() as u64)
    }

    /// The most resident memory it had so far, in bytes.
    pub fn peak_resident_bytes(&self) -> Result<u64> {
        self.status_bytes("VmHWM:")
    }

    /// Memory that is the process's own, in bytes: not the pages of its program file, which the system maps as it likes and
    /// takes back when it needs them. A build without optimisation has twice as many of those.
    pub fn anonymous_bytes(&self) -> Result<u64> {
        self.status_bytes("RssAnon:")
    }

    /// A size in the kernel's account of the process; see `proc_pid_status(5)`.
    fn status_bytes(&self, field: &str) -> Result<u64> {
        let pid = self.child.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let size = status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB"));
        Ok(size.with_context(|| format!("a line `{field}`"))?.parse::<u64>()? * 1024)
    }

    /// Processes that this server started and that are still there.
    pub fn children(&self) -> Result<Vec<u32>> {
        let pid = self.child.id().context("the server has ended")?;
        let mut found = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        Ok(found)
    }

    /// Ends it as the kernel ends processes: at once, without a word.
    pub async fn kill_9(mut self) -> Result<()> {
        self.child.kill().await.context("the server could not be killed")
    }

    /// Its process.
    pub fn id(&self) -> Result<u32> {
        self.child.id().context("the server has ended")
    }

    /// Has it read its settings again.
    pub fn reload(&self) -> Result<()> {
        Ok(kill_process(self.pid()?, Signal::HUP)?)
    }

    /// Stops it where it is, as a machine that is suspended would, or lets it go on.
    pub fn pause(&self, paused: bool) -> Result<()> {
        let signal = if paused { Signal::STOP } else { Signal::CONT };
        Ok(kill_process(self.pid()?, signal)?)
    }

    fn pid(&self) -> Result<Pid> {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        pid.context("the server has ended")
    }

    /// Asks it to end and waits until it has.
    pub async fn terminate(mut self) -> Result<ExitStatus> {
        kill_process(self.pid()?, Signal::TERM)?;
        self.wait().await
    }

    /// Waits until it ends by itself.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        timeout(TIMEOUT, self.child.wait()).await.context("the server does not end")?.context("it cannot be waited for")
    }
}

fn text_of(errors: &Mutex<String>) -> String {
    errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

async fn collect(reader: BufReader<tokio::process::ChildStderr>, into: Arc<Mutex<String>>) {
    let mut lines = reader.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut text = into.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(&line);
        text.push('\n');
    }
}
