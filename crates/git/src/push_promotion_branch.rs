//! Pushes a promotion to its own promotion branch, for a review before it lands.

use std::thread;

use git2::{Oid, Repository};

use slipway_domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::batch;
use super::batch::{MAX_ATTEMPTS, MAX_DOUBTS, pause_after};
use super::fault::Fault;
use super::history;
use super::mirror::{id_of, name_of};
use super::naming;
use super::push;
use super::push::{Advertisement, New, PushEnd, Update};
use super::request::{Trailer, WriteRequest};
use super::round;
use super::round::{Built, Decision, Job};

/// A successful result of a push to a promotion branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromotionBranchOutcome {
    /// The branch has this commit.
    Pushed {
        /// The commit.
        commit: CommitSha,
        /// The tip on which it is built.
        base: CommitSha,
        /// The server's messages beside its "ok", on one line.
        server_messages: String,
    },
    /// The branch already had the same content: the same promotion, the same files, on the same tip.
    Unchanged {
        /// The existing commit.
        commit: CommitSha,
        /// The tip on which it is built.
        base: CommitSha,
    },
    /// The promotion has landed on the target branch: nothing is pushed.
    AlreadyThere {
        /// The commit with the trailer.
        commit: CommitSha,
    },
    /// The target branch needs no commit: nothing is pushed.
    NothingToDo,
}

/// Pushes one promotion to its own branch.
pub(super) fn place<E: From<GitError>>(
    mirror: &Mirror,
    branch: &str,
    mut job: Job<'_, E>,
) -> Result<PromotionBranchOutcome, E> {
    naming::check_own_branch(branch)?;
    let reference = format!("refs/heads/{branch}");
    let mut placing =
        Placing { mirror, branch, reference, attempts: 0, healed: false, sent: None, doubts: 0, lost: None };
    loop {
        if let Some(outcome) = placing.round(&mut job)? {
            if matches!(outcome, PromotionBranchOutcome::Pushed { .. }) {
                mirror.tidy_after_push();
            }
            return Ok(outcome);
        }
    }
}

/// The state of one call across its rounds.
struct Placing<'a> {
    mirror: &'a Mirror,
    branch: &'a str,
    reference: String,
    attempts: u32,
    healed: bool,
    /// A commit that was sent without an answer, and the error of its push.
    sent: Option<(New, GitError)>,
    doubts: u32,
    /// The target of the branch (zeros: none) when the server last refused to move it.
    lost: Option<Oid>,
}

/// The result of a round before the server's answer is evaluated.
enum Step<E> {
    Decided(Result<PromotionBranchOutcome, E>),
    Sent { new: New, end: PushEnd },
}

impl Placing<'_> {
    /// Reads both branches, builds the commit on the newest tip, and pushes it; `None`: another round is necessary.
    fn round<E: From<GitError>>(&mut self, job: &mut Job<'_, E>) -> Result<Option<PromotionBranchOutcome>, E> {
        if self.attempts == MAX_ATTEMPTS {
            return Err(self.beaten().into());
        }
        self.attempts += 1;
        let writers = self.mirror.remote().reference();
        let server = Advertisement::read(self.mirror.connection(), &[&writers, &self.reference])
            .map_err(|error| self.unseen(error))?;
        let held = server.tip_of(&self.reference);
        if let Some((new, cause)) = &self.sent {
            if held == Some(new.commit) {
                return Ok(Some(pushed(*new, String::new())));
            }
            if self.doubts >= MAX_DOUBTS {
                return Err(cause.clone().into());
            }
        }
        let tip = self.newest(server.tip_of(&writers))?;
        if let Some(held) = held
            && !self.has(held)?
        {
            return Ok(None);
        }
        match self.mirror.attempt(|repository| self.step(repository, &server, &tip, held, job)) {
            Ok(Step::Decided(decided)) => decided.map(Some),
            Ok(Step::Sent { new, end }) => Ok(self.judge(new, held, end)?),
            Err(fault) => Ok(self.heal(fault)?),
        }
    }

    /// The newest tip of the target branch: fetched only if the server reports another tip than the known one.
    fn newest(&self, named: Option<Oid>) -> Result<CommitSha, GitError> {
        named.map_or_else(|| self.mirror.fetch(), |tip| self.mirror.catch_up(tip))
    }

    /// Whether the mirror has the branch's current commit for the comparison; otherwise it is fetched.
    fn has(&self, held: Oid) -> Result<bool, GitError> {
        if self.mirror.contains(&name_of(held))? {
            return Ok(true);
        }
        match self.mirror.fetch_reference(&self.reference) {
            Ok(fetched) => Ok(id_of(&fetched) == held),
            Err(GitError::BranchMissing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn step<E: From<GitError>>(
        &self,
        repository: &Repository,
        server: &Advertisement,
        tip: &CommitSha,
        held: Option<Oid>,
        job: &mut Job<'_, E>,
    ) -> Result<Step<E>, Fault> {
        let base = repository.find_commit(id_of(tip))?;
        let Trailer { key, value } = &job.request.trailer;
        let decided = |outcome| Ok(Step::Decided(Ok(outcome)));
        if let Some(landed) = round::landed(repository, self.mirror, base.id(), key, value)? {
            return decided(PromotionBranchOutcome::AlreadyThere { commit: name_of(landed) });
        }
        let commit = match round::commit_on(repository, self.mirror, &base, job)? {
            Built::Commit(commit) => commit,
            Built::None(Decision::Nothing) => return decided(PromotionBranchOutcome::NothingToDo),
            Built::None(Decision::AlreadyThere(commit)) => {
                return decided(PromotionBranchOutcome::AlreadyThere { commit: name_of(commit) });
            }
            Built::None(Decision::Stopped(stop)) => return Ok(Step::Decided(Err(stop))),
        };
        if let Some(held) = held
            && is_same(repository, held, commit, job.request)?
        {
            return decided(PromotionBranchOutcome::Unchanged { commit: name_of(held), base: tip.clone() });
        }
        let new = New { base: base.id(), commit };
        let update = Update { reference: &self.reference, old: held, new: Some(new) };
        Ok(Step::Sent { new, end: push::send(repository, self.mirror, server, &update)? })
    }

    fn judge(&mut self, new: New, held: Option<Oid>, end: PushEnd) -> Result<Option<PromotionBranchOutcome>, GitError> {
        match end {
            PushEnd::Landed { server_messages } => return Ok(Some(pushed(new, server_messages))),
            // The position of the branch shows whether it moved: servers have many messages for that, and use the same messages
            // for other causes.
            PushEnd::Rejected { message } | PushEnd::BaseMoved { message } => {
                let held = held.unwrap_or(Oid::ZERO_SHA1);
                if message.contains("hook declined") || self.lost == Some(held) {
                    return Err(batch::refusal_of(self.mirror, self.branch, message));
                }
                self.lost = Some(held);
                thread::sleep(pause_after(self.attempts));
            }
            PushEnd::Unknown { cause } => {
                self.sent = Some((new, cause));
                self.doubts += 1;
            }
        }
        Ok(None)
    }

    /// Recreates a damaged mirror, once per call.
    fn heal(&mut self, fault: Fault) -> Result<Option<PromotionBranchOutcome>, GitError> {
        match fault {
            Fault::Damaged(damage) if !self.healed => {
                self.healed = true;
                self.mirror.heal(&damage).map(|()| None)
            }
            fault => Err(self.mirror.beyond_repair(fault)),
        }
    }

    /// The server cannot be queried: after a push without an answer its result stays unknown.
    fn unseen(&self, error: GitError) -> GitError {
        match &self.sent {
            None => error,
            Some((new, cause)) => GitError::Uncertain {
                repository: self.mirror.remote().url().to_owned(),
                branch: self.branch.to_owned(),
                commit: name_of(new.commit),
                problem: format!("{cause}; then: {error}"),
            },
        }
    }

    fn beaten(&self) -> GitError {
        GitError::LostRace {
            repository: self.mirror.remote().url().to_owned(),
            branch: self.branch.to_owned(),
            attempts: self.attempts,
        }
    }
}

/// Whether two commits have the same content: the same promotion, the same files, on the same tip.
fn is_same(repository: &Repository, held: Oid, built: Oid, request: &WriteRequest) -> Result<bool, git2::Error> {
    let (held, built) = (repository.find_commit(held)?, repository.find_commit(built)?);
    let message = String::from_utf8_lossy(held.message_raw_bytes());
    Ok(held.tree_id() == built.tree_id()
        && held.parent_ids().eq(built.parent_ids())
        && history::has_trailer(&message, &request.trailer.key, &request.trailer.value))
}

fn pushed(New { base, commit }: New, server_messages: String) -> PromotionBranchOutcome {
    PromotionBranchOutcome::Pushed { commit: name_of(commit), base: name_of(base), server_messages }
}
