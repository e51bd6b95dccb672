//! A look at a change (pull or merge request): where its head is, where it left the served branch, and the runs that
//! judge what it does to models in between. They promote nothing.

use jiff::Timestamp;

use super::source::{self, ModelFile};
use super::touched::{Cause, new_run, touches};
use super::{ChangePolicy, Pipeline, Source, StepError, blocking};
use crate::domain::{Change, ChangeHead, CommitSha, DeliveryState, HeadRepository, Run, SourceName};
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
        let ignored = |why: String| Ok(Settled::nothing(DeliveryState::Ignored, format!("change {number}: {why}")));
        let served = source.mirror.remote().branch();
        if change.base_branch != served {
            return ignored(format!("it is for the branch `{}`, and only `{served}` is served", change.base_branch));
        }
        match (source.changes, &change.head_repository) {
            (ChangePolicy::Ignore, _) => return ignored("`changes` of this source is `ignore`".to_owned()),
            (_, HeadRepository::Gone) => return ignored("its repository is gone".to_owned()),
            (ChangePolicy::SameRepository, HeadRepository::Fork(fork)) => {
                let fork = &fork.full_name;
                return ignored(format!(
                    "it is from the fork `{fork}`, and `changes` of this source is `same_repository`"
                ));
            }
            (ChangePolicy::SameRepository | ChangePolicy::All, _) => {}
        }
        let Some(reference) = source.forge.reference_of(change) else {
            return ignored("this forge gives no access to the branch of a fork".to_owned());
        };
        let (mirror, wanted) = (source.mirror.clone(), reference.clone());
        let found = blocking(move || look(&mirror, &wanted)).await?;
        let (head, base, touched) = match found {
            Err(GitError::BranchMissing { .. }) => return ignored("its branch is gone".to_owned()),
            found => found?,
        };
        let cause = Cause { change: Some(ChangeHead { number, reference }), base, head: head.clone(), arrived };
        let runs: Vec<Run> = touched.iter().map(|file| new_run(name, source, &cause, file)).collect();
        let names: Vec<&str> = runs.iter().map(|run| run.model.as_str()).collect();
        let models = if names.is_empty() { "no model".to_owned() } else { names.join(", ") };
        let note = format!("change {number} at {} touches {models}", head.short());
        Ok(Settled { runs, ..Settled::nothing(DeliveryState::Done, note) })
    }
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
