//! Promotion downstream: finds the artifact that the upstream environments name, and its run. An environment that is added behind
//! a filled one has missed its promotion, so its first promotion is proposed.

use slipway_contract::Digest;

use super::Promotions;
use super::actions::has_passed;
use slipway_domain::{DeployedBy, DeploymentRecord, Need, Origin, Run, RunId, SourceName, version_of};
use slipway_store::StoreError;

/// A proposed first promotion: the model was never on its way to the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstPromotion {
    /// The source of the model.
    pub source: SourceName,
    /// The upstream environment that names the artifact.
    pub from: SourceName,
    /// The artifact.
    pub artifact: Digest,
    /// Its short name, as manifests contain it.
    pub version: String,
    /// The run that is promoted downstream.
    pub run: RunId,
}

impl Promotions {
    /// The newest run of a source's model that passed its policy. If upstream environments name an artifact, the newest run with
    /// that artifact, or their deployment record if there is no such run. A run that found its artifact already deployed was not
    /// judged; an older run was.
    pub(super) async fn newest_passed(
        &self,
        environment: &SourceName,
        model: &str,
        source: &SourceName,
    ) -> Result<Result<Option<Run>, DeploymentRecord>, StoreError> {
        let Some(before) = self.deployed_upstream(environment, model).await? else {
            // Only an artifact that the upstream environments name can be promoted next.
            return Ok(Ok(if self.comes_after_others(environment) {
                None
            } else {
                self.passed_with(model, source, None).await?
            }));
        };
        Ok(match self.passed_with(model, source, before.deployed.artifact()).await? {
            Some(run) => Ok(Some(run)),
            None => Err(before),
        })
    }

    /// Whether promotions reach an environment only after others.
    pub(super) fn comes_after_others(&self, environment: &SourceName) -> bool {
        self.context.environment_by_name(environment).is_some_and(|known| known.rules().after.is_some())
    }

    async fn passed_with(
        &self,
        model: &str,
        source: &SourceName,
        artifact: Option<&Digest>,
    ) -> Result<Option<Run>, StoreError> {
        let runs = self.context.store.passed_runs(model, source, artifact).await?;
        Ok(runs.into_iter().find(has_passed))
    }

    /// The deployment record of the upstream environments for a model: the same artifact in all of them or, if one suffices, the
    /// record of the first that names an artifact.
    async fn deployed_upstream(
        &self,
        environment: &SourceName,
        model: &str,
    ) -> Result<Option<DeploymentRecord>, StoreError> {
        let after = self.context.environment_by_name(environment).and_then(|known| known.rules().after.as_ref());
        let Some(after) = after else { return Ok(None) };
        let mut deployed: Option<DeploymentRecord> = None;
        for before in &after.environments {
            let record = self.context.store.deployment_records_of(before, model, 1).await?.pop();
            let record = record.filter(|record| record.deployed.artifact().is_some());
            match (after.need, record) {
                (Need::Any, None) => {}
                (Need::Any, Some(record)) => return Ok(Some(record)),
                (Need::All, None) => return Ok(None),
                (Need::All, Some(record)) => {
                    if deployed.as_ref().is_some_and(|first| first.deployed != record.deployed) {
                        return Ok(None);
                    }
                    deployed = deployed.or(Some(record));
                }
            }
        }
        Ok(deployed)
    }

    /// The first promotion of a model to an environment that marks it. It exists if the upstream environments name an artifact,
    /// the model was never on its way to the environment, and the artifact is not rejected.
    pub async fn first_promotion(
        &self,
        environment: &SourceName,
        model: &str,
    ) -> Result<Option<FirstPromotion>, StoreError> {
        let Some(before) = self.deployed_upstream(environment, model).await? else { return Ok(None) };
        let Some(artifact) = before.deployed.artifact() else { return Ok(None) };
        let now = self.context.store.deployment_records_of(environment, model, 1).await?.pop();
        // An environment without a deployment record does not mark the model.
        if now.is_none_or(|now| now.deployed.artifact() == Some(artifact))
            || !self.context.store.sources_of_model(Some(environment), model).await?.is_empty()
        {
            return Ok(None);
        }
        let source = match self.owner_of(environment, model).await? {
            Some(owner) => Some(owner),
            None => self.owner_of(&before.environment, model).await?,
        };
        let Some(source) = source else { return Ok(None) };
        let Some(run) = self.passed_with(model, &source, Some(artifact)).await? else { return Ok(None) };
        if self.context.store.rejection(&source, model, artifact).await?.is_some() {
            return Ok(None);
        }
        let version = self.version_at(&before, &run).await?;
        let (artifact, from) = (artifact.clone(), before.environment);
        Ok(Some(FirstPromotion { source, from, artifact, version, run: run.id }))
    }

    /// The short name in an environment's manifests: that of the run that wrote it, otherwise that of the run that made it.
    async fn version_at(&self, record: &DeploymentRecord, made_by: &Run) -> Result<String, StoreError> {
        let artifact = made_by.training.artifact.as_ref().or(record.deployed.artifact());
        let mut created_at = made_by.created_at;
        if let DeployedBy::Run(wrote) = &record.by
            && let Some(run) = self.run_if_known(*wrote).await?
        {
            let restored = match &run.origin {
                Some(Origin::Rollback { to, .. }) => self.run_if_known(*to).await?,
                _ => None,
            };
            created_at = restored.unwrap_or(run).created_at;
        }
        Ok(artifact.map_or_else(String::new, |artifact| version_of(created_at, artifact)))
    }

    async fn run_if_known(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        match self.context.store.run(run).await {
            Ok(run) => Ok(Some(run)),
            Err(StoreError::NoSuchRun { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
