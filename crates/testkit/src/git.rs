//! Runs the plain `git` client, cut off from the configuration of whoever starts it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// No git command of a test or of the demo has a reason to take longer.
const DEADLINE: Duration = Duration::from_mins(2);

/// What a git command did and said.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error, with the `remote:` lines of a server's hooks.
    pub stderr: String,
}

impl Spoken {
    /// Whether git ended with 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }
}

/// A command that sees no global or system git configuration, no credentials, and nothing of a surrounding git process.
pub fn isolated(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs `git ARGUMENTS` in `folder` and returns what it said, whatever its exit status.
pub async fn attempt<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Result<Spoken> {
    let mut command = isolated("git");
    command.args(arguments).current_dir(folder);
    let output = tokio::time::timeout(DEADLINE, command.output())
        .await
        .with_context(|| format!("`{}` did not end within {DEADLINE:?}", shown(arguments)))?
        .with_context(|| format!("`{}` did not start in {}", shown(arguments), folder.display()))?;
    Ok(Spoken {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs `git ARGUMENTS` in `folder` and returns its standard output; a failure carries what git said.
pub async fn run<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Result<String> {
    let spoken = attempt(folder, arguments).await?;
    if !spoken.success() {
        bail!("`{}` failed ({}): {}", shown(arguments), spoken.status, spoken.stderr.trim());
    }
    Ok(spoken.stdout)
}

/// Where git keeps its own programs, `git-http-backend` among them.
pub async fn exec_path() -> Result<PathBuf> {
    let text = run(Path::new("."), &["--exec-path"]).await?;
    Ok(PathBuf::from(text.trim_end()))
}

fn shown<A: AsRef<OsStr>>(arguments: &[A]) -> String {
    let words: Vec<OsString> = arguments.iter().map(|word| word.as_ref().to_owned()).collect();
    format!("git {}", words.join(OsStr::new(" ")).to_string_lossy())
}
