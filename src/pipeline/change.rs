//! A look at a change (pull or merge request): where its head is, where it left the served branch, and the runs that
//! judge what it does to models in between. They promote nothing.

use jiff::Timestamp;

use super::source::{self, ModelFile};
use super::touched::{Cause, new_run, touches};
use super::{ChangePolicy, Pipeline, Source, StepError, blocking, comment};
use crate::domain::{
    Change, ChangeHead, CommitSha, DeliveryState, HeadRepository, MergeGroup, Revision, Run, SourceName,
};
use crate::forge::Conclusion;
use crate::git::{GitError, Mirror};
use crate::store::Settled;

impl Pipeline {
    /// Looks at a change that was opened or updated.
    pub(super) async fn look_at_change(
        &self,
        name: &SourceName,
        source: &Source,
        change: &Change,
        arrived: Timestamp,
    ) -> Result<Settled, StepError> {
        let number = change.number;
        let ignored = |why: String| Settled::nothing(DeliveryState::Ignored, format!("change {number}: {why}"));
        let served = source.mirror.remote().branch();
        if source.changes == ChangePolicy::Ignore {
            return Ok(ignored("`changes` of this source is `ignore`".to_owned()));
        }
        if change.base_branch != served {
            report(source, change, Conclusion::Neutral, "its branch is not served").await?;
            return Ok(ignored(format!(
                "it is for the branch `{}`, and only `{served}` is served",
                change.base_branch
            )));
        }
        match (source.changes, &change.head_repository) {
            (_, HeadRepository::Gone) => return Ok(ignored("its repository is gone".to_owned())),
            (ChangePolicy::SameRepository, HeadRepository::Fork(fork)) => {
                let why = "changes from forks are not judged here";
                report(source, change, Conclusion::ActionRequired, why).await?;
                let fork = &fork.full_name;
                return Ok(ignored(format!(
                    "it is from the fork `{fork}`, and `changes` of this source is `same_repository`"
                )));
            }
            _ => {}
        }
        let Some(reference) = source.forge.reference_of(change) else {
            return Ok(ignored("this forge gives no access to the branch of a fork".to_owned()));
        };
        self.look_at_head(name, source, ChangeHead { number, reference }, arrived).await
    }

    /// Looks at what a merge queue would merge: as at the change that its branch is named after.
    pub(super) async fn look_at_group(
        &self,
        name: &SourceName,
        source: &Source,
        group: &MergeGroup,
        arrived: Timestamp,
    ) -> Result<Settled, StepError> {
        let MergeGroup { head_branch, base_branch, .. } = group;
        let ignored = |why: &str| Ok(Settled::nothing(DeliveryState::Ignored, format!("merge group: {why}")));
        if source.changes == ChangePolicy::Ignore || *base_branch != source.mirror.remote().branch() {
            return ignored("its branch is not served, or `changes` of this source is `ignore`");
        }
        let Some(number) = number_in(head_branch) else { return ignored("its branch names no change") };
        let reference = format!("refs/heads/{head_branch}");
        self.look_at_head(name, source, ChangeHead { number, reference }, arrived).await
    }

    async fn look_at_head(
        &self,
        name: &SourceName,
        source: &Source,
        change: ChangeHead,
        arrived: Timestamp,
    ) -> Result<Settled, StepError> {
        let number = change.number;
        let (mirror, wanted) = (source.mirror.clone(), change.reference.clone());
        let found = blocking(move || look(&mirror, &wanted)).await?;
        let (head, base, touched) = match found {
            Err(GitError::BranchMissing { .. }) => {
                let note = format!("change {number}: its branch is gone");
                return Ok(Settled::nothing(DeliveryState::Ignored, note));
            }
            found => found?,
        };
        if touched.is_empty()
            && let Some(api) = &source.api
        {
            // No run will tell of it, and a check that is required would be waited for for ever.
            api.report(&comment::without_runs(&head, Conclusion::Neutral, "no model is touched")).await?;
        }
        let cause = Cause { change: Some(change), base, head: head.clone(), arrived };
        let runs: Vec<Run> = touched.iter().map(|file| new_run(name, source, &cause, file)).collect();
        let names: Vec<&str> = runs.iter().map(|run| run.model.as_str()).collect();
        let models = if names.is_empty() { "no model".to_owned() } else { names.join(", ") };
        let note = format!("change {number} at {} touches {models}", head.short());
        Ok(Settled { runs, ..Settled::nothing(DeliveryState::Done, note) })
    }
}

/// Reports on a change that is not judged.
async fn report(source: &Source, change: &Change, conclusion: Conclusion, why: &str) -> Result<(), StepError> {
    if let (Some(api), Revision::Full(head)) = (&source.api, &change.head) {
        api.report(&comment::without_runs(head, conclusion, why)).await?;
    }
    Ok(())
}

/// The number of the change that a branch of GitHub's merge queue is named after:
/// `gh-readonly-queue/main/pr-17-0123…`.
fn number_in(branch: &str) -> Option<u64> {
    let last = branch.strip_prefix("gh-readonly-queue/")?.rsplit('/').next()?;
    last.strip_prefix("pr-")?.split('-').next()?.parse().ok()
}

/// The change's head, where it left the branch, and the models it touches. A change that shares no history with the
/// branch touches every model it has, and is judged by the policies of the branch's tip.
fn look(mirror: &Mirror, reference: &str) -> Result<(CommitSha, Option<CommitSha>, Vec<ModelFile>), GitError> {
    let tip = mirror.fetch()?;
    let head = mirror.fetch_reference(reference)?;
    let files = source::model_files(mirror, &head)?;
    let Some(base) = mirror.merge_base(&tip, &head)? else {
        return Ok((head, Some(tip), files));
    };
    let changed = mirror.changed_paths(Some(&base), &head)?;
    let touched = files.into_iter().filter(|file| touches(file, &changed)).collect();
    Ok((head, Some(base), touched))
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
