//! One attempt at several promotions on one tip: read, propose, build one commit each, push once. The batch decides whether to
//! try again.

use git2::{Commit, Oid, Repository};

use slipway_domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::Snapshot;
use super::edit;
use super::fault::Fault;
use super::fetch;
use super::mirror::{id_of, name_of};
use super::push;
use super::push::{Advertisement, PushEnd};
use super::request::{Proposal, Trailer, WriteRequest};

/// One promotion in a round.
pub(super) struct Job<'a, E> {
    pub(super) request: &'a WriteRequest,
    pub(super) propose: &'a mut dyn FnMut(&Snapshot<'_>) -> Result<Proposal, E>,
    pub(super) built: &'a mut dyn FnMut(&CommitSha) -> Result<(), E>,
}

/// The result of one round, by the numbers of its jobs.
pub(super) struct Round<E> {
    /// The commits, each built on the previous one.
    pub(super) chain: Vec<(usize, Oid)>,
    /// Jobs without a commit; valid only if the chain lands or, without a chain, if the tip is the newest.
    pub(super) decisions: Vec<(usize, Decision<E>)>,
    /// The end of the push; `None` if there was nothing to push.
    pub(super) end: Option<PushEnd>,
}

/// Why a job has no commit.
pub(super) enum Decision<E> {
    Nothing,
    AlreadyThere(Oid),
    Stopped(E),
}

/// Reads the tip, calls `propose` of each job on the previous commit, builds the commits and pushes them.
pub(super) fn run<E: From<GitError>>(
    mirror: &Mirror,
    tip: &CommitSha,
    said: &mut Option<Advertisement>,
    jobs: &mut [(usize, &mut Job<'_, E>)],
) -> Result<Round<E>, Fault> {
    mirror.attempt(|repository| {
        let base = repository.find_commit(id_of(tip))?;
        let mut head = base.clone();
        let mut round = Round { chain: Vec::new(), decisions: Vec::new(), end: None };
        let mut values: Vec<(&str, Oid)> = Vec::new();
        for (number, job) in jobs {
            let Trailer { key, value } = &job.request.trailer;
            let in_chain = values.iter().find(|(earlier, _)| earlier == value).map(|(_, commit)| *commit);
            let decision =
                match in_chain.map_or_else(|| landed(repository, mirror, base.id(), key, value), |id| Ok(Some(id)))? {
                    Some(found) => Decision::AlreadyThere(found),
                    None => match commit_on(repository, mirror, &head, job)? {
                        Built::Commit(commit) => {
                            round.chain.push((*number, commit));
                            values.push((value, commit));
                            head = repository.find_commit(commit)?;
                            continue;
                        }
                        Built::None(decision) => decision,
                    },
                };
            round.decisions.push((*number, decision));
        }
        if !round.chain.is_empty() {
            round.end = Some(send(repository, mirror, said, base.id(), head.id())?);
        }
        Ok(round)
    })
}

/// The commit of the branch with a promotion's trailer.
pub(super) fn landed(
    repository: &Repository,
    mirror: &Mirror,
    tip: Oid,
    key: &str,
    value: &str,
) -> Result<Option<Oid>, git2::Error> {
    let mut memory = mirror.memory();
    memory.catch_up(repository, tip, key)?;
    Ok(memory.commit_with(value))
}

/// The result of a proposal on a tip.
pub(super) enum Built<E> {
    Commit(Oid),
    None(Decision<E>),
}

/// Calls `propose` and builds its change, unless the tree would not change.
pub(super) fn commit_on<E: From<GitError>>(
    repository: &Repository,
    mirror: &Mirror,
    head: &Commit<'_>,
    job: &mut Job<'_, E>,
) -> Result<Built<E>, Fault> {
    let snapshot = Snapshot::new(mirror, repository, head);
    let proposal = (job.propose)(&snapshot);
    if snapshot.is_damaged() {
        return Err(git2::Error::from_str("reading the tip failed").into());
    }
    let (changes, message) = match proposal {
        Ok(Proposal::Change { changes, message }) => (changes, message),
        Ok(Proposal::Nothing) => return Ok(Built::None(Decision::Nothing)),
        Err(stop) => return Ok(Built::None(Decision::Stopped(stop))),
    };
    match build(repository, mirror, job.request, head, &changes, &message) {
        Ok(Some(commit)) => match (job.built)(&name_of(commit)) {
            Ok(()) => Ok(Built::Commit(commit)),
            Err(stop) => Ok(Built::None(Decision::Stopped(stop))),
        },
        Ok(None) => Ok(Built::None(Decision::Nothing)),
        Err(Fault::Final(error)) => Ok(Built::None(Decision::Stopped(error.into()))),
        Err(damaged) => Err(damaged),
    }
}

/// The commit, or `None` if the tree would not change.
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
    edit::commit(repository, mirror.remote(), request, message, base, tree).map(Some)
}

fn send(
    repository: &Repository,
    mirror: &Mirror,
    said: &mut Option<Advertisement>,
    base: Oid,
    head: Oid,
) -> Result<PushEnd, Fault> {
    let end = push::push(repository, mirror, said, base, head)?;
    if matches!(end, PushEnd::Landed { .. })
        && let Err(error) = fetch::remember_tip(repository, base, head)
    {
        tracing::warn!(commit = %head, %error, "the pushed tip could not be recorded; the next fetch will find it");
    }
    Ok(end)
}
