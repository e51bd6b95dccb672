//! One push of one commit to one branch, never forced: sends it, and reads what the server made of it.

use std::cell::RefCell;

use git2::{Oid, PushOptions, RemoteCallbacks, RemoteRedirect, Repository};

use super::GitError;
use super::Mirror;
use super::fault::Fault;
use super::fetch;
use super::transport::Channel;
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

/// Pushes `commit`, built on `base`, if the branch is still at `base`. An error means that nothing was sent.
pub(super) fn push(repository: &Repository, mirror: &Mirror, base: Oid, commit: Oid) -> Result<PushEnd, Fault> {
    let channel = Channel::open(mirror.connection())?;
    let reference = mirror.remote().reference();
    let moved = RefCell::new(false);
    let status: RefCell<Option<Option<String>>> = RefCell::new(None);
    let speech: RefCell<Vec<u8>> = RefCell::new(Vec::new());

    let mut callbacks = RemoteCallbacks::new();
    callbacks.push_negotiation(|updates| {
        let leased = matches!(updates, [only] if only.src() == base);
        *moved.borrow_mut() = !leased;
        if leased { Ok(()) } else { Err(git2::Error::from_str("the branch moved")) }
    });
    callbacks.push_update_reference(|name, refusal| {
        if name == reference {
            *status.borrow_mut() = Some(refusal.map(short_words));
        }
        Ok(())
    });
    callbacks.sideband_progress(|bytes| {
        let mut speech = speech.borrow_mut();
        let room = LONGEST_SPEECH.saturating_sub(speech.len());
        speech.extend_from_slice(&bytes[..bytes.len().min(room)]);
        true
    });
    let mut options = PushOptions::new();
    options.remote_callbacks(callbacks).packbuilder_parallelism(1).follow_redirects(RemoteRedirect::None);
    let ended =
        repository.remote_anonymous(&channel.address())?.push(&[format!("{commit}:{reference}")], Some(&mut options));
    drop(options);

    let words = spoken(&speech.into_inner());
    match (status.into_inner(), ended) {
        (Some(None), _) => Ok(PushEnd::Landed { server_messages: words }),
        (Some(Some(refusal)), _) => Ok(rejected(&refusal, &words)),
        (None, _) if *moved.borrow() => Ok(PushEnd::BaseMoved),
        (None, Err(error)) if error.code() == git2::ErrorCode::NotFastForward => Ok(PushEnd::BaseMoved),
        (None, Ok(())) => Ok(PushEnd::Unknown { cause: no_word(mirror, &words) }),
        (None, Err(error)) => {
            not_answered(fetch::explained(error.into(), &channel, mirror.remote()), &channel, mirror, &words)
        }
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

fn no_word(mirror: &Mirror, words: &str) -> GitError {
    let said = if words.is_empty() { String::new() } else { format!("; it said: {words}") };
    GitError::UnexpectedAnswer {
        repository: mirror.remote().url().to_owned(),
        problem: format!("a push that ended without a word about `{}`{said}", mirror.remote().branch()),
    }
}

/// A push that failed before its pack was sent is an error; one that failed later may have landed.
fn not_answered(fault: Fault, channel: &Channel, mirror: &Mirror, words: &str) -> Result<PushEnd, Fault> {
    if !channel.pack_sent() {
        return Err(fault);
    }
    match fault {
        Fault::Final(
            error @ (GitError::Unauthorized { .. }
            | GitError::Forbidden { .. }
            | GitError::RepositoryMissing { .. }
            | GitError::Throttled { .. }),
        ) => Err(Fault::Final(error)),
        Fault::Final(cause) => Ok(PushEnd::Unknown { cause }),
        Fault::Damaged(_) => Ok(PushEnd::Unknown { cause: no_word(mirror, words) }),
    }
}
