//! Pull requests from forks that are judged after approval: nothing is trained before a person who may push has named the exact
//! revision, and the next push of the fork needs another approval.

use jiff::Timestamp;

use super::Revisions;
use super::pull_request::{judge_head, read_changes};
use crate::context::{Source, StepError};
use slipway_domain::{Actor, CommitSha, DeliveryState, Needs, PullRequestHead, SourceName, Unjudged};
use slipway_git::GitError;
use slipway_store::{AuditedEffect, DeliveryOutcome, Effect, NewAuditEntry};

impl Revisions {
    /// Reports on a pull request's check and comment that its revision waits for an approval.
    pub(super) async fn require_approval(
        &self,
        name: &SourceName,
        source: &Source,
        at: &PullRequestHead,
    ) -> Result<DeliveryOutcome, StepError> {
        let number = at.number;
        let ignored =
            |why: &str| Ok(DeliveryOutcome::nothing(DeliveryState::Ignored, format!("pull request {number}: {why}")));
        if source.api.is_none() {
            return ignored("it is from a fork, and its revision cannot be approved without `api` of this source");
        }
        // Deliveries are repeated and reordered, so the current head of the fork decides.
        let (mirror, reference) = (source.mirror.clone(), at.reference.clone());
        let Some(head) = &self.context.remotes.call(&source.mirror, move || mirror.head_of(&reference)).await?? else {
            return ignored("its branch does not exist any more");
        };
        if !self.context.store.newest_at(name, head).await?.is_empty() {
            return ignored("its revision is already approved");
        }
        self.context.store.record_unapproved(name, at, head).await?;
        let (revision, title) = (Some(head.clone()), String::new());
        let unjudged = Some(Unjudged { revision, pull_request: Some(number), needs: Needs::Approval, title });
        let note = format!("pull request {number} at {} waits for an approval", head.short());
        Ok(DeliveryOutcome { unjudged, ..DeliveryOutcome::nothing(DeliveryState::Done, note) })
    }

    /// Creates the runs that judge a fork's pull request at an approved revision, if that is its current head. Returns them with
    /// the audit entry, a sentence, and the outcome of the delivery; or the reason why there are none.
    pub(crate) async fn judge_approved(
        &self,
        (name, source): (&SourceName, &Source),
        pull_request: Option<PullRequestHead>,
        approved: &CommitSha,
        actor: &Actor,
        arrived: Timestamp,
    ) -> Result<Result<(AuditedEffect, String, DeliveryOutcome), String>, StepError> {
        let Some(pull_request) = pull_request else {
            return Ok(Err("Nothing to do: no revision here waits for an approval.\n".to_owned()));
        };
        // A revision of the repository itself waits as well if its message requests that nothing is built.
        let fork = self.context.store.is_from_fork(name, pull_request.number).await? != Some(false);
        let pull_request = PullRequestHead { fork, ..pull_request };
        let (mirror, reference) = (source.mirror.clone(), pull_request.reference.clone());
        let found =
            match self.context.remotes.call(&source.mirror, move || read_changes(&mirror, &reference, None)).await? {
                Err(GitError::BranchMissing { .. }) => {
                    return Ok(Err("Refused: the branch of the pull request does not exist any more.\n".to_owned()));
                }
                found => found?,
            };
        if found.head != *approved {
            return Ok(Err(format!(
                "Refused: this pull request is now at `{}`. Review that revision and approve it.\n",
                found.head
            )));
        }
        let entry = NewAuditEntry {
            actor: actor.clone(),
            action: "pull_request.approve".to_owned(),
            target: approved.to_string(),
            detail: format!("pull request {} of {name}{}", pull_request.number, if fork { " from a fork" } else { "" }),
        };
        let mut outcome = judge_head(name, source, pull_request, found, arrived);
        let runs = std::mem::take(&mut outcome.runs);
        let sentence = format!("`{}` is judged; the next push needs its own approval.\n", approved.short());
        Ok(Ok((AuditedEffect { effect: Effect::Open(runs), entry: Some(entry) }, sentence, outcome)))
    }
}
