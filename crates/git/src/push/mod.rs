//! One push to one branch, always with the expected old id: it sends the update and reads the server's result.

mod libgit2;
mod native;
mod pack;

use git2::{Oid, Repository};

use super::GitError;
use super::Mirror;
use super::fault::Fault;
use super::message::single_line;
pub(super) use native::Advertisement;

/// Maximum number of bytes of server messages during a push, because hooks can write without a limit.
const MAX_SERVER_MESSAGE_BYTES: usize = 4 * 1024;

/// Messages with which servers report that a reference moved or was locked in the meantime: seen with git, Gitea and GitLab.
const RACE_MESSAGES: &[&str] = &[
    "failed to update ref",
    "failed to lock",
    "cannot lock ref",
    "unable to lock",
    "incorrect old value",
    "fetch first",
    "non-fast-forward",
    "stale info",
    "reference already exists",
];

/// The end of a push.
#[derive(Debug)]
pub(super) enum PushEnd {
    /// The server reported "ok" for this reference.
    Landed { server_messages: String },
    /// The branch did not have the expected value, according to the server's message; nothing was written.
    BaseMoved { message: String },
    /// The server refused this reference.
    Rejected { message: String },
    /// The pack was sent, and no result for the reference came back: the push may have landed.
    Unknown { cause: GitError },
}

/// The change of a branch by a push.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update<'a> {
    /// The branch's full name.
    pub(super) reference: &'a str,
    /// The expected value before; `None`: the branch must not exist.
    pub(super) old: Option<Oid>,
    /// The value after; `None`: the branch is removed.
    pub(super) new: Option<New>,
}

/// A commit to send, and its ancestor that the server has.
#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    pub(super) base: Oid,
    pub(super) commit: Oid,
}

/// Pushes `commit` and its ancestors down to `base`, if the branch is still at `base`. An error means that nothing landed.
///
/// `said` is the last advertisement of the server, which saves a query. If the server reports another tip than `base`, its new
/// advertisement is stored there, unless each push requires a new one.
pub(super) fn push(
    repository: &Repository,
    mirror: &Mirror,
    said: &mut Option<Advertisement>,
    base: Oid,
    commit: Oid,
) -> Result<PushEnd, Fault> {
    let reference = mirror.remote().reference();
    let server = match said.take().filter(|server| server.tip_of(&reference) == Some(base)) {
        Some(server) => server,
        None => Advertisement::read(mirror.connection(), &[&reference])?,
    };
    if server.tip_of(&reference) != Some(base) {
        *said = Some(server).filter(|_| !mirror.connection().is_ssh());
        return Ok(PushEnd::BaseMoved { message: String::new() });
    }
    send(
        repository,
        mirror,
        &server,
        &Update { reference: &reference, old: Some(base), new: Some(New { base, commit }) },
    )
}

/// Performs an update on a server with this advertisement. An error means that nothing landed.
pub(super) fn send(
    repository: &Repository,
    mirror: &Mirror,
    server: &Advertisement,
    update: &Update<'_>,
) -> Result<PushEnd, Fault> {
    if server.reports() {
        native::push(repository, mirror.connection(), server, update)
    } else {
        libgit2::push(repository, mirror, update)
    }
}

/// The server's messages on one line, or an empty text if there are none.
fn spoken(speech: &[u8]) -> String {
    let text = String::from_utf8_lossy(speech);
    if text.trim().is_empty() { String::new() } else { single_line(&text) }
}

fn rejected(refusal: &str, message: &str) -> PushEnd {
    // git reports only that the whole push failed, and puts the reason into the server messages.
    let lower = if refusal == "atomic transaction failed" { message } else { refusal }.to_lowercase();
    let message = if message.is_empty() { refusal.to_owned() } else { format!("{refusal}: {message}") };
    if RACE_MESSAGES.iter().any(|race| lower.contains(race)) {
        return PushEnd::BaseMoved { message };
    }
    PushEnd::Rejected { message }
}

/// The error of a push that ended without a result for its branch.
fn no_result_error(repository: &str, reference: &str, message: &str) -> GitError {
    let said = if message.is_empty() { String::new() } else { format!("; the server's message: {message}") };
    let branch = reference.trim_start_matches("refs/heads/");
    GitError::UnexpectedAnswer {
        repository: repository.to_owned(),
        problem: format!("a push that ended without a status of `{branch}`{said}"),
    }
}

/// Whether an answer to a push proves that nothing was executed.
fn is_final(error: &GitError) -> bool {
    matches!(
        error,
        GitError::Unauthorized { .. }
            | GitError::Forbidden { .. }
            | GitError::RepositoryMissing { .. }
            | GitError::Throttled { .. }
    )
}
