//! Finds promotions that are missing in the store, because it was restored from an older backup. Git contains them, and an
//! artifact that the environment already names is not promoted a second time.

use slipway_contract::Digest;

use super::Promotions;
use crate::context::{StepError, blocking, messages};
use slipway_domain::{DeployedBy, DeploymentRecord, Retry, Run, RunEvent, RunId};
use slipway_git::{CommitInfo, GitError, Mirror};
use slipway_store::StoreError;

/// Maximum number of deployment records of a model that are searched. A restored store lacks only the last days.
const MAX_DEPLOYMENT_RECORDS: u32 = 200;

impl Promotions {
    /// Checks whether the environment already names the artifact of this revision, promoted by a run that is not in the store.
    /// Then the run has nothing to do, and promotions downstream continue from it. If the environment named the artifact once and
    /// names another one now, the promotion was undone, and a person has to decide.
    pub(crate) async fn find_earlier_promotion(&self, run: &mut Run) -> Result<Option<(RunEvent, String)>, StepError> {
        if run.cause.pull_request.is_some() || run.origin.is_some() {
            return Ok(None);
        }
        // The branch was fetched just now. If that failed, it is read again before it is written.
        if let Err(error) = self.read_history(&run.cause.environment, false).await {
            tracing::warn!(%error, "the history of `{}` cannot be read further: {error}", run.cause.environment);
            return Ok(None);
        }
        let deployment_records = self
            .context
            .store
            .deployment_records_of(&run.cause.environment, &run.cause.model, MAX_DEPLOYMENT_RECORDS)
            .await?;
        let Some(newest) = deployment_records.first().cloned() else { return Ok(None) };
        let Some((record, by)) = self.promoted_by_unknown(run, deployment_records).await? else { return Ok(None) };
        let Some(artifact) = record.deployed.artifact() else { return Ok(None) };
        if record.commit != newest.commit {
            let reason = messages::replaced_since(run, by, &record.commit, &newest.commit);
            return Err(StepError::Transient { retry: Retry::Never, reason });
        }
        // The weights were lost with the store. A new training produces the named artifact, and nothing is promoted either.
        let kept = self.context.fresh_folder(run.id, "found").await?.join("model.safetensors");
        match self.context.artifacts.get_weights(artifact, &kept).await {
            Err(error) if error.is_lost() => return Ok(None),
            read => read?,
        }
        run.training.artifact = Some(artifact.clone());
        run.promotion.commit = Some(record.commit.clone());
        Ok(Some((RunEvent::Found, messages::found(run, by, &record.commit))))
    }

    /// The newest deployment record that claims to be the promotion of this revision by a run that is not in the store. The
    /// author of the claim does not matter, because the claim promotes nothing.
    async fn promoted_by_unknown(
        &self,
        run: &Run,
        deployment_records: Vec<DeploymentRecord>,
    ) -> Result<Option<(DeploymentRecord, RunId)>, StepError> {
        let mirror = self.context.environment(run)?.mirror().clone();
        let revision = format!("{}@{}", self.context.source(run)?.mirror.remote().url(), run.cause.head);
        // Promotions of known runs are not relevant here.
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

/// The run for which a deployment record's commit, or a commit that it merges, claims to promote this revision.
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
