//! Fetches one branch and further references into a bare repository on disk. The caller decides whether to keep or recreate that
//! repository.

mod listing;
mod native;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use git2::{
    AutotagOption, Direction, ErrorClass, FetchOptions, Oid, RemoteRedirect, Repository, RepositoryInitOptions,
};

use super::GitError;
use super::Remote;
use super::fault::Fault;
use super::http::Connection;
use super::message::single_line;
use super::transport::Channel;

/// The private reference of the mirror for the branch's tip.
const TIP: &str = "refs/slipway/tip";

/// The namespace of the mirror for fetched references beside the branch.
const BESIDE: &str = "refs/slipway/beside";

/// Configuration keys with the mirrored URL and branch, so that a foreign repository is detected.
const MIRRORED_URL: &str = "slipway.url";
const MIRRORED_BRANCH: &str = "slipway.branch";

/// Creates an empty bare repository whose configuration contains the mirrored URL and branch.
pub(super) fn create(path: &Path, remote: &Remote) -> Result<(), git2::Error> {
    let mut options = RepositoryInitOptions::new();
    options.bare(true).no_reinit(true).external_template(false).mkpath(true);
    let mut config = Repository::init_opts(path, &options)?.config()?;
    config.set_str(MIRRORED_URL, remote.url())?;
    config.set_str(MIRRORED_BRANCH, remote.branch())
}

/// Opens a mirror; refuses a repository that mirrors another URL or branch.
pub(super) fn open(path: &Path, remote: &Remote) -> Result<Repository, git2::Error> {
    let repository = Repository::open_bare(path)?;
    let config = repository.config()?.snapshot()?;
    let mirrors = |key, expected| config.get_str(key).is_ok_and(|found| found == expected);
    if mirrors(MIRRORED_URL, remote.url()) && mirrors(MIRRORED_BRANCH, remote.branch()) {
        drop(config);
        Ok(repository)
    } else {
        Err(git2::Error::from_str("the folder mirrors another repository"))
    }
}

/// The tip in the mirror, if the mirror is readable.
pub(super) fn known_tip(path: &Path, remote: &Remote) -> Option<Oid> {
    let repository = open(path, remote).ok()?;
    let tip = repository.refname_to_id(TIP).ok()?;
    is_whole(&repository, tip).is_ok().then_some(tip)
}

/// Moves the mirror's tip from `base` to a commit that has just landed; a newer fetch takes precedence.
pub(super) fn remember_tip(repository: &Repository, base: Oid, landed: Oid) -> Result<(), git2::Error> {
    match repository.reference_matching(TIP, landed, true, base, "pushed") {
        Err(error) if error.code() == git2::ErrorCode::Modified => Ok(()),
        other => other.map(|_| ()),
    }
}

/// The result of a fetch.
pub(super) struct Fetched {
    /// The branch's tip.
    pub(super) tip: Oid,
    /// The targets of the references beside it; references that the server does not have are missing.
    pub(super) beside: BTreeMap<String, Oid>,
}

/// Brings a mirror up to date with the server, including the targets of the references in `beside`, in one exchange.
pub(super) fn update(
    path: &Path,
    remote: &Remote,
    connection: &Arc<Connection>,
    beside: &BTreeSet<String>,
) -> Result<Fetched, Fault> {
    let repository = open(path, remote)?;
    if let Some(fetched) = fetch_by_name(&repository, remote, connection, beside)? {
        return Ok(fetched);
    }
    let channel = Channel::open(connection)?;
    fetch(&repository, remote, &channel, beside).map_err(|fault| explained(fault, &channel, remote))
}

/// Queries the targets of only the required references, and fetches the missing commits. `None`: the caller must use the general
/// method, because this is the first fetch or the server does not support this method.
fn fetch_by_name(
    repository: &Repository,
    remote: &Remote,
    connection: &Connection,
    beside: &BTreeSet<String>,
) -> Result<Option<Fetched>, Fault> {
    let Some(known) = repository.refname_to_id(TIP).ok().filter(|_| !connection.is_ssh()) else { return Ok(None) };
    let branch = remote.reference();
    let names: Vec<&str> = beside.iter().map(String::as_str).chain([&*branch]).collect();
    let Some(mut heads) = listing::heads(connection, &names)? else { return Ok(None) };
    // The general method reports whether only the branch is missing, or the whole repository.
    let Some(tip) = heads.get(&*branch).copied() else { return Ok(None) };
    if !beside.contains(&*branch) {
        heads.remove(&*branch);
    }
    let is_missing = |head: &Oid| repository.find_commit(*head).is_err();
    let missing: BTreeSet<Oid> = heads.values().copied().chain([tip]).filter(is_missing).collect();
    let new: Vec<(&String, &Oid)> = heads.iter().filter(|(_, head)| missing.contains(*head)).collect();
    if !missing.is_empty() && !native::fetch(repository, connection, known, &missing)? {
        return Ok(None);
    }
    for (name, head) in new {
        repository.reference(&format!("{BESIDE}/{name}"), *head, true, "fetched")?;
    }
    if known != tip {
        repository.reference(TIP, tip, true, "fetched")?;
    }
    for commit in heads.values().chain([&tip]) {
        is_whole(repository, *commit)?;
    }
    Ok(Some(Fetched { tip, beside: heads }))
}

/// Brings a mirror to a tip that the server has just reported. `None`: the caller must use the general method.
pub(super) fn catch_up(path: &Path, remote: &Remote, connection: &Connection, tip: Oid) -> Result<Option<Oid>, Fault> {
    let repository = open(path, remote)?;
    let known = repository.refname_to_id(TIP)?;
    if known != tip && (connection.is_ssh() || !native::fetch(&repository, connection, known, &BTreeSet::from([tip]))?)
    {
        return Ok(None);
    }
    is_whole(&repository, tip)?;
    if known != tip {
        repository.reference(TIP, tip, true, "caught up")?;
    }
    Ok(Some(tip))
}

fn fetch(
    repository: &Repository,
    remote: &Remote,
    channel: &Channel,
    beside: &BTreeSet<String>,
) -> Result<Fetched, Fault> {
    let mut server = repository.remote_anonymous(&channel.address())?;
    let mut connected = server.connect_auth(Direction::Fetch, None, None)?;
    let heads = connected.list()?;
    let reference = remote.reference();
    let tip = tip_among(heads, remote)?;
    let beside: BTreeMap<String, Oid> = heads
        .iter()
        .filter(|head| beside.contains(head.name()))
        .map(|head| (head.name().to_owned(), head.oid()))
        .collect();
    let mut wanted = Vec::new();
    if repository.refname_to_id(TIP).ok() != Some(tip) {
        wanted.push(format!("+{reference}:{TIP}"));
    }
    let missing = beside.iter().filter(|(_, head)| repository.find_commit(**head).is_err());
    wanted.extend(missing.map(|(name, _)| format!("+{name}:{BESIDE}/{name}")));
    if !wanted.is_empty() {
        let mut options = FetchOptions::new();
        options.download_tags(AutotagOption::None).update_fetchhead(false).follow_redirects(RemoteRedirect::None);
        connected.remote().fetch(&wanted, Some(&mut options), None)?;
    }
    let tip = repository.refname_to_id(TIP)?;
    for commit in beside.values().chain([&tip]) {
        is_whole(repository, *commit)?;
    }
    Ok(Fetched { tip, beside })
}

/// The tip of the branch in the list of a server.
fn tip_among(heads: &[git2::RemoteHead<'_>], remote: &Remote) -> Result<Oid, GitError> {
    let reference = remote.reference();
    let missing = || GitError::BranchMissing {
        repository: remote.url().to_owned(),
        branch: remote.branch().to_owned(),
        empty: heads.iter().all(|head| head.oid().is_zero()),
    };
    heads.iter().find(|head| head.name() == reference).map(git2::RemoteHead::oid).ok_or_else(missing)
}

/// The tip of the branch as the server reports it, without a fetch.
pub(super) fn probe(remote: &Remote, connection: &Arc<Connection>) -> Result<Oid, Fault> {
    listed(remote, connection, |heads| Ok(tip_among(heads, remote)?))
}

/// The target of a reference of the server, without a fetch; `None` if the server does not have it.
pub(super) fn target_of(remote: &Remote, connection: &Arc<Connection>, reference: &str) -> Result<Option<Oid>, Fault> {
    if !connection.is_ssh()
        && let Some(heads) = listing::heads(connection, &[reference])?
    {
        return Ok(heads.get(reference).copied());
    }
    listed(remote, connection, |heads| {
        Ok(heads.iter().find(|head| head.name() == reference).map(git2::RemoteHead::oid))
    })
}

/// Reads the reference list of a server, which needs no repository on disk.
fn listed<T>(
    remote: &Remote,
    connection: &Arc<Connection>,
    read: impl FnOnce(&[git2::RemoteHead<'_>]) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let channel = Channel::open(connection)?;
    let ask = || {
        let mut server = git2::Remote::create_detached(channel.address())?;
        let connected = server.connect_auth(Direction::Fetch, None, None)?;
        read(connected.list()?)
    };
    ask().map_err(|fault| explained(fault, &channel, remote))
}

/// Whether the mirror can still read the last fetched commit.
pub(super) fn check(repository: &Repository) -> Result<(), git2::Error> {
    is_whole(repository, repository.refname_to_id(TIP)?)
}

/// Whether a commit and its root tree are readable, which detects a truncated or emptied object database.
fn is_whole(repository: &Repository, commit: Oid) -> Result<(), git2::Error> {
    repository.find_commit(commit)?.tree().map(|_| ())
}

/// Classifies a failed exchange: the server's error if there was one, otherwise damage of the mirror.
pub(super) fn explained(fault: Fault, channel: &Channel, remote: &Remote) -> Fault {
    let Fault::Damaged(error) = fault else {
        return fault;
    };
    if let Some(failure) = channel.failure() {
        return Fault::Final(failure);
    }
    let repository = remote.url().to_owned();
    let problem = single_line(error.message());
    if problem.contains("object format") {
        Fault::Final(GitError::UnsupportedRepository { repository, problem })
    } else if error.class() == ErrorClass::Net {
        Fault::Final(GitError::UnexpectedAnswer { repository, problem })
    } else {
        Fault::Damaged(error)
    }
}
