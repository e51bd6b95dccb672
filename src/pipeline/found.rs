//! Promotions that the store does not know of: it was restored from a backup that is older than they are. Git knows them,
//! and what it names already is not promoted a second time.

use slipway_contract::Digest;

use super::{Pipeline, StepError, blocking, texts};
use slipway_domain::{PlacedBy, Placement, Retry, Run, RunEvent, RunId};
use slipway_git::{CommitInfo, GitError, Mirror};
use slipway_store::StoreError;

/// Placements of a model that are looked through: a restored store knows all but the last days.
const MOST_PLACEMENTS: u32 = 200;

impl Pipeline {
    /// Whether the environment names already what this very revision made, by a run that the store does not know. Then
    /// there is nothing to do for it; what comes behind the environment goes on from here. If it named that once, and names
    /// something else since, somebody went back: that is a person's to decide.
    pub(super) async fn promoted_before(&self, run: &mut Run) -> Result<Option<(RunEvent, String)>, StepError> {
        if run.change.is_some() || run.origin.is_some() {
            return Ok(None);
        }
        // The branch was fetched just now. If it could not be, it is read again before it is written.
        if let Err(error) = self.read_history(&run.environment, false).await {
            tracing::warn!(%error, "the history of `{}` cannot be read on: {error}", run.environment);
            return Ok(None);
        }
        let placements = self.store.placements_of(&run.environment, &run.model, MOST_PLACEMENTS).await?;
        let Some(newest) = placements.first().cloned() else { return Ok(None) };
        let Some((placed, by)) = self.promoted_by_unknown(run, placements).await? else { return Ok(None) };
        let Some(artifact) = placed.named.artifact() else { return Ok(None) };
        if placed.commit != newest.commit {
            let reason = texts::replaced_since(run, by, &placed.commit, &newest.commit);
            return Err(StepError::Again { retry: Retry::Never, reason });
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

    /// The newest placement that says it is the promotion of this very revision, by a run that the store does not know. Whoever
    /// wrote that: from what is said here nothing is promoted.
    async fn promoted_by_unknown(
        &self,
        run: &Run,
        placements: Vec<Placement>,
    ) -> Result<Option<(Placement, RunId)>, StepError> {
        let mirror = self.environment(run)?.mirror().clone();
        let revision = format!("{}@{}", self.source(run)?.mirror.remote().url(), run.head);
        // What a known run has promoted is no concern here.
        let foreign = placements.into_iter().filter(|placed| !matches!(placed.by, PlacedBy::Run(_)));
        let foreign: Vec<Placement> = foreign.filter(|placed| placed.named.artifact().is_some()).collect();
        let claims = blocking(move || {
            let claim = |placed: Placement| Ok(claimed_by(&mirror, &placed, &revision)?.map(|by| (placed, by)));
            foreign.into_iter().filter_map(|placed| claim(placed).transpose()).collect::<Result<Vec<_>, GitError>>()
        });
        for (placed, by) in claims.await?? {
            match self.store.run(by).await {
                Err(StoreError::NoSuchRun { .. }) => return Ok(Some((placed, by))),
                known => drop(known?),
            }
        }
        Ok(None)
    }
}

/// The run that a placement's commit, or one that it merges, says it is the promotion of this revision by.
fn claimed_by(mirror: &Mirror, placed: &Placement, revision: &str) -> Result<Option<RunId>, GitError> {
    let info = mirror.commit_info(&placed.commit)?;
    let mut commits = vec![info.clone()];
    for merged in info.parents.iter().skip(1) {
        commits.push(mirror.commit_info(merged)?);
    }
    let named = placed.named.artifact().map(Digest::as_str);
    let is_of_it = |commit: &&CommitInfo| {
        commit.trailer("Slipway-Source") == Some(revision) && commit.trailer("Slipway-Artifact") == named
    };
    let by = commits.iter().find(is_of_it).and_then(|commit| commit.trailer("Slipway-Run"));
    Ok(by.and_then(|run| run.parse().ok()))
}
