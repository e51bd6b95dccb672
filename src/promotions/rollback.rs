//! Rollbacks: a person restores an earlier promotion.

use jiff::Timestamp;

use super::Promotions;
use super::actions::{ActionError, Reason};
use crate::context::messages;
use slipway_domain::{Actor, DeployedArtifact, Hold, Run, RunId, SourceName};

impl Promotions {
    /// Restores an earlier promotion: the one before the deployed artifact, or that of a given run. A hold keeps automation from
    /// undoing the rollback until a person releases it.
    pub async fn roll_back(
        &self,
        environment: &SourceName,
        model: &str,
        to: Option<RunId>,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<Run, ActionError> {
        let (run, hold) = self.rollback_of(environment, model, to, reason, actor).await?;
        self.context.store.open_run(&run, actor, Some(&hold)).await?;
        self.context.promotable.notify_waiters();
        self.context.notify_changed(&run.cause.source);
        Ok(run)
    }

    /// Creates the run that restores an earlier promotion, and the hold that protects it.
    pub(crate) async fn rollback_of(
        &self,
        environment: &SourceName,
        model: &str,
        to: Option<RunId>,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<(Run, Hold), ActionError> {
        let known = self.known(environment)?;
        self.check_known_model(environment, model).await?;
        let now = self.context.marked_now(known, model).await?.deployed;
        let mut promoted = match self.owner_of(environment, model).await? {
            Some(owner) => self.context.store.promoted_runs(environment, model, &owner).await?,
            None => Vec::new(),
        };
        // A run that found its artifact already deployed promoted nothing, and was not judged.
        promoted.retain(|run| run.judgement.verdict.is_some());
        let target = match to {
            Some(wanted) => {
                self.artifact_is_kept(wanted).await?;
                promoted.iter().find(|run| run.id == wanted).ok_or_else(|| {
                    ActionError::Missing(format!("run {wanted} promoted nothing of `{model}` to `{environment}`"))
                })?
            }
            None => self.before(&promoted, &now, environment, model).await?,
        };
        let Some(artifact) = target.training.artifact.as_ref().filter(|artifact| now.artifact() != Some(*artifact))
        else {
            return Err(ActionError::Conflict(format!(
                "`{environment}` already names the artifact of run {}",
                target.id
            )));
        };
        if let Some(rejection) = self.context.store.rejection(&target.cause.source, model, artifact).await? {
            return Err(ActionError::Conflict(messages::rejected(&rejection)));
        }
        let run = target.rolled_back_to(&reason.to_string(), Timestamp::now());
        let hold = Hold {
            environment: environment.clone(),
            model: Some(model.to_owned()),
            actor: actor.clone(),
            reason: format!("rollback to run {}: {reason}", target.id),
            at: run.created_at,
            until: None,
        };
        Ok((run, hold))
    }

    /// The promotion before the one that deployed the current artifact.
    async fn before<'a>(
        &self,
        promoted: &'a [Run],
        now: &DeployedArtifact,
        environment: &SourceName,
        model: &str,
    ) -> Result<&'a Run, ActionError> {
        // Newest first: the runs behind the first run that made the deployed artifact are earlier.
        let first = promoted.iter().rposition(|run| run.training.artifact.as_ref() == now.artifact());
        for run in &promoted[first.map_or(0, |first| first + 1)..] {
            let Some(artifact) = run.training.artifact.as_ref().filter(|artifact| now.artifact() != Some(*artifact))
            else {
                continue;
            };
            if self.context.store.rejection(&run.cause.source, model, artifact).await?.is_none() {
                return Ok(run);
            }
        }
        Err(ActionError::Missing(format!(
            "there is no earlier promotion of `{model}` to `{environment}`; specify the run of a promotion in the \
             history"
        )))
    }
}
