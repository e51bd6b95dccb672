//! Environment repositories as platforms have them: many teams, applications and environments, one file each.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Commits in the history of a generated repository.
const COMMITS: usize = 2_000;
const ENVIRONMENTS: [&str; 4] = ["development", "staging", "canary", "production"];

/// A bare repository on this machine.
pub(crate) struct Generated {
    pub(crate) path: PathBuf,
    pub(crate) files: usize,
    commits: std::cell::Cell<usize>,
}

/// The path of a file by its number.
pub(crate) fn path_of(number: usize) -> String {
    let environment = ENVIRONMENTS[number % ENVIRONMENTS.len()];
    let application = number / ENVIRONMENTS.len();
    format!("teams/team-{:02}/app-{application:05}/envs/{environment}/values.yaml", application % 50)
}

fn content_of(number: usize, tag: &str) -> String {
    format!(
        "# values of application {number}\nreplicaCount: 3\nimage:\n  repository: registry.example/app-{number}\n  tag: \"{tag}\"\nresources:\n  limits: {{cpu: \"1\", memory: 512Mi}}\n"
    )
}

impl Generated {
    /// Makes a repository of so many files, with a history.
    pub(crate) fn make(folder: &Path, files: usize) -> Result<Self> {
        let path = folder.join(format!("r{files}.git"));
        git(folder, &["init", "-q", "--bare", "-b", "main", &path.display().to_string()])?;
        git(&path, &["config", "http.receivepack", "true"])?;
        git(&path, &["config", "gc.auto", "0"])?;
        git(&path, &["config", "receive.autogc", "false"])?;
        let mut stream = head("initial");
        for number in 0..files {
            add_file(&mut stream, &path_of(number), &content_of(number, "v0"))?;
        }
        for commit in 0..COMMITS {
            stream.push_str(&head(&format!("change {commit}")));
            let number = commit * 37 % files;
            add_file(&mut stream, &path_of(number), &content_of(number, &format!("v{commit}")))?;
        }
        let generated = Self { path, files, commits: std::cell::Cell::new(0) };
        generated.import(&stream)?;
        git(&generated.path, &["repack", "-adq"])?;
        Ok(generated)
    }

    /// Somebody else's commit.
    pub(crate) fn foreign_commit(&self) -> Result<()> {
        let number = self.commits.get();
        self.commits.set(number + 1);
        let mut stream = head(&format!("foreign {number}"));
        stream.push_str("from refs/heads/main^0\n");
        let file = (number * 101 + 17) % self.files;
        add_file(&mut stream, &path_of(file), &content_of(file, &format!("foreign-{number}")))?;
        self.import(&stream)
    }

    /// The messages of all commits on a branch.
    pub(crate) fn messages(&self, branch: &str) -> Result<String> {
        git(&self.path, &["log", "--format=%B", branch])
    }

    /// A branch at the tip of `main`.
    pub(crate) fn branch(&self, name: &str) -> Result<()> {
        git(&self.path, &["update-ref", &format!("refs/heads/{name}"), "refs/heads/main"]).map(drop)
    }

    fn import(&self, stream: &str) -> Result<()> {
        let mut child = isolated()
            .current_dir(&self.path)
            .args(["fast-import", "--quiet", "--done"])
            .stdin(Stdio::piped())
            .spawn()
            .context("git fast-import did not start")?;
        let mut input = child.stdin.take().context("no standard input")?;
        input.write_all(stream.as_bytes())?;
        input.write_all(b"done\n")?;
        drop(input);
        ensure!(child.wait()?.success(), "git fast-import failed");
        Ok(())
    }
}

fn head(message: &str) -> String {
    let length = message.len();
    format!(
        "commit refs/heads/main\ncommitter Somebody <else@example.org> 1700000000 +0000\ndata {length}\n{message}\n"
    )
}

fn add_file(stream: &mut String, path: &str, content: &str) -> Result<()> {
    Ok(writeln!(stream, "M 100644 inline {path}\ndata {}\n{content}", content.len())?)
}

/// git without the configuration of whoever measures.
pub(crate) fn isolated() -> Command {
    let mut command = Command::new("git");
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_SSL_CAINFO", crate::tls::authority())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "Peer")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "peer@example.org")));
    command
}

/// Runs git and returns what it prints.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = isolated().current_dir(folder).args(arguments).output().context("git did not start")?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {arguments:?}: {message}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
