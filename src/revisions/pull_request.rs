//! Syncs a pull request (merge request): finds its head, its merge base with the served branch, and the runs that judge the
//! changes to models in between. These runs promote nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Revisions;
use super::touched::{Cause, concerns, new_run, summary};
use crate::context::{PullRequestPolicy, Remotes, Source, StepError};
use crate::repository::{ModelFile, skip, source};
use slipway_domain::{
    CommitSha, DeliveryState, HeadRepository, Needs, PullRequest, PullRequestHead, Revision, Run, SourceName, Unjudged,
};
use slipway_git::{GitError, Heads, Mirror};
use slipway_store::DeliveryOutcome;

/// The heads of the pull requests in a batch, fetched in one exchange. `None` if they could not be fetched; then each sync finds
/// the reason.
pub(crate) type Fetched = Option<Heads>;

/// Fetches the heads of the pull requests that are judged.
pub(crate) async fn fetch_together(
    remotes: &Remotes,
    source: &Source,
    pull_requests: impl Iterator<Item = &PullRequest>,
) -> Fetched {
    let references: BTreeSet<String> =
        pull_requests.filter_map(|pull_request| judged(source, pull_request).ok()?).collect();
    if references.is_empty() {
        return None;
    }
    let mirror = source.mirror.clone();
    remotes.call(&source.mirror, move || mirror.fetch_heads(&references)).await.ok()?.ok()
}

/// Reason why a pull request is not judged.
enum NotJudged {
    /// No report is made.
    Quietly(String),
    /// Its check reports the reason.
    Reported(Needs, &'static str, String),
    /// Its check requests an approval of the revision at this reference.
    Unapproved(String),
}

/// The reference to the head of a pull request that is judged, if the forge provides one.
fn judged(source: &Source, pull_request: &PullRequest) -> Result<Option<String>, NotJudged> {
    let served = source.mirror.remote().branch();
    if source.pull_requests == PullRequestPolicy::Ignore {
        return Err(NotJudged::Quietly("`pull_requests` of this source is `ignore`".to_owned()));
    }
    if pull_request.base_branch != served {
        let base = &pull_request.base_branch;
        let note = format!("it is for the branch `{base}`, but only `{served}` is served");
        return Err(NotJudged::Reported(Needs::Nobody, "the target branch is not served", note));
    }
    if pull_request.draft && !source.judge_drafts {
        let note = "it is a draft, and `judge_drafts` of this source is `false`".to_owned();
        return Err(NotJudged::Reported(Needs::Nobody, "drafts are not judged until they are marked as ready", note));
    }
    if let Some(label) = source.label.as_ref().filter(|label| !pull_request.labels.contains(label)) {
        let note = format!("it lacks the label `{label}`, which `label` of this source requires");
        let summary = "pull requests are only judged with the required label";
        return Err(NotJudged::Reported(Needs::Nobody, summary, note));
    }
    match (source.pull_requests, &pull_request.head_repository) {
        (_, HeadRepository::Gone) => Err(NotJudged::Quietly("its repository does not exist any more".to_owned())),
        (PullRequestPolicy::SameRepository, HeadRepository::Fork(fork)) => {
            let fork = &fork.full_name;
            let note = format!("it is from the fork `{fork}`, and `pull_requests` of this source is `same_repository`");
            Err(NotJudged::Reported(Needs::Person, "pull requests from forks are not judged", note))
        }
        (PullRequestPolicy::AfterApproval, HeadRepository::Fork(_)) => match source.forge.reference_of(pull_request) {
            Some(reference) => Err(NotJudged::Unapproved(reference)),
            None => Ok(None),
        },
        _ => Ok(source.forge.reference_of(pull_request)),
    }
}

/// The report on a pull request that is not judged. If the forge does not name the commit of a fork, there is no commit to report
/// on, and a comment gives the reason.
fn unjudged(source: &Source, pull_request: &PullRequest, needs: Needs, why: &str) -> Option<Unjudged> {
    source.api.as_ref()?;
    let revision = match (&pull_request.head, &pull_request.head_repository) {
        (Revision::Full(head), _) => Some(head.clone()),
        (Revision::Abbreviated(_), HeadRepository::Fork(_)) => None,
        (Revision::Abbreviated(_), _) => return None,
    };
    Some(Unjudged { revision, pull_request: Some(pull_request.number), needs, title: why.to_owned() })
}

impl Revisions {
    /// Syncs a pull request that was opened or updated.
    pub(crate) async fn sync_pull_request(
        &self,
        name: &SourceName,
        source: &Source,
        pull_request: &PullRequest,
        fetched: &Fetched,
        arrived: Timestamp,
    ) -> Result<DeliveryOutcome, StepError> {
        let number = pull_request.number;
        let ignored =
            |why: &str| DeliveryOutcome::nothing(DeliveryState::Ignored, format!("pull request {number}: {why}"));
        let of_fork = pull_request.head_repository != HeadRepository::Same;
        // Only GitHub has merge groups, which name their pull request only by its number.
        if source.kind == slipway_forge::Settings::GitHub
            && self.context.store.is_from_fork(name, number).await? != Some(of_fork)
        {
            self.context.store.record_pull_request(name, number, of_fork).await?;
        }
        let reference = match judged(source, pull_request) {
            Ok(Some(reference)) => reference,
            Ok(None) => {
                let summary =
                    "pull requests from forks are not judged, because this forge gives no access to their branches";
                let unjudged = unjudged(source, pull_request, Needs::Person, summary);
                return Ok(DeliveryOutcome {
                    unjudged,
                    ..ignored("this forge gives no access to the branch of a fork")
                });
            }
            Err(NotJudged::Quietly(why)) => return Ok(ignored(&why)),
            Err(NotJudged::Reported(needs, summary, why)) => {
                return Ok(DeliveryOutcome {
                    unjudged: unjudged(source, pull_request, needs, summary),
                    ..ignored(&why)
                });
            }
            Err(NotJudged::Unapproved(reference)) => {
                let head = PullRequestHead { number, reference, fork: true };
                return self.require_approval(name, source, &head).await;
            }
        };
        let fork = matches!(pull_request.head_repository, HeadRepository::Fork(_));
        let head = PullRequestHead { number, reference, fork };
        self.sync_head(name, source, head, SkipMarks::Heeded, fetched, arrived).await
    }

    /// Syncs the current head of a pull request, whichever revision that is.
    pub(super) async fn sync_head(
        &self,
        name: &SourceName,
        source: &Source,
        pull_request: PullRequestHead,
        marks: SkipMarks,
        fetched: &Fetched,
        arrived: Timestamp,
    ) -> Result<DeliveryOutcome, StepError> {
        let number = pull_request.number;
        let (mirror, wanted, fetched) = (source.mirror.clone(), pull_request.reference.clone(), fetched.clone());
        match self.context.remotes.call(&source.mirror, move || read_changes(&mirror, &wanted, fetched)).await? {
            Err(GitError::BranchMissing { .. }) => {
                let note = format!("pull request {number}: its branch does not exist any more");
                Ok(DeliveryOutcome::nothing(DeliveryState::Ignored, note))
            }
            found => {
                let found = found?;
                // If no model is touched, there is nothing to skip.
                let skipped = found.skipped.filter(|_| marks == SkipMarks::Heeded && !found.touched.is_empty());
                let Some(mark) = skipped else { return Ok(judge_head(name, source, pull_request, found, arrived)) };
                if source.api.is_some() {
                    // With this record, a person who may push can still have it judged.
                    self.context.store.record_unapproved(name, &pull_request, &found.head).await?;
                }
                Ok(skipped_head(source, number, &found.head, mark))
            }
        }
    }
}

/// Whether a mark in a message can skip a revision. A merge group is judged whatever its message contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SkipMarks {
    Heeded,
    Ignored,
}

/// The outcome for a revision that touches models and whose message requests that nothing is built: its check reports that. The
/// check does not pass, because the author of a pull request writes its messages, and would decide alone that it is not judged.
fn skipped_head(source: &Source, number: u64, head: &CommitSha, mark: &str) -> DeliveryOutcome {
    let title = skip::skipped(head, mark);
    let note = format!("pull request {number}: {title}");
    let way_out = "push a commit without the mark, or let a person who may push comment";
    let title = format!("{title}; {way_out} `/slipway judge {head}`");
    let unjudged = source.api.is_some().then(|| Unjudged {
        revision: Some(head.clone()),
        pull_request: Some(number),
        needs: Needs::Person,
        title,
    });
    DeliveryOutcome { unjudged, ..DeliveryOutcome::nothing(DeliveryState::Done, note) }
}

/// The outcome for the revision that was found: one run for each model that it touches.
pub(super) fn judge_head(
    name: &SourceName,
    source: &Source,
    pull_request: PullRequestHead,
    found: Found,
    arrived: Timestamp,
) -> DeliveryOutcome {
    let number = pull_request.number;
    let Found { head, base, touched, skipped: _ } = found;
    // No run reports on it, and a required check would wait forever.
    let unjudged = (touched.is_empty() && source.api.is_some()).then(|| Unjudged {
        revision: Some(head.clone()),
        pull_request: Some(number),
        needs: Needs::Nobody,
        title: "no model is affected".to_owned(),
    });
    let cause = Cause { pull_request: Some(pull_request), base, head: head.clone(), arrived };
    let runs: Vec<Run> = touched.iter().map(|file| new_run(name, source, &cause, file)).collect();
    let note = format!("pull request {number}: {}", summary(&head, &touched));
    DeliveryOutcome { runs, unjudged, ..DeliveryOutcome::nothing(DeliveryState::Done, note) }
}

/// A pull request at a moment.
pub(crate) struct Found {
    /// Its head.
    pub(crate) head: CommitSha,
    /// Its merge base with the branch, or the branch's tip if they share no history.
    base: Option<CommitSha>,
    /// The models that it touches.
    touched: Vec<ModelFile>,
    /// The mark in the head's message that requests that nothing is built. An explicit command of a person overrides it.
    skipped: Option<&'static str>,
}

/// The pull request's head, its merge base, and the models that it touches. A pull request without a shared history with the
/// branch touches all of its models, and the policies of the branch's tip judge it.
pub(super) fn read_changes(mirror: &Mirror, reference: &str, fetched: Fetched) -> Result<Found, GitError> {
    let Heads { tip, mut beside } = match fetched {
        Some(fetched) => fetched,
        None => mirror.fetch_heads(&BTreeSet::from([reference.to_owned()]))?,
    };
    let head = beside.remove(reference).ok_or_else(|| mirror.lacks(reference))?;
    let files = source::model_files(mirror, &head)?;
    let skipped = skip::skip_marker(&mirror.commit_info(&head)?.message);
    let Some(base) = mirror.merge_base(&tip, &head)? else {
        return Ok(Found { head, base: Some(tip), touched: files, skipped });
    };
    let changed = mirror.changed_paths(Some(&base), &head)?;
    let touched = files.into_iter().filter(|file| concerns(file, &changed)).collect();
    Ok(Found { head, base: Some(base), touched, skipped })
}
