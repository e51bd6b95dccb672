//! Promotion requests: the commit goes to a promotion branch, and people merge it, or Slipway if the settings select that. There
//! is one open request per model and environment, which is updated. It is merged only with the head that was judged.

use std::collections::BTreeSet;

use super::Promotions;
use crate::context::{Declined, Merge, Requests, StepError, blocking, messages};
use slipway_domain::{BlockingRule, CommitSha, PromotionRequest, Rule, Run, RunCause, RunEvent};
use slipway_forge::{ApiError, MergeRequest, Merging, NewRequest};
use slipway_git::{GitError, Heads, PendingPromotion, PromotionBranchOutcome};

/// The promotion branch of a model in an environment. A rollback has its own branch, beside the promotion that people may still
/// review. No model name contains a dot.
fn branch_of(run: &Run) -> String {
    let RunCause { environment, model, .. } = &run.cause;
    if run.is_rollback() {
        format!("slipway/{environment}/{model}.rollback")
    } else {
        format!("slipway/{environment}/{model}")
    }
}

/// The title of a run's promotion request.
fn title_of(run: &Run) -> String {
    let RunCause { environment, model, .. } = &run.cause;
    if run.is_rollback() {
        format!("Roll {model} in {environment} back")
    } else {
        format!("Promote {model} to {environment}")
    }
}

impl Promotions {
    /// Pushes the promotion to its branch, and ensures that one request is open for it.
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
                run.promotion.commit = Some(commit);
                return Ok(Ok((RunEvent::Promoted, cause)));
            }
            PromotionBranchOutcome::NothingToDo => {
                // If the forge made its own commit with its own message, the forge reports which one.
                let merged = self.merge_commit_of(run).await?;
                self.withdraw_request(run).await;
                let Some(commit) = merged else {
                    return Ok(Ok((RunEvent::Promoted, messages::already_deployed(run))));
                };
                let cause = messages::promoted(run, &commit);
                run.promotion.commit = Some(commit);
                return Ok(Ok((RunEvent::Promoted, cause)));
            }
        };
        let mirror = environment.mirror().clone();
        let proposed_commit = commit.clone();
        // The body contains the trailers, so that a squash with the request's message keeps them.
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
        run.promotion.request = Some(PromotionRequest { number: request.number, head: commit, branch: head });
        let cause = messages::blocking_rules(std::slice::from_ref(&waits));
        run.promotion.blocking_rules = vec![waits];
        Ok(Ok((RunEvent::HeldBack, cause)))
    }

    /// Merges a run's promotion request if Slipway merges, and only with the head that was judged. Returns whether the caller
    /// should check at once whether it landed.
    pub(crate) async fn merge(&self, run: &Run, request: &PromotionRequest) -> Result<bool, StepError> {
        let Some(requests) = self.context.environment(run)?.requests() else { return Ok(false) };
        if requests.merge == Merge::People {
            return Ok(false);
        }
        let (mirror, head) = (self.context.environment(run)?.mirror().clone(), request.head.clone());
        // The mirror may lack an old head. Then the forge's own message is used.
        let pushed = blocking(move || mirror.commit_info(&head)).await?;
        let message = pushed.map(|pushed| pushed.message).unwrap_or_default();
        let merging = Merging { method: requests.method, message: &message };
        match requests.api.merge_request(request.number, &request.head, &merging).await {
            Ok(()) => Ok(true),
            // If the branch moved, the promotion is pushed again on the newest tip. If nothing moved, that push would change
            // nothing.
            Err(ApiError::Moved { .. }) => Ok(!self.is_newest(run, request).await?),
            // A check or a review is missing. The forge permits the merge once it is there.
            Err(ApiError::Refused { reason, .. }) => {
                tracing::info!(run.id = %run.id, reason, "request {} cannot be merged yet", request.number);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the head of the request is still on its branch and is based on the newest tip.
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

    /// The commit by which the forge merged a run's request, if it did and reports the commit.
    pub(super) async fn merge_commit_of(&self, run: &Run) -> Result<Option<CommitSha>, StepError> {
        let (Some(request), Some(requests)) = (&run.promotion.request, self.context.environment(run)?.requests())
        else {
            return Ok(None);
        };
        let MergeRequest { head, merged, merge_commit, .. } = requests.api.get_request(request.number).await?;
        Ok(merge_commit.filter(|_| merged && head == request.head))
    }

    /// Whether a run's request is no longer open at the forge. It was closed, or merged just now.
    pub(super) async fn was_closed(&self, run: &Run, request: &PromotionRequest) -> Result<bool, StepError> {
        let environment = self.context.environment(run)?;
        let Some(requests) = environment.requests() else { return Ok(false) };
        let base = environment.mirror().remote().branch();
        Ok(requests.api.find_request(&request.branch, base).await?.is_none())
    }

    /// Closes a run's request, and removes its branch. Failures are only logged, because people see an open request or a
    /// remaining branch at the forge.
    pub(crate) async fn withdraw_request(&self, run: &Run) {
        let Some(request) = &run.promotion.request else { return };
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
