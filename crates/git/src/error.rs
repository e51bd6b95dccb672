//! Errors between Slipway and a git repository, each with the next step for the user.

use std::time::Duration;

use slipway_domain::CommitSha;
use slipway_domain::Retry;

/// Why reading or writing a repository failed. Messages identify repositories by their URL, which never contains credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// The settings contain an unusable remote.
    #[error("`{given}` cannot be used as a git remote: {problem}\n  help: {help}")]
    InvalidRemote {
        /// The given remote, without credentials.
        given: String,
        /// The problem.
        problem: String,
        /// A valid alternative.
        help: String,
    },
    /// The server could not be reached: name resolution, connection, TLS or an interrupted stream.
    #[error(
        "{repository}: the git server cannot be reached: {problem}\n  help: check that the server runs and that this machine can reach it"
    )]
    Unreachable {
        /// The repository.
        repository: String,
        /// The error of the connection.
        problem: String,
    },
    /// The server did not answer in time.
    #[error(
        "{repository}: the server did not respond within {}\n  help: check the load of the server and its hooks", seconds(*.deadline)
    )]
    TimedOut {
        /// The repository.
        repository: String,
        /// The exceeded deadline.
        deadline: Duration,
    },
    /// The server answered with an internal error (5xx).
    #[error(
        "{repository}: expected a response of a git server, found HTTP {status}: {message}\n  help: see the log of the git server"
    )]
    ServerFault {
        /// The repository.
        repository: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        message: String,
    },
    /// The server limits the request rate (429).
    #[error("{repository}: the server limits requests: the next attempt follows in {}", seconds(*.pause))]
    Throttled {
        /// The repository.
        repository: String,
        /// The pause that it requests.
        pause: Duration,
    },
    /// The credentials were rejected, or none were sent (401).
    #[error("{repository}: the server refused {} (HTTP 401)\n  help: set a current username and token for this repository in the settings", if *.with_credentials { "these credentials" } else { "a request without credentials" })]
    Unauthorized {
        /// The repository.
        repository: String,
        /// Whether credentials were sent.
        with_credentials: bool,
    },
    /// The credentials are valid but lack the permission (403).
    #[error(
        "{repository}: access denied (HTTP 403): {message}\n  help: give the token read and write access to the contents of this repository"
    )]
    Forbidden {
        /// The repository.
        repository: String,
        /// The beginning of the answer.
        message: String,
    },
    /// The server presented a host key that is not permitted.
    #[error("{repository}: {problem}\n  help: {help}")]
    HostKey {
        /// The repository.
        repository: String,
        /// The problem with the key.
        problem: String,
        /// The remedy.
        help: String,
    },
    /// The SSH key was rejected.
    #[error(
        "{repository}: the server refused the SSH key {key} for `{user}`\n  help: add its public key to an account or as a deploy key that may read and write this repository"
    )]
    KeyRefused {
        /// The repository.
        repository: String,
        /// The user of the login.
        user: String,
        /// The key's fingerprint.
        key: String,
    },
    /// The program on an SSH server ended, or was not started, before it sent anything.
    #[error(
        "{repository}: expected a response of a git server, found: {message}\n  help: check that `git clone` accepts the URL, and that the key may read the repository"
    )]
    ProgramEnded {
        /// The repository.
        repository: String,
        /// The server's message.
        message: String,
    },
    /// The repository does not exist at this URL, or is not visible with these credentials (404).
    #[error(
        "{repository}: expected a git repository, found HTTP 404\n  help: check the URL; many servers also respond with 404 if the token may not read the repository"
    )]
    RepositoryMissing {
        /// The repository.
        repository: String,
    },
    /// The answer does not follow the git protocol.
    #[error(
        "{repository}: expected a response of a git server, found: {problem}\n  help: check that `git clone` accepts the URL"
    )]
    UnexpectedAnswer {
        /// The repository.
        repository: String,
        /// The received answer.
        problem: String,
    },
    /// The repository exists but its kind is not supported.
    #[error(
        "{repository}: expected a SHA-1 repository, found: {problem}\n  help: use a SHA-1 repository; SHA-256 repositories are not supported"
    )]
    UnsupportedRepository {
        /// The repository.
        repository: String,
        /// Its kind.
        problem: String,
    },
    /// There is no bare repository in a folder of this machine, or it cannot be read.
    #[error(
        "{repository}: expected a bare repository in `{folder}`, came: {problem}\n  help: `git init --bare` makes one"
    )]
    NotARepository {
        /// The repository.
        repository: String,
        /// The folder.
        folder: String,
        /// The problem.
        problem: String,
    },
    /// The branch does not exist, or the repository is empty.
    #[error("{repository}: expected a branch `{branch}`, found {}\n  help: push a first commit to `{branch}`, or set another branch in the settings", if *.empty { "an empty repository" } else { "a repository without it" })]
    BranchMissing {
        /// The repository.
        repository: String,
        /// The requested branch.
        branch: String,
        /// Whether the repository has no references at all.
        empty: bool,
    },
    /// A commit is not in the mirror.
    #[error(
        "{repository}: commit {commit} is not in the mirror of `{branch}`\n  help: fetch first; a force push may have removed the commit"
    )]
    UnknownCommit {
        /// The repository.
        repository: String,
        /// The mirrored branch.
        branch: String,
        /// The requested commit.
        commit: CommitSha,
    },
    /// A path cannot be read, exported or changed.
    #[error("{repository}: `{path}` {problem}\n  help: {help}")]
    UnusablePath {
        /// The repository.
        repository: String,
        /// The path inside the repository.
        path: String,
        /// The problem.
        problem: String,
        /// The remedy.
        help: String,
    },
    /// The object of a Git LFS pointer cannot be downloaded.
    #[error("{repository}: `{path}`: {problem}\n  help: {help}")]
    LfsObject {
        /// The repository.
        repository: String,
        /// The path of the pointer, relative to the model's folder.
        path: String,
        /// The problem.
        problem: String,
        /// The remedy.
        help: String,
    },
    /// There are more files, entries or bytes than a limit allows.
    #[error(
        "{repository}: expected at most {limit} {unit}, found more ({what})\n  help: narrow the paths, or raise the limit in the server's settings"
    )]
    LimitExceeded {
        /// The repository.
        repository: String,
        /// The content that was read.
        what: String,
        /// The limit.
        limit: u64,
        /// The unit of the limit.
        unit: &'static str,
    },
    /// The repository has more models than the limit.
    #[error(
        "{repository}: expected at most {limit} files `slipway.yaml`, found {found} at {commit}\n  help: move some models to another repository; until then, Slipway judges no model of this repository"
    )]
    TooManyModels {
        /// The repository.
        repository: String,
        /// The revision.
        commit: CommitSha,
        /// The limit.
        limit: usize,
        /// The actual number.
        found: usize,
    },
    /// A commit cannot be written as proposed.
    #[error("{repository}: the commit cannot be written: {problem}\n  help: {help}")]
    InvalidCommit {
        /// The repository.
        repository: String,
        /// The problem.
        problem: String,
        /// The remedy.
        help: String,
    },
    /// The mirror's folder is unusable, and recreating it did not help.
    #[error(
        "{repository}: its mirror at `{folder}` cannot be used: {problem}\n  help: check free space and permissions; the folder is a cache and may be deleted"
    )]
    Mirror {
        /// The repository.
        repository: String,
        /// The folder of the mirror.
        folder: String,
        /// The error of the file system or the object database.
        problem: String,
    },
    /// The target folder of an export cannot be written.
    #[error(
        "{repository}: cannot export to `{folder}`: {problem}\n  help: export to a folder that is new or empty, on a disk with free space"
    )]
    Export {
        /// The repository.
        repository: String,
        /// The folder.
        folder: String,
        /// The error of the file system.
        problem: String,
    },
    /// The server refused the commit, by a hook or a protected branch. Nothing was written.
    #[error(
        "{repository}: the server refused the commit on `{branch}`: {message}\n  help: satisfy the rule that the server names, or allow Slipway's account to write to this branch"
    )]
    Refused {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// The server's message.
        message: String,
    },
    /// The branch is protected, and Slipway's account may not write to it. Nothing was written.
    #[error(
        "{repository}: `{branch}` is a protected branch: {message}\n  help: allow Slipway's account to push to this branch, or promote by pull request"
    )]
    ProtectedBranch {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// The server's message.
        message: String,
    },
    /// The writer that pushed this together with others stopped before it returned a result.
    #[error(
        "{repository}: the writer of `{branch}` stopped before it finished\n  help: see the log for the cause; Slipway tries again and detects commits that were pushed"
    )]
    WriterStopped {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
    },
    /// Other writers moved the branch before every attempt.
    #[error(
        "{repository}: `{branch}` moved before each of {attempts} pushes\n  help: reduce the number of other writes to this branch; Slipway tries again later"
    )]
    LostRace {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// Number of attempts.
        attempts: u32,
    },
    /// Another server that shares the store holds the branch lock, or the store is not reachable.
    #[error(
        "{repository}: this server does not hold the lock of `{branch}`: {problem}\n  help: wait; Slipway tries again later"
    )]
    LockNotAcquired {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// The error of the store.
        problem: String,
    },
    /// A push ended without an answer, and the remote could not be queried for its result.
    #[error(
        "{repository}: it is not known whether commit {commit} reached `{branch}`: {problem}\n  help: try again later; Slipway searches for the commit before it repeats the push"
    )]
    Uncertain {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// The sent commit.
        commit: CommitSha,
        /// The end of the push.
        problem: String,
    },
}

impl GitError {
    /// Whether another attempt can help.
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
            | Self::NotARepository { .. }
            | Self::BranchMissing { .. }
            | Self::UnknownCommit { .. }
            | Self::UnusablePath { .. }
            | Self::LfsObject { .. }
            | Self::LimitExceeded { .. }
            | Self::TooManyModels { .. }
            | Self::InvalidCommit { .. }
            | Self::ProtectedBranch { .. }
            | Self::Refused { .. } => Retry::Never,
        }
    }
}

/// Formats a duration with tenths of a second.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
