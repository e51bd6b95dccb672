//! One push to one branch, always with the id that is to be there before: sends it, and reads what the server made of it.

mod libgit2;
mod native;
mod pack;

use git2::{Oid, Repository};

use super::GitError;
use super::Mirror;
use super::fault::Fault;
use super::message::single_line;
pub(super) use native::Advertisement;

/// Most bytes kept of what a server says during a push: hooks may talk without end.
const MAX_SERVER_MESSAGE_BYTES: usize = 4 * 1024;

/// Words with which servers report that a ref moved or was locked meanwhile: seen with git, Gitea and GitLab.
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

/// How one push ended.
#[derive(Debug)]
pub(super) enum PushEnd {
    /// The server said "ok" of this very ref.
    Landed { server_messages: String },
    /// The branch was not what it was to be, as far as the server's words tell; nothing was written.
    BaseMoved { message: String },
    /// The server said no to this ref.
    Rejected { message: String },
    /// The pack was sent, and no answer about the ref came back: it may have landed or not.
    Unknown { cause: GitError },
}

/// What a push does to a branch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update<'a> {
    /// The branch's full name.
    pub(super) reference: &'a str,
    /// What it must be before; `None`: not there.
    pub(super) old: Option<Oid>,
    /// What it is then; `None`: not there any more.
    pub(super) new: Option<New>,
}

/// A commit to send, and the one it descends from that the server has.
#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    pub(super) base: Oid,
    pub(super) commit: Oid,
}

/// Pushes `commit` and what it is built on down to `base`, if the branch is still at `base`. An error means that nothing
/// landed.
///
/// `said` is what the server said last, so that it need not be asked again; if that names another tip than `base`, what
/// the server says now is left there, unless it has to be asked anew for each push.
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

/// Does an update on a server that said this before. An error means that nothing landed.
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

/// The server's words on one line, or nothing when it said none.
fn spoken(speech: &[u8]) -> String {
    let text = String::from_utf8_lossy(speech);
    if text.trim().is_empty() { String::new() } else { single_line(&text) }
}

fn rejected(refusal: &str, message: &str) -> PushEnd {
    // git says of each branch that the whole failed, and why only beside it.
    let lower = if refusal == "atomic transaction failed" { message } else { refusal }.to_lowercase();
    let message = if message.is_empty() { refusal.to_owned() } else { format!("{refusal}: {message}") };
    if RACE_MESSAGES.iter().any(|race| lower.contains(race)) {
        return PushEnd::BaseMoved { message };
    }
    PushEnd::Rejected { message }
}

/// The cause when a push ended without a word about its branch.
fn no_result_error(repository: &str, reference: &str, message: &str) -> GitError {
    let said = if message.is_empty() { String::new() } else { format!("; it said: {message}") };
    let branch = reference.trim_start_matches("refs/heads/");
    GitError::UnexpectedAnswer {
        repository: repository.to_owned(),
        problem: format!("a push that ended without a word about `{branch}`{said}"),
    }
}

/// Whether an answer to a push says for certain that nothing was carried out.
fn is_final(error: &GitError) -> bool {
    matches!(
        error,
        GitError::Unauthorized { .. }
            | GitError::Forbidden { .. }
            | GitError::RepositoryMissing { .. }
            | GitError::Throttled { .. }
    )
}
