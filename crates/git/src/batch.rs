//! A batch of promotions of one branch, processed in rounds until each has landed, is refused, or has lost too many races.

use std::thread;
use std::time::Duration;

use git2::Oid;
use uuid::Uuid;

use slipway_domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::fault::Fault;
use super::mirror::{id_of, name_of};
use super::push::{Advertisement, PushEnd};
use super::request::{Outcome, Trailer};
use super::round;
use super::round::{Decision, Job, Round};

/// Maximum number of rounds of read, build and push. With full jitter, eight rounds suffice even with many concurrent writers.
pub(super) const MAX_ATTEMPTS: u32 = 8;

/// Maximum number of commits in one push. After a refused or lost push all of them must be rebuilt.
const MAX_COMMITS: usize = 100;

/// Number of pushes without an answer after which the caller must retry later.
pub(super) const MAX_DOUBTS: u32 = 2;

/// Bounds of the pause after a lost race. It doubles from the first to the second value, and a random part of it is used.
const MIN_PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(640);

/// Lands the jobs in their order, with one push if the server accepts it; returns results in the same order.
///
/// A job's `propose` is called with the tip on which its commit will be built, including commits of earlier jobs, and again after
/// each lost race. Nothing is pushed for a job whose trailer is in the history. After a push without an answer, the server is
/// queried before anything is repeated. If the server refuses several commits together, each is pushed alone, so that one refusal
/// does not block the others.
pub(super) fn land<E: From<GitError>>(mirror: &Mirror, jobs: Vec<Job<'_, E>>) -> Vec<Result<Outcome, E>> {
    let _guard = mirror.writing();
    let mut results: Vec<Option<Result<Outcome, E>>> = jobs.iter().map(|_| None).collect();
    let ended = Batch::start(mirror).and_then(|mut batch| batch.run(jobs, &mut results));
    if results.iter().any(|result| matches!(result, Some(Ok(Outcome::Pushed { .. })))) {
        mirror.tidy_after_push();
    }
    let left_over = || ended.as_ref().err().cloned().unwrap_or_else(|| beaten(mirror, MAX_ATTEMPTS));
    results.into_iter().map(|result| result.unwrap_or_else(|| Err(left_over().into()))).collect()
}

/// The state of one call across its rounds.
struct Batch<'a> {
    mirror: &'a Mirror,
    tip: CommitSha,
    /// Whether the tip was read from the server during this call, instead of remembered from before.
    fresh: bool,
    /// The server's advertisement with another tip; the next push uses it.
    said: Option<Advertisement>,
    /// Rounds since the last commit landed or was refused.
    attempts: u32,
    healed: bool,
    /// Whether the server refused several commits together.
    one_by_one: bool,
    /// Number of pushes without an answer, and their commits.
    doubts: u32,
    in_doubt: Vec<Oid>,
}

type Results<E> = [Option<Result<Outcome, E>>];

impl<'a> Batch<'a> {
    /// Starts on the remembered tip, if there is one. The push itself validates it, which saves a fetch.
    fn start(mirror: &'a Mirror) -> Result<Self, GitError> {
        let (tip, fresh) = match mirror.known_tip() {
            Some(tip) => (tip, false),
            None => (mirror.fetch()?, true),
        };
        let (one_by_one, healed, said) = (false, false, None);
        Ok(Self { mirror, tip, fresh, said, attempts: 0, healed, one_by_one, doubts: 0, in_doubt: Vec::new() })
    }

    /// An error ends all jobs without a result.
    fn run<E: From<GitError>>(&mut self, mut jobs: Vec<Job<'_, E>>, results: &mut Results<E>) -> Result<(), GitError> {
        loop {
            let most = if self.one_by_one { 1 } else { MAX_COMMITS };
            let open = jobs.iter_mut().enumerate().filter(|(number, _)| results[*number].is_none());
            let mut open: Vec<(usize, &mut Job<'_, E>)> = open.take(most).collect();
            if open.is_empty() {
                return Ok(());
            }
            if self.attempts == MAX_ATTEMPTS {
                return Err(beaten(self.mirror, self.attempts));
            }
            self.attempts += 1;
            match round::run(self.mirror, &self.tip, &mut self.said, &mut open) {
                Ok(round) => self.record_round(round, &jobs, results)?,
                Err(fault) => self.heal(fault)?,
            }
        }
    }

    fn record_round<E: From<GitError>>(
        &mut self,
        round: Round<E>,
        jobs: &[Job<'_, E>],
        results: &mut Results<E>,
    ) -> Result<(), GitError> {
        let Round { chain, decisions, end } = round;
        match end {
            None => {
                if self.tip_is_newest()? {
                    self.conclude(decisions, results);
                }
            }
            Some(PushEnd::Landed { server_messages }) => {
                for (number, commit) in &chain {
                    results[*number] = Some(Ok(self.pushed(*commit, server_messages.clone())));
                    self.tip = name_of(*commit);
                }
                self.fresh = true;
                self.conclude(decisions, results);
            }
            Some(PushEnd::BaseMoved { message: _ }) => self.catch_up()?,
            Some(PushEnd::Rejected { message }) => self.rejected(message, &chain, results),
            Some(PushEnd::Unknown { cause }) => self.resolve_uncertain(&chain, &cause, jobs, results)?,
        }
        Ok(())
    }

    /// Whether the round's tip is still the branch's tip; if not, the next round uses the new one.
    fn tip_is_newest(&mut self) -> Result<bool, GitError> {
        if self.fresh {
            return Ok(true);
        }
        let before = self.tip.clone();
        self.refresh()?;
        Ok(before == self.tip)
    }

    fn refresh(&mut self) -> Result<(), GitError> {
        self.tip = self.mirror.fetch()?;
        self.fresh = true;
        Ok(())
    }

    /// Pauses after a lost race, unless only the remembered tip was old, and reads the new tip.
    fn catch_up(&mut self) -> Result<(), GitError> {
        let reference = self.mirror.remote().reference();
        if self.fresh && self.attempts < MAX_ATTEMPTS {
            thread::sleep(pause_after(self.attempts));
            let connection = self.mirror.connection();
            let advertised = (!connection.is_ssh()).then(|| Advertisement::read(connection, &[&reference]));
            self.said = advertised.transpose()?;
        }
        let Some(tip) = self.said.as_ref().and_then(|server| server.tip_of(&reference)) else {
            return self.refresh();
        };
        self.tip = self.mirror.catch_up(tip)?;
        self.fresh = true;
        Ok(())
    }

    /// A refusal is final, unless the branch moved in the meantime: that may be its cause. If several commits were refused, each
    /// is pushed alone to find the refused one.
    fn rejected<E: From<GitError>>(&mut self, message: String, chain: &[(usize, Oid)], results: &mut Results<E>) {
        let before = self.tip.clone();
        if !message.contains("hook declined") && self.refresh().is_ok() && before != self.tip {
            return;
        }
        self.attempts = 0;
        match chain {
            [(number, _)] => results[*number] = Some(Err(refusal(self.mirror, message).into())),
            _ => self.one_by_one = true,
        }
    }

    /// Searches the server for commits whose push ended without an answer.
    fn resolve_uncertain<E: From<GitError>>(
        &mut self,
        chain: &[(usize, Oid)],
        cause: &GitError,
        jobs: &[Job<'_, E>],
        results: &mut Results<E>,
    ) -> Result<(), GitError> {
        self.doubts += 1;
        self.in_doubt.extend(chain.iter().map(|(_, commit)| *commit));
        if let Err(error) = self.refresh() {
            for (number, commit) in chain {
                let problem = format!("{cause}; then: {error}");
                results[*number] = Some(Err(uncertain(self.mirror, *commit, problem).into()));
            }
            return Err(error);
        }
        for (number, _) in chain {
            let Trailer { key, value } = &jobs[*number].request.trailer;
            let found = self
                .mirror
                .attempt(|repository| Ok(round::landed(repository, self.mirror, id_of(&self.tip), key, value)?))
                .map_err(|fault| self.mirror.beyond_repair(fault))?;
            if let Some(found) = found {
                results[*number] = Some(Ok(self.found(found)));
            } else if self.doubts >= MAX_DOUBTS {
                results[*number] = Some(Err(cause.clone().into()));
            }
        }
        Ok(())
    }

    /// Recreates a damaged mirror, once per call.
    fn heal(&mut self, fault: Fault) -> Result<(), GitError> {
        match fault {
            Fault::Damaged(damage) if !self.healed => {
                self.healed = true;
                self.mirror.heal(&damage)?;
                self.refresh()
            }
            fault => Err(self.mirror.beyond_repair(fault)),
        }
    }

    fn conclude<E>(&mut self, decisions: Vec<(usize, Decision<E>)>, results: &mut Results<E>) {
        for (number, decision) in decisions {
            results[number] = Some(match decision {
                Decision::Nothing => Ok(Outcome::NothingToDo),
                Decision::AlreadyThere(found) => Ok(self.found(found)),
                Decision::Stopped(stop) => Err(stop),
            });
        }
        self.attempts = 0;
    }

    /// A commit found on the server: of this call or of an earlier one.
    fn found(&self, commit: Oid) -> Outcome {
        if self.in_doubt.contains(&commit) {
            self.pushed(commit, String::new())
        } else {
            Outcome::AlreadyThere { commit: name_of(commit) }
        }
    }

    fn pushed(&self, commit: Oid, server_messages: String) -> Outcome {
        Outcome::Pushed { commit: name_of(commit), attempts: self.attempts, server_messages }
    }
}

fn beaten(mirror: &Mirror, attempts: u32) -> GitError {
    let (repository, branch) = names(mirror);
    GitError::LostRace { repository, branch, attempts }
}

fn uncertain(mirror: &Mirror, commit: Oid, problem: String) -> GitError {
    let (repository, branch) = names(mirror);
    GitError::Uncertain { repository, branch, commit: name_of(commit), problem }
}

fn refusal(mirror: &Mirror, message: String) -> GitError {
    refusal_of(mirror, mirror.remote().branch(), message)
}

/// Classifies a refusal of a branch by the server's message.
pub(super) fn refusal_of(mirror: &Mirror, branch: &str, message: String) -> GitError {
    let (repository, branch) = (mirror.remote().url().to_owned(), branch.to_owned());
    // GitHub: `protected branch hook declined`. GitLab: `… to protected branches`. Gitea: `branch main is protected`.
    if message.to_lowercase().contains("protected") {
        GitError::ProtectedBranch { repository, branch, message }
    } else {
        GitError::Refused { repository, branch, message }
    }
}

fn names(mirror: &Mirror) -> (String, String) {
    (mirror.remote().url().to_owned(), mirror.remote().branch().to_owned())
}

/// A random part of a pause that doubles with each attempt, so that writers that collided once do not collide again.
pub(super) fn pause_after(attempt: u32) -> Duration {
    let longest = MIN_PAUSE.saturating_mul(1 << attempt.min(10)).min(MAX_PAUSE);
    let (_, random) = Uuid::now_v7().as_u64_pair();
    longest.mul_f64(f64::from((random & 0xffff) as u16) / f64::from(u16::MAX))
}
