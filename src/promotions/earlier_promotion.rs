//! Promotions that the store does not know of: it was restored from a backup that is older than they are. Git knows them,
//! and what it names already is not promoted a second time.

use slipway_contract::Digest;

use super::Promotions;
use crate::context::{StepError, blocking, messages};
use slipway_domain::{DeployedBy, DeploymentRecord, Retry, Run, RunEvent, RunId};
use slipway_git::{CommitInfo, GitError, Mirror};
use slipway_store::StoreError;

/// Placements of a model that are looked through: a restored store knows all but the last days.
const MAX_DEPLOYMENT_RECORDS: u32 = 200;

impl Promotions {
    /// Whether the environment names already what this very revision made, by a run that the store does not know. Then
    /// there is nothing to do for it; what comes behind the environment goes on from here. If it named that once, and names
    /// something else since, somebody went back: that is a person's to decide.
    pub(crate) async fn find_earlier_promotion(&self, run: &mut Run) -> Result<Option<(RunEvent, String)>, StepError> {
        if run.pull_request.is_some() || run.origin.is_some() {
            return Ok(None);
        }
        // The branch was fetched just now. If it could not be, it is read again before it is written.
        if let Err(error) = self.read_history(&run.environment, false).await {
            tracing::warn!(%error, "the history of `{}` cannot be read on: {error}", run.environment);
            return Ok(None);
        }
        let deployment_records =
            self.context.store.deployment_records_of(&run.environment, &run.model, MAX_DEPLOYMENT_RECORDS).await?;
        let Some(newest) = deployment_records.first().cloned() else { return Ok(None) };
        let Some((record, by)) = self.promoted_by_unknown(run, deployment_records).await? else { return Ok(None) };
        let Some(artifact) = record.deployed.artifact() else { return Ok(None) };
        if record.commit != newest.commit {
            let reason = messages::replaced_since(run, by, &record.commit, &newest.commit);
            return Err(StepError::Transient { retry: Retry::Never, reason });
        }
        // Lost with the store: trained again, it is the same as what is named, and nothing is promoted either.
        let kept = self.context.fresh_folder(run.id, "found").await?.join("model.safetensors");
        match self.context.artifacts.get_weights(artifact, &kept).await {
            Err(error) if error.is_lost() => return Ok(None),
            read => read?,
        }
        run.artifact = Some(artifact.clone());
        run.promotion_commit = Some(record.commit.clone());
        Ok(Some((RunEvent::Found, messages::found(run, by, &record.commit))))
    }

    /// The newest placement that says it is the promotion of this very revision, by a run that the store does not know. Whoever
    /// wrote that: from what is said here nothing is promoted.
    async fn promoted_by_unknown(
        &self,
        run: &Run,
        deployment_records: Vec<DeploymentRecord>,
    ) -> Result<Option<(DeploymentRecord, RunId)>, StepError> {
        let mirror = self.context.environment(run)?.mirror().clone();
        let revision = format!("{}@{}", self.context.source(run)?.mirror.remote().url(), run.head);
        // What a known run has promoted is no concern here.
        let foreign = deployment_records.into_iter().filter(|record| !matches!(record.by, DeployedBy::Run(_)));
        let foreign: Vec<DeploymentRecord> = foreign.filter(|record| record.deployed.artifact().is_some()).collect();
        let claims = blocking(move || {
            let claim = |record: DeploymentRecord| Ok(claimed_by(&mirror, &record, &revision)?.map(|by| (record, by)));
            foreign.into_iter().filter_map(|record| claim(record).transpose()).collect::<Result<Vec<_>, GitError>>()
        });
        for (record, by) in claims.await?? {
            match self.context.store.run(by).await {
                Err(StoreError::NoSuchRun { .. }) => return Ok(Some((record, by))),
                known => drop(known?),
            }
        }
        Ok(None)
    }
}

/// The run that a placement's commit, or one that it merges, says it is the promotion of this revision by.
fn claimed_by(mirror: &Mirror, record: &DeploymentRecord, revision: &str) -> Result<Option<RunId>, GitError> {
    let info = mirror.commit_info(&record.commit)?;
    let mut commits = vec![info.clone()];
    for merged in info.parents.iter().skip(1) {
        commits.push(mirror.commit_info(merged)?);
    }
    let deployed = record.deployed.artifact().map(Digest::as_str);
    let is_of_it = |commit: &&CommitInfo| {
        commit.trailer("Slipway-Source") == Some(revision) && commit.trailer("Slipway-Artifact") == deployed
    };
    let by = commits.iter().find(is_of_it).and_then(|commit| commit.trailer("Slipway-Run"));
    Ok(by.and_then(|run| run.parse().ok()))
}
