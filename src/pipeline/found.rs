//! Promotions that the store does not know of: it was restored from a backup that is older than they are. Git knows them,
//! and what it names already is not promoted a second time.

use super::{Pipeline, StepError, blocking, texts};
use crate::domain::{Run, RunEvent, RunId};
use crate::git::{CommitInfo, GitError};
use crate::store::StoreError;

impl Pipeline {
    /// Whether the environment names already what this very revision made, by a run that the store does not know. Then
    /// there is nothing to do for it; what comes behind the environment goes on from here.
    pub(super) async fn promoted_before(&self, run: &mut Run) -> Result<Option<(RunEvent, String)>, StepError> {
        if run.change.is_some() || run.origin.is_some() {
            return Ok(None);
        }
        // The branch was fetched just now. If it could not be, it is read again before it is written.
        if let Err(error) = self.read_history(&run.environment, false).await {
            tracing::warn!(%error, "the history of `{}` cannot be read on: {error}", run.environment);
            return Ok(None);
        }
        let newest = self.store.placements_of(&run.environment, &run.model, 1).await?;
        let Some(placed) = newest.into_iter().next() else { return Ok(None) };
        let Some(artifact) = placed.named.artifact() else { return Ok(None) };
        let (mirror, commit) = (self.environment(run)?.mirror().clone(), placed.commit.clone());
        let revision = format!("{}@{}", self.source(run)?.mirror.remote().url(), run.head);
        let named = artifact.to_string();
        let promotion = blocking(move || {
            let info = mirror.commit_info(&commit)?;
            let mut commits = vec![info.clone()];
            for merged in info.parents.iter().skip(1) {
                commits.push(mirror.commit_info(merged)?);
            }
            let is_of_it = |commit: &CommitInfo| {
                commit.trailer("Slipway-Source") == Some(&*revision)
                    && commit.trailer("Slipway-Artifact") == Some(&*named)
            };
            let by = commits.iter().find(|commit| is_of_it(commit)).and_then(|commit| commit.trailer("Slipway-Run"));
            Ok::<Option<RunId>, GitError>(by.and_then(|run| run.parse().ok()))
        });
        // Whoever wrote that trailer, the environment names the artifact: from what is said here nothing is promoted.
        let Some(by) = promotion.await?? else { return Ok(None) };
        match self.store.run(by).await {
            Err(StoreError::NoSuchRun { .. }) => {}
            known => return known.map(|_| None).map_err(StepError::from),
        }
        // Lost with the store: trained again, it is the same as what is named, and nothing is promoted either.
        let kept = self.fresh_folder(run.id, "found").await?.join("model.safetensors");
        match self.artifacts.get_weights(artifact, &kept).await {
            Err(error) if error.is_lost() => return Ok(None),
            read => read?,
        }
        run.artifact = Some(artifact.clone());
        run.promotion_commit = Some(placed.commit.clone());
        Ok(Some((RunEvent::Found, texts::found(run, by, &placed.commit))))
    }
}
