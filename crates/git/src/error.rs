//! Everything that can go wrong between Slipway and a git repository, each with what to do next.

use std::time::Duration;

use slipway_domain::CommitSha;
use slipway_domain::Retry;

/// Why reading or writing a repository failed. Repositories are named by their URL, which never holds credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// The settings name something that cannot be used as a remote.
    #[error("`{given}` cannot be used as a git remote: {problem}\n  help: {help}")]
    InvalidRemote {
        /// What was given, without credentials.
        given: String,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        help: String,
    },
    /// No answer came: name resolution, connection, TLS or a cut stream.
    #[error(
        "{repository}: expected an answer from the git server, came: {problem}\n  help: check that the server is up and reachable from here"
    )]
    Unreachable {
        /// The repository.
        repository: String,
        /// What the connection reported.
        problem: String,
    },
    /// The server kept silent for too long.
    #[error(
        "{repository}: expected an answer within {}, but the server was still silent\n  help: check the load of the server and its hooks", seconds(*.deadline)
    )]
    TimedOut {
        /// The repository.
        repository: String,
        /// The deadline that passed.
        deadline: Duration,
    },
    /// The server answered with a fault of its own (5xx).
    #[error(
        "{repository}: expected a git answer, came HTTP {status}: {message}\n  help: the fault is on the server's side, look at its log"
    )]
    ServerFault {
        /// The repository.
        repository: String,
        /// The HTTP status.
        status: u16,
        /// The first words of the answer.
        message: String,
    },
    /// The server asks for fewer requests (429).
    #[error("{repository}: the server limits requests and asks to wait {}", seconds(*.pause))]
    Throttled {
        /// The repository.
        repository: String,
        /// How long it asks to wait.
        pause: Duration,
    },
    /// The credentials were not accepted, or none were given (401).
    #[error("{repository}: the server refused {} (HTTP 401)\n  help: set a current username and token for this repository in the settings", if *.with_credentials { "these credentials" } else { "a request without credentials" })]
    Unauthorized {
        /// The repository.
        repository: String,
        /// Whether credentials were sent.
        with_credentials: bool,
    },
    /// The credentials are known but may not do this (403).
    #[error(
        "{repository}: access denied (HTTP 403): {message}\n  help: give the token read and write access to the contents of this repository"
    )]
    Forbidden {
        /// The repository.
        repository: String,
        /// The first words of the answer.
        message: String,
    },
    /// The server showed a host key that it may not show.
    #[error("{repository}: {problem}\n  help: {help}")]
    HostKey {
        /// The repository.
        repository: String,
        /// What is wrong with the key.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// The SSH key was not accepted.
    #[error(
        "{repository}: the server refused the SSH key {key} for `{user}`\n  help: add its public key to an account or as a deploy key that may read and write this repository"
    )]
    KeyRefused {
        /// The repository.
        repository: String,
        /// Who was to be logged in.
        user: String,
        /// The key's fingerprint.
        key: String,
    },
    /// The program on an SSH server ended, or was not run, before it said anything.
    #[error(
        "{repository}: expected a git answer, came: {message}\n  help: check that the URL is the one that `git clone` takes, and what the key may see"
    )]
    ProgramEnded {
        /// The repository.
        repository: String,
        /// The server's own words.
        message: String,
    },
    /// There is no repository at this URL, or not for these credentials (404).
    #[error(
        "{repository}: expected a git repository, came HTTP 404\n  help: check the URL; many servers also answer 404 when the token may not see the repository"
    )]
    RepositoryMissing {
        /// The repository.
        repository: String,
    },
    /// Something that is not the git protocol answered.
    #[error(
        "{repository}: expected a git answer, came: {problem}\n  help: check that the URL is the one that `git clone` takes"
    )]
    UnexpectedAnswer {
        /// The repository.
        repository: String,
        /// What came.
        problem: String,
    },
    /// The repository exists but is of a kind that is not supported.
    #[error(
        "{repository}: expected a SHA-1 repository, came: {problem}\n  help: SHA-256 repositories are not supported yet"
    )]
    UnsupportedRepository {
        /// The repository.
        repository: String,
        /// What it is.
        problem: String,
    },
    /// The branch does not exist, or the repository is empty.
    #[error("{repository}: expected a branch `{branch}`, came {}\n  help: push a first commit to `{branch}`, or name another branch in the settings", if *.empty { "an empty repository" } else { "a repository without it" })]
    BranchMissing {
        /// The repository.
        repository: String,
        /// The branch that was looked for.
        branch: String,
        /// Whether the repository has no refs at all.
        empty: bool,
    },
    /// A commit that is not in the mirror.
    #[error(
        "{repository}: commit {commit} is not in the mirror of `{branch}`\n  help: fetch first; a commit that was force-pushed away is gone"
    )]
    UnknownCommit {
        /// The repository.
        repository: String,
        /// The branch that is mirrored.
        branch: String,
        /// The commit that was asked for.
        commit: CommitSha,
    },
    /// A path that cannot be read, exported or changed.
    #[error("{repository}: `{path}` {problem}\n  help: {help}")]
    UnusablePath {
        /// The repository.
        repository: String,
        /// The path inside the repository.
        path: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// More files, entries or bytes than a limit allows.
    #[error(
        "{repository}: expected at most {limit} {unit}, came more ({what})\n  help: narrow the paths, or raise the limit in the server's settings"
    )]
    LimitExceeded {
        /// The repository.
        repository: String,
        /// What was being read.
        what: String,
        /// The limit.
        limit: u64,
        /// What the limit counts.
        unit: &'static str,
    },
    /// More models in a repository than are looked at.
    #[error(
        "{repository}: expected at most {limit} files `slipway.yaml`, came {found} at {commit}\n  help: move some of the models to another repository; until then none of this repository is judged"
    )]
    TooManyModels {
        /// The repository.
        repository: String,
        /// The revision.
        commit: CommitSha,
        /// How many there may be.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// A commit that cannot be written as it was proposed.
    #[error("{repository}: the commit cannot be written: {problem}\n  help: {help}")]
    InvalidCommit {
        /// The repository.
        repository: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// The mirror's folder cannot be used, and remaking it did not help.
    #[error(
        "{repository}: its mirror at `{folder}` cannot be used: {problem}\n  help: check free space and permissions; the folder is a cache and may be deleted"
    )]
    Mirror {
        /// The repository.
        repository: String,
        /// Where the mirror lives.
        folder: String,
        /// What the file system or the object store said.
        problem: String,
    },
    /// The folder that an export was to fill cannot be filled.
    #[error(
        "{repository}: cannot export to `{folder}`: {problem}\n  help: export to a folder that is new or empty, on a disk with free space"
    )]
    Export {
        /// The repository.
        repository: String,
        /// The folder.
        folder: String,
        /// What the file system said.
        problem: String,
    },
    /// The server refused the commit: a hook, or a protected branch. Nothing was written.
    #[error(
        "{repository}: the server refused the commit on `{branch}`: {message}\n  help: satisfy the rule the server names, or let Slipway's account write to this branch"
    )]
    Refused {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// The server's own words.
        message: String,
    },
    /// The branch is protected, and Slipway's account may not write to it. Nothing was written.
    #[error(
        "{repository}: `{branch}` is a protected branch: {message}\n  help: let Slipway's account push to this branch, or promote to it by pull request"
    )]
    ProtectedBranch {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// The server's own words.
        message: String,
    },
    /// The writer that was about to push this together with others stopped before it could say how that ended.
    #[error(
        "{repository}: the writer of `{branch}` stopped half-way\n  help: it is tried again; what landed is recognised. The log says what stopped it"
    )]
    WriterStopped {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
    },
    /// Others were faster, every time.
    #[error(
        "{repository}: `{branch}` moved before each of {attempts} pushes\n  help: it is tried again later; make other writers of this branch write less often"
    )]
    LostRace {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// How many times it was tried.
        attempts: u32,
    },
    /// Another server that shares the store writes the branch, or the store cannot be asked.
    #[error(
        "{repository}: it is not this server's turn to write `{branch}`: {problem}\n  help: it is tried again later"
    )]
    LockNotAcquired {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// What the store says.
        problem: String,
    },
    /// A push ended without an answer, and the remote could not be asked whether it landed.
    #[error(
        "{repository}: it is not known whether commit {commit} reached `{branch}`: {problem}\n  help: try again later; the commit is looked for before anything is repeated"
    )]
    Uncertain {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// The commit that was sent.
        commit: CommitSha,
        /// How the push ended.
        problem: String,
    },
}

impl GitError {
    /// Whether the same again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Throttled { pause, .. } => Retry::After(*pause),
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::ServerFault { .. }
            | Self::Mirror { .. }
            | Self::Export { .. }
            | Self::LostRace { .. }
            | Self::LockNotAcquired { .. }
            | Self::WriterStopped { .. }
            | Self::ProgramEnded { .. }
            | Self::Uncertain { .. } => Retry::Backoff,
            Self::InvalidRemote { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::HostKey { .. }
            | Self::KeyRefused { .. }
            | Self::RepositoryMissing { .. }
            | Self::UnexpectedAnswer { .. }
            | Self::UnsupportedRepository { .. }
            | Self::BranchMissing { .. }
            | Self::UnknownCommit { .. }
            | Self::UnusablePath { .. }
            | Self::LimitExceeded { .. }
            | Self::TooManyModels { .. }
            | Self::InvalidCommit { .. }
            | Self::ProtectedBranch { .. }
            | Self::Refused { .. } => Retry::Never,
        }
    }
}

/// A duration for people: tenths of a second are enough.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
