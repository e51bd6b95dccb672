//! The single place that writes to a repository: builds a commit on the newest tip and pushes it, until it stands,
//! is refused, or is beaten too often.

use std::thread;
use std::time::Duration;

use git2::Oid;
use uuid::Uuid;

use crate::domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::Snapshot;
use super::fault::Fault;
use super::mirror::{id_of, name_of};
use super::request::{Outcome, Proposal, Trailer, WriteRequest};
use super::round;
use super::round::{Decision, Round, SEARCHED_COMMITS};

/// Most rounds of read, build and push: with full jitter, eight let even a crowd of writers through.
const MOST_ATTEMPTS: u32 = 8;

/// Most pushes that may end without an answer before the server is left alone for a while.
const MOST_DOUBTS: usize = 2;

/// Bounds of the pause after a lost race: it doubles from the first to the second, and a random part of it is taken.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(640);

/// Commits a promotion and pushes it; one writer at a time for a branch in this process.
///
/// `propose` is called with the tip that the commit will be built on, and again with the newer tip after each lost
/// race: it reads and judges anew each time. Nothing is pushed when the trailer is already in the history. A push
/// that ends without an answer is looked up on the server before anything is repeated.
pub fn commit_and_push<E: From<GitError>>(
    mirror: &Mirror,
    request: &WriteRequest,
    mut propose: impl FnMut(&Snapshot<'_>) -> Result<Proposal, E>,
) -> Result<Outcome, E> {
    let _turn = mirror.writing();
    let mut writer = Writer::start(mirror, request)?;
    while writer.attempts < MOST_ATTEMPTS {
        writer.attempts += 1;
        match round::run(mirror, request, &writer.tip, &mut propose) {
            Ok(Round::Decided(decision)) => {
                if writer.tip_is_newest()? {
                    return writer.conclude(decision);
                }
            }
            Ok(Round::Landed { commit, server_messages }) => return Ok(writer.pushed(commit, server_messages)),
            Ok(Round::Raced) => writer.catch_up()?,
            Ok(Round::Rejected { words }) => writer.rejected(words)?,
            Ok(Round::Unknown { commit, cause }) => {
                if let Some(landed) = writer.look_for(commit, cause)? {
                    return Ok(landed);
                }
            }
            Err(fault) => writer.heal(fault)?,
        }
    }
    Err(writer.beaten().into())
}

/// One call's state across its rounds.
struct Writer<'a> {
    mirror: &'a Mirror,
    request: &'a WriteRequest,
    tip: CommitSha,
    /// Whether the tip was read from the server during this call, or is remembered from before.
    fresh: bool,
    attempts: u32,
    healed: bool,
    /// Commits of this call whose push ended without an answer.
    in_doubt: Vec<Oid>,
}

impl<'a> Writer<'a> {
    /// Begins on the remembered tip where there is one: the push itself checks it, which saves a fetch.
    fn start(mirror: &'a Mirror, request: &'a WriteRequest) -> Result<Self, GitError> {
        let (tip, fresh) = match mirror.known_tip() {
            Some(tip) => (tip, false),
            None => (mirror.fetch()?, true),
        };
        Ok(Self { mirror, request, tip, fresh, attempts: 0, healed: false, in_doubt: Vec::new() })
    }

    /// Whether the round's tip is still the branch's tip; if not, the next round has the new one.
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

    /// After a lost race: a pause, unless only the remembered tip was old, and the new tip.
    fn catch_up(&mut self) -> Result<(), GitError> {
        if self.fresh && self.attempts < MOST_ATTEMPTS {
            thread::sleep(pause_after(self.attempts));
        }
        self.refresh()
    }

    /// A refusal stands, unless the branch moved meanwhile: then the server may have meant just that.
    fn rejected(&mut self, words: String) -> Result<(), GitError> {
        let before = self.tip.clone();
        if words.contains("hook declined") || self.refresh().is_err() || before == self.tip {
            return Err(GitError::Refused {
                repository: self.mirror.remote().url().to_owned(),
                branch: self.mirror.remote().branch().to_owned(),
                words,
            });
        }
        Ok(())
    }

    /// Looks on the server for a commit whose push ended without an answer.
    fn look_for(&mut self, commit: Oid, cause: GitError) -> Result<Option<Outcome>, GitError> {
        self.in_doubt.push(commit);
        if let Err(error) = self.refresh() {
            return Err(GitError::Uncertain {
                repository: self.mirror.remote().url().to_owned(),
                branch: self.mirror.remote().branch().to_owned(),
                commit: name_of(commit),
                problem: format!("{cause}; and then: {error}"),
            });
        }
        let Trailer { key, value } = &self.request.trailer;
        match self.mirror.find_trailer(&self.tip, key, value, SEARCHED_COMMITS)? {
            Some(found) => Ok(Some(self.found(id_of(&found)))),
            None if self.in_doubt.len() >= MOST_DOUBTS => Err(cause),
            None => Ok(None),
        }
    }

    /// Makes a damaged mirror anew, once a call.
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

    fn conclude<E>(&self, decision: Decision<E>) -> Result<Outcome, E> {
        match decision {
            Decision::Nothing => Ok(Outcome::NothingToDo),
            Decision::AlreadyThere(found) => Ok(self.found(found)),
            Decision::Stopped(stop) => Err(stop),
        }
    }

    /// A commit found on the server: this call's own, or an earlier one's.
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

    fn beaten(&self) -> GitError {
        GitError::LostRace {
            repository: self.mirror.remote().url().to_owned(),
            branch: self.mirror.remote().branch().to_owned(),
            attempts: self.attempts,
        }
    }
}

/// A random part of a pause that doubles with each attempt: writers that collided once do not collide again.
fn pause_after(attempt: u32) -> Duration {
    let longest = SHORTEST_PAUSE.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
    let (_, random) = Uuid::now_v7().as_u64_pair();
    longest.mul_f64(f64::from((random & 0xffff) as u16) / f64::from(u16::MAX))
}
