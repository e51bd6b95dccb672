//! Merge groups: the commits that a forge's merge queue would merge. A group that contains commits of a fork is judged like a
//! fork, within the limits for forks and, if the settings require it, after approval.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Revisions;
use super::pull_request::SkipMarks;
use crate::context::{PullRequestPolicy, Source, StepError};
use slipway_domain::{CommitSha, DeliveryState, MergeGroup, Needs, PullRequestHead, Retry, SourceName, Unjudged};
use slipway_git::{GitError, Heads, Mirror};
use slipway_store::DeliveryOutcome;

/// The place of a group in git.
struct Place {
    /// Whether it would land on the served branch itself, and not on an earlier group.
    on_branch: bool,
    /// Whether it contains the approved revision of its pull request.
    holds_approved: bool,
}

fn is_judged(source: &Source, group: &MergeGroup) -> bool {
    source.pull_requests != PullRequestPolicy::Ignore && group.base_branch == source.mirror.remote().branch()
}

fn reference_of_group(group: &MergeGroup) -> String {
    format!("refs/heads/{}", group.head_branch)
}

impl Revisions {
    /// Syncs the commits of a merge queue, like the pull request that its branch is named after.
    pub(crate) async fn sync_merge_group(
        &self,
        name: &SourceName,
        source: &Source,
        group: &MergeGroup,
        arrived: Timestamp,
    ) -> Result<DeliveryOutcome, StepError> {
        let ignored = |why: &str| Ok(DeliveryOutcome::nothing(DeliveryState::Ignored, format!("merge group: {why}")));
        if !is_judged(source, group) {
            return ignored("its branch is not served, or `pull_requests` of this source is `ignore`");
        }
        let Some(number) = number_in(&group.head_branch) else { return ignored("its branch names no pull request") };
        let approved = self.context.store.newest_of_pull_request(name, number).await?;
        let approved = approved
            .into_iter()
            .find(|run| run.cause.pull_request.as_ref().is_some_and(|pull_request| pull_request.fork));
        let (mirror, reference) = (source.mirror.clone(), reference_of_group(group));
        let (wanted, base) = (reference.clone(), group.base.clone());
        let approved = approved.map(|run| run.cause.head);
        let find_place = move || place_of(&mirror, &wanted, &base, approved.as_ref());
        let place = match self.context.remotes.call(&source.mirror, find_place).await? {
            Err(GitError::BranchMissing { .. }) => return ignored("its branch does not exist any more"),
            place => place?,
        };
        let before = if place.on_branch {
            Some(false)
        } else {
            self.context.store.group_is_from_fork(name, &group.base).await?
        };
        // A group of unknown origin counts as a fork's.
        let fork = before != Some(false) || self.comes_from_fork(name, source, number).await?;
        self.context.store.record_merge_group(name, &group.head, fork).await?;
        let pull_request = PullRequestHead { number, reference, fork };
        if fork {
            match source.pull_requests {
                PullRequestPolicy::SameRepository => {
                    let unjudged = source.api.is_some().then(|| Unjudged {
                        revision: Some(group.head.clone()),
                        pull_request: Some(number),
                        needs: Needs::Person,
                        title: "groups with pull requests from forks are not judged".to_owned(),
                    });
                    let why = "it contains a pull request from a fork, and `pull_requests` of this source is \
                     `same_repository`";
                    return Ok(DeliveryOutcome { unjudged, ..ignored(why)? });
                }
                PullRequestPolicy::AfterApproval if !(place.holds_approved && before == Some(false)) => {
                    return self.require_approval(name, source, &pull_request).await;
                }
                PullRequestPolicy::AfterApproval | PullRequestPolicy::All | PullRequestPolicy::Ignore => {}
            }
        }
        self.sync_head(name, source, pull_request, SkipMarks::Ignored, &None, arrived).await
    }

    /// Whether a pull request is from a fork, according to its deliveries, otherwise to the forge. If neither is known, it counts
    /// as one.
    async fn comes_from_fork(&self, name: &SourceName, source: &Source, number: u64) -> Result<bool, StepError> {
        if let Some(known) = self.context.store.is_from_fork(name, number).await? {
            return Ok(known);
        }
        let Some(api) = &source.api else { return Ok(true) };
        match api.is_from_fork(number).await {
            Ok(fork) => Ok(fork),
            Err(error) if error.retry() == Retry::Never => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// The number of the pull request that a branch of GitHub's merge queue is named after:
/// `gh-readonly-queue/main/pr-17-0123…`.
fn number_in(branch: &str) -> Option<u64> {
    let last = branch.strip_prefix("gh-readonly-queue/")?.rsplit('/').next()?;
    last.strip_prefix("pr-")?.split('-').next()?.parse().ok()
}

fn place_of(
    mirror: &Mirror,
    reference: &str,
    base: &CommitSha,
    approved: Option<&CommitSha>,
) -> Result<Place, GitError> {
    let Heads { tip, beside } = mirror.fetch_heads(&BTreeSet::from([reference.to_owned()]))?;
    let head = beside.get(reference).ok_or_else(|| mirror.lacks(reference))?;
    // A commit that the mirror lacks is in neither of them.
    let is_in = |commit: &CommitSha, of: &CommitSha| {
        mirror.merge_base(commit, of).is_ok_and(|shared| shared.as_ref() == Some(commit))
    };
    Ok(Place { on_branch: is_in(base, &tip), holds_approved: approved.is_some_and(|approved| is_in(approved, head)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_group_is_known_by_its_branch() {
        let sha = "0".repeat(40);
        assert_eq!(number_in(&format!("gh-readonly-queue/main/pr-17-{sha}")), Some(17));
        assert_eq!(number_in(&format!("gh-readonly-queue/team/main/pr-17-{sha}")), Some(17));
        for branch in ["main", "gh-readonly-queue/main/pr-x", "pr-17-0", "gh-readonly-queue/main/17"] {
            assert_eq!(number_in(branch), None, "{branch}");
        }
    }
}
