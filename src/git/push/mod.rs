//! One push of new commits to one branch, never forced: sends them, and reads what the server made of it.

mod libgit2;
mod native;
mod pack;

use git2::{Oid, Repository};

use super::GitError;
use super::Mirror;
use super::fault::Fault;
use super::words::short_words;

/// Most bytes kept of what a server says during a push: hooks may talk without end.
const LONGEST_SPEECH: usize = 4 * 1024;

/// Words with which servers report that a ref moved or was locked meanwhile: seen with git, Gitea and GitLab.
const RACE_WORDS: &[&str] = &[
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
    /// The branch was not at the base any more; nothing was written.
    BaseMoved,
    /// The server said no to this ref.
    Rejected { words: String },
    /// The pack was sent, and no answer about the ref came back: it may have landed or not.
    Unknown { cause: GitError },
}

/// Pushes `commit` and what it is built on down to `base`, if the branch is still at `base`. An error means that nothing
/// landed.
pub(super) fn push(repository: &Repository, mirror: &Mirror, base: Oid, commit: Oid) -> Result<PushEnd, Fault> {
    let reference = mirror.remote().reference();
    let advertisement = native::Advertisement::read(mirror.connection(), &reference)?;
    if advertisement.tip != Some(base) {
        return Ok(PushEnd::BaseMoved);
    }
    if advertisement.reports() {
        native::push(repository, mirror.connection(), &advertisement, &reference, base, commit)
    } else {
        libgit2::push(repository, mirror, base, commit)
    }
}

/// The server's words on one line, or nothing when it said none.
fn spoken(speech: &[u8]) -> String {
    let text = String::from_utf8_lossy(speech);
    if text.trim().is_empty() { String::new() } else { short_words(&text) }
}

fn rejected(refusal: &str, words: &str) -> PushEnd {
    let lower = refusal.to_lowercase();
    if RACE_WORDS.iter().any(|race| lower.contains(race)) {
        return PushEnd::BaseMoved;
    }
    let words = if words.is_empty() { refusal.to_owned() } else { format!("{refusal}: {words}") };
    PushEnd::Rejected { words }
}

/// The cause when a push ended without a word about its branch.
fn no_word(repository: &str, reference: &str, words: &str) -> GitError {
    let said = if words.is_empty() { String::new() } else { format!("; it said: {words}") };
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
