//! A look at a served branch: where it is, what it was left at, which models changed in between, and the runs that
//! follow. Deliveries that come twice, late, or in the wrong order all end here and find nothing left to do.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::promote::TRAILER;
use super::source::{self, ModelFile};
use super::touched::{Cause, new_run, touches};
use super::{Pipeline, Source, StepError, blocking};
use crate::domain::{CommitSha, DeliveryState, Run, SourceName};
use crate::git::{GitError, Mirror};
use crate::store::{BranchHead, SeenBranch, Settled};

/// What a commit's message says to keep its models from being built.
const SKIP: [&str; 2] = ["[skip slipway]", "[slipway skip]"];

/// Commits that are looked at one by one to tell promotions from others.
const MOST_PROMOTIONS: usize = 2_000;

/// A push of the branch that somebody told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announced {
    /// Where the branch was; `None` when it was created.
    pub(super) before: Option<CommitSha>,
    /// Where it went.
    pub(super) after: CommitSha,
}

/// What a look at a branch found.
enum Found {
    /// Nothing that was not dealt with before.
    Nothing { tip: CommitSha },
    /// The revision asks for nothing to be built.
    Skipped { tip: CommitSha },
    /// Nothing but promotions of our own.
    Promotions { tip: CommitSha },
    /// Models to build, and the revision they are compared with.
    Moved { tip: CommitSha, base: Option<CommitSha>, touched: Vec<ModelFile> },
}

impl Pipeline {
    /// Looks at the served branch of a source. `announced` are the pushes that were told of, `arrived` is when the
    /// first of them came in.
    pub(super) async fn look_at_branch(
        &self,
        name: &SourceName,
        source: &Source,
        announced: &[Announced],
        arrived: Timestamp,
    ) -> Result<Settled, StepError> {
        let branch = source.mirror.remote().branch().to_owned();
        let seen = self.store.seen_branch(name, &branch).await?;
        let before = seen.as_ref().map(|seen| seen.head.clone());
        let (mirror, announced) = (source.mirror.clone(), announced.to_vec());
        let ours = self.is_environment(source).then(|| self.settings.committer.name.clone());
        let found = match blocking(move || look(&mirror, seen.as_ref(), &announced, ours.as_deref())).await? {
            Err(GitError::BranchMissing { .. }) => {
                let note = format!("the branch `{branch}` is not there any more");
                return Ok(Settled::nothing(DeliveryState::Ignored, note));
            }
            found => found?,
        };
        let moved = |tip: CommitSha, note: String, runs: Vec<Run>| {
            let branch = BranchHead { source: name.clone(), branch, before, head: tip, adopted: false };
            Settled { branch: Some(branch), runs, ..Settled::nothing(DeliveryState::Done, note) }
        };
        Ok(match found {
            Found::Nothing { tip } => {
                Settled::nothing(DeliveryState::Done, format!("{} was dealt with already", tip.short()))
            }
            Found::Skipped { tip } => {
                let note = format!("the message of {} says `{}`", tip.short(), SKIP[0]);
                moved(tip, note, Vec::new())
            }
            Found::Promotions { tip } => {
                let note = format!("nothing but promotions up to {}", tip.short());
                moved(tip, note, Vec::new())
            }
            Found::Moved { tip, touched, .. } if touched.is_empty() => {
                let note = format!("no model is touched up to {}", tip.short());
                moved(tip, note, Vec::new())
            }
            Found::Moved { tip, base, touched } => {
                let cause = Cause { change: None, base, head: tip.clone(), arrived };
                let runs: Vec<Run> = touched.iter().map(|file| new_run(name, source, &cause, file)).collect();
                let names: Vec<&str> = runs.iter().map(|run| run.model.as_str()).collect();
                let note = format!("{} touches {}", tip.short(), names.join(", "));
                moved(tip, note, runs)
            }
        })
    }
}

/// Looks at the branch. Where it is an environment as well, `ours` commits promotions to it, and those train nothing:
/// else every promotion would lead to the next.
fn look(
    mirror: &Mirror,
    seen: Option<&SeenBranch>,
    announced: &[Announced],
    ours: Option<&str>,
) -> Result<Found, GitError> {
    let tip = mirror.fetch()?;
    // Of a revision that was only found there no push was known; if one is announced now, it is still to be dealt with.
    let told = announced.iter().rev().find(|push| push.after == tip && push.before.as_ref() != Some(&tip));
    let base = match seen {
        Some(seen) if seen.head == tip && seen.adopted => match told {
            Some(push) => push.before.clone(),
            None => return Ok(Found::Nothing { tip }),
        },
        Some(seen) if seen.head == tip => return Ok(Found::Nothing { tip }),
        Some(seen) => Some(seen.head.clone()),
        None => announced.first().and_then(|push| push.before.clone()),
    };
    let message = mirror.commit_info(&tip)?.message;
    if SKIP.iter().any(|skip| message.contains(skip)) {
        return Ok(Found::Skipped { tip });
    }
    let files = source::model_files(mirror, &tip)?;
    Ok(match base {
        Some(base) if mirror.contains(&base)? => {
            let changed = match ours {
                Some(ours) => changed_by_others(mirror, &base, &tip, ours)?,
                None => Some(mirror.changed_paths(Some(&base), &tip)?),
            };
            let Some(changed) = changed else { return Ok(Found::Promotions { tip }) };
            let touched = files.into_iter().filter(|file| touches(file, &changed)).collect();
            Found::Moved { tip, base: Some(base), touched }
        }
        // What the branch was before is not to be had: every model counts as changed, and is still judged by a policy
        // that was there before the newest commit.
        Some(_) => Found::Moved { base: mirror.parent(&tip)?, touched: files, tip },
        None => Found::Moved { base: None, touched: files, tip },
    })
}

/// The paths that commits other than promotions changed from `base` to `tip`; `None` if there are no such commits.
fn changed_by_others(
    mirror: &Mirror,
    base: &CommitSha,
    tip: &CommitSha,
    ours: &str,
) -> Result<Option<Vec<String>>, GitError> {
    let mut changed = BTreeSet::new();
    let mut others = false;
    let mut commit = tip.clone();
    for _ in 0..MOST_PROMOTIONS {
        if commit == *base {
            return Ok(others.then(|| changed.into_iter().collect()));
        }
        let Some(parent) = mirror.parent(&commit)? else { break };
        let info = mirror.commit_info(&commit)?;
        if info.committer != ours || info.trailer(TRAILER).is_none() {
            others = true;
            changed.extend(mirror.changed_paths(Some(&parent), &commit)?);
        }
        commit = parent;
    }
    // The base is not among the first parents: all that differs counts.
    Ok(Some(mirror.changed_paths(Some(base), tip)?))
}
