//! Promotions by request: the commit goes to a branch of ours, and people (or we, where that is set) merge it. One open
//! request a model and environment, which is updated; merged only with the head that was judged.

use std::collections::BTreeSet;

use super::Promotions;
use crate::context::{Declined, Merge, Requests, StepError, blocking, messages};
use slipway_domain::{BlockingRule, CommitSha, PromotionRequest, Rule, Run, RunEvent};
use slipway_forge::{ApiError, MergeRequest, Merging, NewRequest};
use slipway_git::{GitError, Heads, PendingPromotion, PromotionBranchOutcome};

/// The branch that a model's promotion to an environment is offered on. A rollback has one of its own, beside the
/// promotion that people may still be looking at; no name of a model holds a dot.
fn branch_of(run: &Run) -> String {
    let Run { environment, model, .. } = run;
    if run.is_rollback() {
        format!("slipway/{environment}/{model}.rollback")
    } else {
        format!("slipway/{environment}/{model}")
    }
}

/// The title of the request for a run.
fn title_of(run: &Run) -> String {
    let Run { environment, model, .. } = run;
    if run.is_rollback() {
        format!("Roll {model} in {environment} back")
    } else {
        format!("Promote {model} to {environment}")
    }
}

impl Promotions {
    /// Offers the promotion on its branch, and sees to it that one request is open for it.
    pub(crate) async fn request(
        &self,
        run: &mut Run,
        requests: &Requests,
        pending_promotion: PendingPromotion<Declined>,
    ) -> Result<Result<(RunEvent, String), Declined>, StepError> {
        let environment = self.context.environment(run)?;
        let writer = environment.writer().clone();
        let base = environment.mirror().remote().branch().to_owned();
        let head = branch_of(run);
        let branch = head.clone();
        let pushed = match writer.push_promotion_branch(&self.context.remotes, branch, pending_promotion).await? {
            Ok(pushed) => pushed,
            Err(declined) => return Ok(Err(declined)),
        };
        let commit = match pushed {
            PromotionBranchOutcome::Pushed { commit, .. } | PromotionBranchOutcome::Unchanged { commit, .. } => commit,
            PromotionBranchOutcome::AlreadyThere { commit } => {
                if let Err(declined) = self.landed_before(run, &commit).await? {
                    return Ok(Err(declined));
                }
                let cause = messages::promoted(run, &commit);
                self.withdraw_request(run).await;
                run.promotion_commit = Some(commit);
                return Ok(Ok((RunEvent::Promoted, cause)));
            }
            PromotionBranchOutcome::NothingToDo => {
                // Where the forge made a commit of its own, with a message of its own, it says which one.
                let merged = self.merge_commit_of(run).await?;
                self.withdraw_request(run).await;
                let Some(commit) = merged else {
                    return Ok(Ok((RunEvent::Promoted, messages::already_deployed(run))));
                };
                let cause = messages::promoted(run, &commit);
                run.promotion_commit = Some(commit);
                return Ok(Ok((RunEvent::Promoted, cause)));
            }
        };
        let mirror = environment.mirror().clone();
        let proposed_commit = commit.clone();
        // A squash that takes its message from the request keeps the trailers by which a promotion is known.
        let body = blocking(move || mirror.commit_info(&proposed_commit)).await??.message;
        let title = title_of(run);
        let request = match requests.api.find_request(&head, &base).await? {
            Some(request) => {
                requests.api.update_request(request.number, &title, &body).await?;
                request
            }
            None => requests.api.open_request(&NewRequest { head: head.clone(), base, title, body }).await?,
        };
        let waits = BlockingRule {
            rule: Rule::Request,
            reason: format!("request {} waits to be merged", request.number),
            earliest: None,
        };
        run.request = Some(PromotionRequest { number: request.number, head: commit, branch: head });
        let cause = messages::blocking_rules(std::slice::from_ref(&waits));
        run.blocking_rules = vec![waits];
        Ok(Ok((RunEvent::HeldBack, cause)))
    }

    /// Merges a run's request where that is ours to do, with the head that was judged and no other. Answers whether it
    /// is worth looking at once whether it has landed.
    pub(crate) async fn merge(&self, run: &Run, request: &PromotionRequest) -> Result<bool, StepError> {
        let Some(requests) = self.context.environment(run)?.requests() else { return Ok(false) };
        if requests.merge == Merge::People {
            return Ok(false);
        }
        let (mirror, head) = (self.context.environment(run)?.mirror().clone(), request.head.clone());
        // What was offered may be too old to be known here; then the forge's own message has to do.
        let pushed = blocking(move || mirror.commit_info(&head)).await?;
        let message = pushed.map(|pushed| pushed.message).unwrap_or_default();
        let merging = Merging { method: requests.method, message: &message };
        match requests.api.merge_request(request.number, &request.head, &merging).await {
            Ok(()) => Ok(true),
            // What moved is offered again on the newest tip. If nothing did, that would be the same offer again.
            Err(ApiError::Moved { .. }) => Ok(!self.is_newest(run, request).await?),
            // A check or a reviewer is missing: the forge says when that is over by letting us.
            Err(ApiError::Refused { reason, .. }) => {
                tracing::info!(run.id = %run.id, reason, "request {} cannot be merged yet", request.number);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether what was offered is still what stands on its branch, and is built on the newest tip.
    async fn is_newest(&self, run: &Run, request: &PromotionRequest) -> Result<bool, StepError> {
        let mirror = self.context.environment(run)?.mirror().clone();
        let PromotionRequest { branch, head, .. } = request.clone();
        let environment_mirror = mirror.clone();
        let compare = move || {
            let reference = format!("refs/heads/{branch}");
            let Heads { tip, beside } = environment_mirror.fetch_heads(&BTreeSet::from([reference.clone()]))?;
            Ok(beside.get(&reference) == Some(&head) && environment_mirror.merge_base(&tip, &head)? == Some(tip))
        };
        match self.context.remotes.call(&mirror, compare).await? {
            Err(GitError::BranchMissing { .. }) => Ok(false),
            newest => Ok(newest?),
        }
    }

    /// The commit by which the forge merged what a run has offered, if it did and says so.
    pub(super) async fn merge_commit_of(&self, run: &Run) -> Result<Option<CommitSha>, StepError> {
        let (Some(request), Some(requests)) = (&run.request, self.context.environment(run)?.requests()) else {
            return Ok(None);
        };
        let MergeRequest { head, merged, merge_commit, .. } = requests.api.get_request(request.number).await?;
        Ok(merge_commit.filter(|_| merged && head == request.head))
    }

    /// Whether a run's request was closed at the forge without being merged.
    pub(super) async fn was_closed(&self, run: &Run, request: &PromotionRequest) -> Result<bool, StepError> {
        let environment = self.context.environment(run)?;
        let Some(requests) = environment.requests() else { return Ok(false) };
        let base = environment.mirror().remote().branch();
        Ok(requests.api.find_request(&request.branch, base).await?.is_none())
    }

    /// Closes what a run has offered, and removes its branch. What fails here is found by whoever looks at the forge,
    /// and holds nobody up.
    pub(crate) async fn withdraw_request(&self, run: &Run) {
        let Some(request) = &run.request else { return };
        let Ok(environment) = self.context.environment(run) else { return };
        if let Some(requests) = environment.requests() {
            let open = requests.api.find_request(&request.branch, environment.mirror().remote().branch()).await;
            if let Ok(Some(open)) = open
                && open.head == request.head
                && let Err(error) = requests.api.close_request(open.number).await
            {
                tracing::warn!(run.id = %run.id, %error, "request {} could not be closed: {error}", open.number);
            }
        }
        let (mirror, branch, head) = (environment.mirror().clone(), request.branch.clone(), request.head.clone());
        let remove = move || mirror.remove_promotion_branch(&branch, &head);
        match self.context.remotes.call(environment.mirror(), remove).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(run.id = %run.id, %error, "`{}` could not be removed: {error}", request.branch);
            }
            Err(error) => {
                tracing::warn!(run.id = %run.id, %error, "`{}` could not be removed: {error}", request.branch);
            }
        }
    }
}
