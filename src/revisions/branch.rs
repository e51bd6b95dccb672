//! Syncs a served branch: compares its tip with the last synced commit, finds the models that changed in between, and starts
//! their runs. Repeated, late or reordered deliveries all end here and find no remaining work.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Revisions;
use super::touched::{Cause, new_run, summary, touches};
use crate::context::{Source, StepError, blocking};
use crate::promotions::TRAILER;
use crate::repository::{ModelFile, skip, source};
use crate::runs::with_broken_policy;
use slipway_domain::{CommitSha, DeliveryState, Needs, Run, SourceName, Unjudged};
use slipway_git::{GitError, Mirror};
use slipway_store::{BranchHead, DeliveryOutcome, SeenBranch};

/// Maximum number of commits that are read one by one to distinguish promotions from others.
const MAX_PROMOTIONS: usize = 2_000;

/// Maximum number of consecutive pushes that request that nothing is built.
const MAX_SKIPPED: usize = 2_000;

/// A reported push of the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The tip before the push; `None` if the push created the branch.
    pub(crate) before: Option<CommitSha>,
    /// The tip after the push.
    pub(crate) after: CommitSha,
    /// Whether Slipway found the push itself. It may then be several pushes.
    pub(crate) found: bool,
}

/// Result of a read of a branch.
enum Found {
    /// Nothing that was not synced before.
    Nothing { tip: CommitSha },
    /// The message of the revision requests that nothing is built, by this mark.
    Skipped { tip: CommitSha, mark: &'static str },
    /// Only promotions by Slipway.
    Promotions { tip: CommitSha },
    /// The changes of the revision `head`. It is older than the tip if newer pushes request that nothing is built.
    Moved { tip: CommitSha, head: CommitSha, skipped: Option<&'static str>, changes: Changes },
}

/// The changes of a revision.
struct Changes {
    /// The revision that it is compared with.
    base: Option<CommitSha>,
    /// Models to build.
    touched: Vec<ModelFile>,
    /// The other models.
    others: Vec<ModelFile>,
    /// The paths that differ, if they are known.
    paths: Vec<String>,
    /// Those paths that resemble the name of a model file.
    misnamed: Vec<String>,
    /// Those paths of model files that do not exist any more.
    removed: Vec<String>,
}

impl Revisions {
    /// Syncs the served branch of a source. `announced` are the reported pushes, and `arrived` is the arrival of the first of
    /// them.
    pub(crate) async fn sync_branch(
        &self,
        name: &SourceName,
        source: &Source,
        announced: &[Announced],
        arrived: Timestamp,
    ) -> Result<DeliveryOutcome, StepError> {
        let branch = source.mirror.remote().branch().to_owned();
        let seen = self.context.store.seen_branch(name, &branch).await?;
        let before = seen.as_ref().map(|seen| seen.head.clone());
        let (mirror, announced) = (source.mirror.clone(), announced.to_vec());
        let ours = self.context.is_environment(source).then(|| self.context.settings.committer.name.clone());
        let read_changes = move || read_changes(&mirror, seen.as_ref(), &announced, ours.as_deref());
        let found = match self.context.remotes.call(&source.mirror, read_changes).await? {
            Err(GitError::BranchMissing { .. }) => {
                let note = format!("the branch `{branch}` does not exist any more");
                return Ok(DeliveryOutcome::nothing(DeliveryState::Ignored, note));
            }
            found => found?,
        };
        let moved = |tip: CommitSha, note: String, runs: Vec<Run>, removed: Vec<String>, skipped: Option<String>| {
            // No run reports a skipped revision, so its check has to give the reason.
            let unjudged = skipped.filter(|_| source.api.is_some()).map(|title| Unjudged {
                revision: Some(tip.clone()),
                pull_request: None,
                needs: Needs::Nobody,
                title,
            });
            let branch = BranchHead { source: name.clone(), branch, before, head: tip, adopted: false };
            DeliveryOutcome {
                branch: Some(branch),
                runs,
                removed,
                unjudged,
                ..DeliveryOutcome::nothing(DeliveryState::Done, note)
            }
        };
        Ok(match found {
            Found::Nothing { tip } => {
                DeliveryOutcome::nothing(DeliveryState::Done, format!("{} was already processed", tip.short()))
            }
            Found::Skipped { tip, mark } => {
                let said = skip::skipped(&tip, mark);
                moved(tip, said.clone(), Vec::new(), Vec::new(), Some(said))
            }
            Found::Promotions { tip } => {
                let note = format!("the commits up to {} are only promotions", tip.short());
                moved(tip, note, Vec::new(), Vec::new(), None)
            }
            Found::Moved { tip, head, skipped, changes } => {
                let Changes { base, touched, others, paths, misnamed, removed } = changes;
                let cause = Cause { pull_request: None, base: base.clone(), head: head.clone(), arrived };
                let mut runs: Vec<Run> = touched.iter().map(|file| new_run(name, source, &cause, file)).collect();
                let mirror = source.mirror.clone();
                let read = move || {
                    let note = summary(&head, &touched);
                    let models = touched.into_iter().chain(others).collect();
                    Ok::<_, StepError>((note, with_broken_policy(&mirror, base.as_ref(), &head, models, &paths)?))
                };
                let (mut note, broken) = blocking(read).await??;
                for file in broken {
                    let run = Run { only_policy: true, ..new_run(name, source, &cause, &file) };
                    note = format!("{note}; the policy of {} has mistakes", run.cause.model);
                    runs.push(run);
                }
                for path in misnamed {
                    note = format!(
                        "{note}; `{path}` is not read: models are described in files with the name \
                     `slipway.yaml`"
                    );
                }
                for path in &removed {
                    note = format!("{note}; `{path}` was removed: its unfinished runs end");
                }
                let skipped = skipped.map(|mark| skip::skipped(&tip, mark));
                if let Some(said) = &skipped {
                    note = format!("{note}; {said}");
                }
                moved(tip, note, runs, removed, skipped)
            }
        })
    }
}

/// Reads the changes of the branch. If the branch is also an environment, `ours` commits promotions to it. They train nothing,
/// because otherwise every promotion would lead to the next.
fn read_changes(
    mirror: &Mirror,
    seen: Option<&SeenBranch>,
    announced: &[Announced],
    ours: Option<&str>,
) -> Result<Found, GitError> {
    let tip = mirror.fetch()?;
    // No push was known of an adopted tip. If one is reported now, the tip still has to be processed.
    let summary = announced.iter().rev().find(|push| push.after == tip && push.before.as_ref() != Some(&tip));
    let base = match seen {
        Some(seen) if seen.head == tip && seen.adopted => match summary {
            Some(push) => push.before.clone(),
            None => return Ok(Found::Nothing { tip }),
        },
        Some(seen) if seen.head == tip => return Ok(Found::Nothing { tip }),
        Some(seen) => Some(seen.head.clone()),
        None => announced.first().and_then(|push| push.before.clone()),
    };
    let skipped = skip::skip_marker(&mirror.commit_info(&tip)?.message);
    let head = newest_wanted(mirror, &tip, base.as_ref(), announced)?;
    let (head, skipped) = match (head, skipped) {
        (Some(head), skipped) => (head, skipped),
        (None, Some(mark)) => return Ok(Found::Skipped { tip, mark }),
        (None, None) => (tip.clone(), None),
    };
    let files = source::model_files(mirror, &head)?;
    let every = |base, touched| Changes {
        base,
        touched,
        others: Vec::new(),
        paths: Vec::new(),
        misnamed: Vec::new(),
        removed: Vec::new(),
    };
    let changes = match base {
        Some(base) if mirror.contains(&base)? => {
            let changed = match ours {
                Some(ours) => changed_by_others(mirror, &base, &head, ours)?,
                None => Some(mirror.changed_paths(Some(&base), &head)?),
            };
            let Some(paths) = changed else { return Ok(Found::Promotions { tip }) };
            let (touched, others) = files.into_iter().partition(|file| touches(file, &paths));
            let mut misnamed = Vec::new();
            for path in paths.iter().filter(|path| source::is_misnamed_model(path)) {
                if mirror.entry(&head, path)?.is_some() {
                    misnamed.push(path.clone());
                }
            }
            let mut removed = Vec::new();
            for path in paths.iter().filter(|path| source::is_model(path)) {
                if mirror.entry(&head, path)?.is_none() {
                    removed.push(path.clone());
                }
            }
            Changes { base: Some(base), touched, others, paths, misnamed, removed }
        }
        // The previous commit of the branch is not available: every model counts as changed, and the policy before the newest
        // commit still judges.
        Some(_) => every(mirror.parent(&head)?, files),
        None => every(None, files),
    };
    Ok(Found::Moved { tip, head, skipped, changes })
}

/// The newest revision since `base` that is to be built. A mark skips the push that its commit ends, and no earlier push. If no
/// delivery reports which commits were pushed together, it skips only its own commit.
fn newest_wanted(
    mirror: &Mirror,
    tip: &CommitSha,
    base: Option<&CommitSha>,
    announced: &[Announced],
) -> Result<Option<CommitSha>, GitError> {
    let mut head = tip.clone();
    for _ in 0..MAX_SKIPPED {
        let message = mirror.commit_info(&head)?.message;
        if skip::skip_marker(&message).is_none() {
            return Ok(Some(head));
        }
        let push = announced.iter().rev().find(|push| push.after == head && !push.found);
        let before = match push {
            Some(push) => push.before.clone(),
            None => mirror.parent(&head)?,
        };
        // A branch that was set to another history contains nothing that was pushed before.
        let Some(before) = before else { return Ok(None) };
        if !mirror.contains(&before)? || !is_within(mirror, &before, &head)? {
            return Ok(None);
        }
        if let Some(base) = base
            && mirror.contains(base)?
            && is_within(mirror, &before, base)?
        {
            return Ok(None);
        }
        head = before;
    }
    Ok(None)
}

/// Whether a commit is equal to another one, or in its history.
fn is_within(mirror: &Mirror, commit: &CommitSha, of: &CommitSha) -> Result<bool, GitError> {
    Ok(mirror.merge_base(commit, of)?.as_ref() == Some(commit))
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
    for _ in 0..MAX_PROMOTIONS {
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
    // The base is not among the first parents, so all differences count.
    Ok(Some(mirror.changed_paths(Some(base), tip)?))
}
