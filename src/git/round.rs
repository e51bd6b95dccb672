//! One try at a promotion on one tip: read, propose, build, push; whether to try again is decided by the writer.

use git2::{Commit, Oid, Repository};

use crate::domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::Snapshot;
use super::edit;
use super::fault::Fault;
use super::fetch;
use super::history;
use super::mirror::id_of;
use super::push;
use super::push::PushEnd;
use super::request::{Proposal, Trailer, WriteRequest};

/// How many commits back a promotion is looked for: more than land between a crash and the next start.
pub(super) const SEARCHED_COMMITS: usize = 1_000;

/// How one round ended.
pub(super) enum Round<E> {
    /// Nothing was sent; holds only if the tip is the newest.
    Decided(Decision<E>),
    Landed {
        commit: Oid,
        server_messages: String,
    },
    Raced,
    Rejected {
        words: String,
    },
    Unknown {
        commit: Oid,
        cause: GitError,
    },
}

/// Why nothing was sent.
pub(super) enum Decision<E> {
    Nothing,
    AlreadyThere(Oid),
    Stopped(E),
}

/// Reads the tip, has a change proposed, builds it and pushes it.
pub(super) fn run<E: From<GitError>>(
    mirror: &Mirror,
    request: &WriteRequest,
    tip: &CommitSha,
    propose: &mut impl FnMut(&Snapshot<'_>) -> Result<Proposal, E>,
) -> Result<Round<E>, Fault> {
    mirror.attempt(|repository| {
        let base = repository.find_commit(id_of(tip))?;
        let Trailer { key, value } = &request.trailer;
        if let Some(found) = history::find_trailer(repository, base.id(), key, value, SEARCHED_COMMITS)? {
            return Ok(Round::Decided(Decision::AlreadyThere(found)));
        }
        let snapshot = Snapshot::new(mirror, repository, &base);
        let proposal = propose(&snapshot);
        if snapshot.is_damaged() {
            return Err(git2::Error::from_str("reading the tip failed").into());
        }
        let (changes, message) = match proposal {
            Ok(Proposal::Change { changes, message }) => (changes, message),
            Ok(Proposal::Nothing) => return Ok(Round::Decided(Decision::Nothing)),
            Err(stop) => return Ok(Round::Decided(Decision::Stopped(stop))),
        };
        match build(repository, mirror, request, &base, &changes, &message) {
            Ok(Some(commit)) => send(repository, mirror, base.id(), commit),
            Ok(None) => Ok(Round::Decided(Decision::Nothing)),
            Err(Fault::Final(error)) => Ok(Round::Decided(Decision::Stopped(error.into()))),
            Err(damaged) => Err(damaged),
        }
    })
}

/// The commit, or `None` when the tree would not change.
fn build(
    repository: &Repository,
    mirror: &Mirror,
    request: &WriteRequest,
    base: &Commit<'_>,
    changes: &[(String, Vec<u8>)],
    message: &str,
) -> Result<Option<Oid>, Fault> {
    let name = mirror.remote().url();
    let tree = edit::changed_tree(repository, name, &base.tree()?, changes)?;
    if tree == base.tree_id() {
        return Ok(None);
    }
    edit::commit(repository, name, request, message, base, tree).map(Some)
}

fn send<E>(repository: &Repository, mirror: &Mirror, base: Oid, commit: Oid) -> Result<Round<E>, Fault> {
    Ok(match push::push(repository, mirror, base, commit)? {
        PushEnd::Landed { server_messages } => {
            if let Err(error) = fetch::remember_tip(repository, base, commit) {
                tracing::warn!(%commit, %error, "the pushed tip is not remembered; the next fetch finds it");
            }
            Round::Landed { commit, server_messages }
        }
        PushEnd::BaseMoved => Round::Raced,
        PushEnd::Rejected { words } => Round::Rejected { words },
        PushEnd::Unknown { cause } => Round::Unknown { commit, cause },
    })
}
