//! The environment of the tests of this crate: a git server with one repository, and a mirror of it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::{Deadlines, GitError, Identity, Mirror, Outcome, Proposal, Remote, Snapshot, Trailer, WriteRequest};
use slipway_domain::CommitSha;

use crate::batch;
use crate::round::Job;

use super::server::Server;

/// Lands one promotion without waiting for others.
pub(super) fn commit_and_push<E: From<GitError>>(
    mirror: &Mirror,
    request: &WriteRequest,
    mut propose: impl FnMut(&Snapshot<'_>) -> Result<Proposal, E>,
) -> Result<Outcome, E> {
    let mut results = batch::land(mirror, vec![Job { request, propose: &mut propose, built: &mut |_| Ok(()) }]);
    results.pop().expect("one job has one result")
}

pub(super) const REPOSITORY: &str = "environment.git";

/// Isolates a command from the git configuration of the user who runs the tests.
pub(super) fn isolated(mut command: Command, home: &Path) -> Command {
    command
        .env("HOME", home)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE");
    command
}

pub(super) struct World {
    pub(super) server: Server,
    pub(super) root: TempDir,
}

impl World {
    /// A server with an empty repository.
    pub(super) fn empty() -> Self {
        Self::with_format("sha1")
    }

    pub(super) fn with_format(format: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { server: Server::start(root.path()), root }.initialised(format)
    }

    /// A server with TLS and a repository with one manifest.
    pub(super) fn with_tls() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { server: Server::start_with_tls(root.path()), root }.initialised("sha1").with_manifest()
    }

    fn initialised(self, format: &str) -> Self {
        let world = self;
        let format = format!("--object-format={format}");
        world.run(&["init", "-q", "--bare", "-b", "main", &format, world.repository().to_str().unwrap()], "");
        world.git(&["config", "http.receivepack", "true"]);
        world
    }

    /// A server and a repository with one manifest.
    pub(super) fn new() -> Self {
        Self::empty().with_manifest()
    }

    fn with_manifest(self) -> Self {
        self.commit(&[("100644", "apps/model.yaml", "tag: v0\n"), ("100644", "README.md", "hello\n")]);
        self
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.root.path().join(REPOSITORY)
    }

    /// Runs git inside the server's repository.
    pub(super) fn git(&self, arguments: &[&str]) -> String {
        self.run(arguments, "")
    }

    /// Runs git inside the server's repository with this standard input.
    pub(super) fn git_with(&self, arguments: &[&str], input: &str) -> String {
        self.run(arguments, input)
    }

    fn run(&self, arguments: &[&str], input: &str) -> String {
        git_in(&self.repository(), self.root.path(), arguments, input)
    }

    /// A commit of another author on `main`, made on the server: `(mode, path, content or submodule commit)`.
    pub(super) fn commit(&self, files: &[(&str, &str, &str)]) -> CommitSha {
        commit_in(&self.repository(), self.root.path(), files)
    }

    pub(super) fn remote(&self) -> Remote {
        Remote::new(&self.server.url(REPOSITORY), "main", None).unwrap()
    }

    pub(super) fn mirror(&self) -> Mirror {
        self.mirror_at("mirrors", self.remote())
    }

    pub(super) fn mirror_at(&self, folder: &str, remote: Remote) -> Mirror {
        Mirror::open(&self.root.path().join(folder), remote).unwrap()
    }

    /// A mirror with short deadlines.
    pub(super) fn impatient_mirror(&self) -> Mirror {
        let short = Duration::from_millis(300);
        let deadlines = Deadlines { connect: short, read: short, overall: Duration::from_secs(20) };
        self.mirror_at("impatient", self.remote().with_deadlines(deadlines))
    }

    pub(super) fn hook(&self, name: &str, script: &str) {
        let path = self.repository().join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(super) fn tip(&self) -> CommitSha {
        self.git(&["rev-parse", "main"]).trim().parse().unwrap()
    }

    /// The content of a file at the tip of `main`.
    pub(super) fn file(&self, path: &str) -> String {
        self.git(&["show", &format!("main:{path}")])
    }

    /// Number of commits on `main`.
    pub(super) fn count(&self) -> usize {
        self.git(&["rev-list", "--count", "main"]).trim().parse().unwrap()
    }

    pub(super) fn is_sound(&self) {
        self.git(&["fsck", "--strict", "--no-dangling"]);
    }

    /// The generations of this world's mirror on disk; normally there is one.
    pub(super) fn generations(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.root.path().join("mirrors")).unwrap().next().unwrap().unwrap().path();
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

pub(super) fn git_in(folder: &Path, home: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = isolated(Command::new("git"), home);
    if folder.exists() {
        command.current_dir(folder);
    }
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A commit of another author on `main` of a bare repository.
pub(super) fn commit_in(repository: &Path, home: &Path, files: &[(&str, &str, &str)]) -> CommitSha {
    let known = git_in(repository, home, &["for-each-ref", "refs/heads/main"], "");
    let mut stream = "commit refs/heads/main\ncommitter Somebody <else@example.org> 1700000000 +0000\n".to_owned();
    stream.push_str("data 13\nsomebody else\n");
    if !known.is_empty() {
        stream.push_str("from refs/heads/main^0\n");
    }
    for (mode, path, content) in files {
        if *mode == "160000" {
            writeln!(stream, "M {mode} {content} {path}").unwrap();
        } else {
            writeln!(stream, "M {mode} inline {path}\ndata {}\n{content}", content.len()).unwrap();
        }
    }
    git_in(repository, home, &["fast-import", "--quiet", "--done"], &format!("{stream}\ndone\n"));
    git_in(repository, home, &["rev-parse", "main"], "").trim().parse().unwrap()
}

pub(super) fn promotion(id: &str) -> WriteRequest {
    let slipway = Identity { name: "Slipway".to_owned(), email: "slipway@example.org".to_owned() };
    WriteRequest {
        author: slipway.clone(),
        committer: slipway,
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        trailer: Trailer { key: "Slipway-Promotion".to_owned(), value: id.to_owned() },
    }
}

pub(super) fn change(path: &str, content: &str) -> Proposal {
    Proposal::Change {
        changes: vec![(path.to_owned(), content.as_bytes().to_vec())],
        message: format!("promote {}", content.trim()),
    }
}

/// Lands `content` at `path` as the promotion `id`.
pub(super) fn promote(mirror: &Mirror, id: &str, path: &str, content: &str) -> Result<Outcome, GitError> {
    commit_and_push(mirror, &promotion(id), |_: &Snapshot<'_>| Ok(change(path, content)))
}

/// Appends a line to a file, independent of its other content: a change that must be proposed again on each tip.
pub(super) fn append(mirror: &Mirror, id: &str, path: &str) -> Result<Outcome, GitError> {
    commit_and_push(mirror, &promotion(id), |tip: &Snapshot<'_>| {
        let before = tip.read_file(path, 1 << 20)?.unwrap_or_default();
        let before = String::from_utf8_lossy(&before).into_owned();
        Ok::<_, GitError>(change(path, &format!("{before}{id}\n")))
    })
}
