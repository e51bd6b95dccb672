//! People's decisions about promotions: approve, hold, release, reject, roll back, promote downstream. Each is checked against
//! the current state and recorded, and waiting runs are checked again.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::Timestamp;
use slipway_contract::Digest;

use super::Promotions;
use crate::context::{Environment, StepError, messages};
use slipway_domain::{Actor, Approval, Hold, Outcome, Rejection, Run, RunId, RunState, SourceName, Verdict, hint_at};
use slipway_store::StoreError;

/// Maximum length of a reason, in characters.
const MAX_REASON_LENGTH: usize = 500;

/// Reason why a person's request was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// The subject of the request does not exist.
    #[error("{0}")]
    Missing(String),
    /// The request conflicts with the current state.
    #[error("{0}")]
    Conflict(String),
    /// The environment cannot be read now.
    #[error("{0}")]
    Unreachable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<StepError> for ActionError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(error) => Self::Store(error),
            StepError::Refused { reason, .. }
            | StepError::Environment { reason }
            | StepError::Failed { reason }
            | StepError::TimedOut { reason } => Self::Conflict(reason),
            StepError::Transient { reason, .. } | StepError::Interrupted { reason } => Self::Unreachable(reason),
        }
    }
}

/// Result of an approval.
#[derive(Debug, Clone, PartialEq)]
pub struct Approved {
    /// The run whose artifact is approved.
    pub run: Run,
    /// Why the approval does not count alone; `None` if it does.
    pub objection: Option<String>,
}

/// A person's reason for an action: one line that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl FromStr for Reason {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= MAX_REASON_LENGTH && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err("expected a reason: one line of 1 to 500 characters") }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Promotions {
    /// Approves an artifact for an environment. The artifact must be on its way there: an approval applies to what a person
    /// inspected, never to a later artifact.
    pub async fn approve(
        &self,
        environment: &SourceName,
        model: &str,
        artifact: &Digest,
        actor: &Actor,
    ) -> Result<Approved, ActionError> {
        self.known(environment)?;
        let mut runs = self.context.store.runs_under_way(environment).await?;
        let owner = self.owner_of(environment, model).await?;
        let is_owned = |run: &Run| owner.as_ref().is_none_or(|owner| *owner == run.cause.source);
        runs.retain(|run| run.cause.model == model && run.training.artifact.is_some() && is_owned(run));
        let Some(newest) = runs.last().cloned() else {
            self.check_known_model(environment, model).await?;
            return Err(ActionError::Missing(format!("no run of `{model}` is in progress for `{environment}`")));
        };
        let Some(run) = runs.into_iter().rfind(|run| run.training.artifact.as_ref() == Some(artifact)) else {
            let now = newest.training.artifact.as_ref().map_or("no artifact", Digest::as_str);
            return Err(ActionError::Conflict(format!(
                "{artifact} is not in progress for `{environment}`, but {now} of run {} is",
                newest.id
            )));
        };
        let approval = self.approval_of(environment, &run, actor).await?;
        self.context.store.approve(&approval).await?;
        self.wake_waiting(Some(environment), Some(&run.cause.model)).await?;
        let objection = self.objection(&run, &approval).await?;
        Ok(Approved { run, objection })
    }

    /// Creates the approval of the artifact that a run has judged. The run may be of a pull request: merged without changes, the
    /// pull request produces the same artifact.
    pub(crate) async fn approval_of(
        &self,
        environment: &SourceName,
        run: &Run,
        actor: &Actor,
    ) -> Result<Approval, ActionError> {
        self.known(environment)?;
        self.require_ownership(environment, run).await?;
        let Some(artifact) = run.training.artifact.clone().filter(|_| run.judgement.verdict.is_some()) else {
            let state = run.status.state.as_str();
            return Err(ActionError::Conflict(format!("run {} is {state} and not judged yet", run.id)));
        };
        Ok(Approval {
            environment: environment.clone(),
            model: run.cause.model.clone(),
            artifact,
            person: self.context.settings.people.behind(actor),
            actor: actor.clone(),
            at: Timestamp::now(),
        })
    }

    /// Holds the promotions of a model, or of all models, to an environment.
    pub async fn hold(
        &self,
        environment: &SourceName,
        model: Option<&str>,
        reason: &Reason,
        until: Option<Timestamp>,
        actor: &Actor,
    ) -> Result<Hold, ActionError> {
        let hold = self.hold_of(environment, model, reason, until, actor)?;
        if let Some(model) = model {
            self.check_known_model(environment, model).await?;
        }
        self.context.store.hold(&hold).await?;
        self.wake_waiting(Some(environment), model).await?;
        Ok(hold)
    }

    /// Creates the hold that blocks promotions.
    pub(crate) fn hold_of(
        &self,
        environment: &SourceName,
        model: Option<&str>,
        reason: &Reason,
        until: Option<Timestamp>,
        actor: &Actor,
    ) -> Result<Hold, ActionError> {
        self.known(environment)?;
        let at = Timestamp::now();
        if until.is_some_and(|until| until <= at) {
            return Err(ActionError::Conflict("the end of the hold is in the past".to_owned()));
        }
        Ok(Hold {
            environment: environment.clone(),
            model: model.map(str::to_owned),
            actor: actor.clone(),
            reason: reason.to_string(),
            at,
            until,
        })
    }

    /// Ends a hold.
    pub async fn release(&self, environment: &SourceName, model: Option<&str>) -> Result<(), ActionError> {
        self.known(environment)?;
        if !self.context.store.release(environment, model).await? {
            if let Some(model) = model {
                self.check_known_model(environment, model).await?;
            }
            let what = model.map_or_else(|| "the whole environment".to_owned(), |model| format!("`{model}`"));
            return Err(ActionError::Missing(format!("`{environment}` has no hold on {what}")));
        }
        self.wake_waiting(Some(environment), model).await?;
        Ok(())
    }

    /// Rejects an artifact of a source's model, so that it is not promoted again. Where it is deployed already, it stays until a
    /// person rolls back.
    pub async fn reject(
        &self,
        source: &SourceName,
        model: &str,
        artifact: &Digest,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<Rejection, ActionError> {
        let rejection = Rejection {
            source: Some(source.clone()),
            model: model.to_owned(),
            artifact: artifact.clone(),
            actor: actor.clone(),
            reason: reason.to_string(),
            at: Timestamp::now(),
        };
        self.context.store.reject(source, &rejection).await?;
        self.wake_waiting(None, Some(model)).await?;
        Ok(rejection)
    }

    /// Promotes the artifact of a run to an environment. It is compared there and must follow the rules like any other. Without a
    /// run, it is the artifact that the upstream environments name; if there are no upstream environments, that of the newest run
    /// that passed its policy. `scope`, if given, limits the sources of a given run, and those of a model without an owner.
    pub async fn promote_downstream(
        &self,
        environment: &SourceName,
        model: &str,
        of: Option<RunId>,
        scope: Option<&[SourceName]>,
        actor: &Actor,
    ) -> Result<Run, ActionError> {
        let covers = |source: &SourceName| scope.is_none_or(|scope| scope.contains(source));
        let known = self.known(environment)?;
        self.check_known_model(environment, model).await?;
        let deployed = self.context.marked_now(known, model).await?.deployed;
        let run = match of {
            // A run outside the scope is reported as if it did not exist.
            Some(id) => match self.context.store.run(id).await? {
                run if covers(&run.cause.source) => {
                    self.artifact_is_kept(id).await?;
                    run
                }
                _ => return Err(StoreError::NoSuchRun { run: id }.into()),
            },
            None => self.newest_to_promote(environment, model, scope).await?,
        };
        self.require_ownership(environment, &run).await?;
        if run.cause.model != model {
            return Err(ActionError::Conflict(format!("run {} is of `{}`, not of `{model}`", run.id, run.cause.model)));
        }
        let Some(artifact) = run.training.artifact.clone().filter(|_| has_passed(&run)) else {
            return Err(ActionError::Conflict(format!("run {} has not passed its policy", run.id)));
        };
        if deployed.artifact() == Some(&artifact) {
            return Err(ActionError::Conflict(format!("`{environment}` already names the artifact of run {}", run.id)));
        }
        if let Some(rejection) = self.context.store.rejection(&run.cause.source, model, &artifact).await? {
            return Err(ActionError::Conflict(messages::rejected(&rejection)));
        }
        let downstream = run.downstream(environment.clone(), Timestamp::now());
        self.context.store.open_run(&downstream, actor, None).await?;
        self.context.due.notify_one();
        self.context.notify_changed(&downstream.cause.source);
        Ok(downstream)
    }

    /// Refuses a run whose artifact retention has removed.
    pub(super) async fn artifact_is_kept(&self, run: RunId) -> Result<(), ActionError> {
        match self.context.store.artifact_removed_at(run).await? {
            None => Ok(()),
            Some(at) => Err(ActionError::Conflict(format!(
                "retention (`retention.artifacts`) removed the artifact of run {run} at {at}: train its revision again"
            ))),
        }
    }

    /// The newest run of a model that passed: of the model's owner in the environment, or of the only source with such a model.
    /// If the environment has upstream environments, the run has the artifact that they name.
    async fn newest_to_promote(
        &self,
        environment: &SourceName,
        model: &str,
        scope: Option<&[SourceName]>,
    ) -> Result<Run, ActionError> {
        let source = if let Some(owner) = self.owner_of(environment, model).await? {
            Some(owner)
        } else {
            let mut sources = self.context.store.sources_of_model(None, model).await?;
            sources.retain(|source| scope.is_none_or(|scope| scope.contains(source)));
            if sources.len() > 1 {
                let names: Vec<String> = sources.iter().map(|source| format!("`{source}`")).collect();
                let names = names.join(", ");
                return Err(ActionError::Conflict(format!("{names} each have a model `{model}`: specify the run")));
            }
            sources.pop()
        };
        let newest = match source {
            Some(source) => self.newest_passed(environment, model, &source).await?.map_err(|before| {
                let deployed = before.deployed.artifact().map_or("nothing", Digest::as_str);
                ActionError::Conflict(format!(
                    "`{}` names {deployed} for `{model}`, but no known run with that artifact passed its policy: \
                     specify the run",
                    before.environment
                ))
            })?,
            None => None,
        };
        newest.ok_or_else(|| {
            if self.comes_after_others(environment) {
                return ActionError::Conflict(format!(
                    "the environments before `{environment}` do not name one common artifact of `{model}`: promote it \
                     there first, or specify the run"
                ));
            }
            ActionError::Missing(format!("no run of `{model}` has passed its policy yet"))
        })
    }

    /// Refuses a run whose model belongs to another source in the environment.
    async fn require_ownership(&self, environment: &SourceName, run: &Run) -> Result<(), ActionError> {
        match self.foreign_model(environment, &run.cause.model, &run.cause.source).await? {
            Some(reason) => Err(ActionError::Conflict(reason)),
            None => Ok(()),
        }
    }

    /// Refuses a model that no source, run or manifest names: an action on a misspelt name would have no effect.
    pub(crate) async fn check_known_model(&self, environment: &SourceName, model: &str) -> Result<(), ActionError> {
        let store = &self.context.store;
        if self.is_known_model(environment, model).await?
            || !store.deployment_records_of(environment, model, 1).await?.is_empty()
        {
            return Ok(());
        }
        let mut names: BTreeSet<String> = self.owners_in(environment).await?.into_keys().collect();
        names.extend(store.deployment_records(environment).await?.into_iter().map(|record| record.model));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Err(ActionError::Missing(format!("`{environment}` has no model `{model}`{}", hint_at(model, &names))))
    }

    pub(super) fn known(&self, environment: &SourceName) -> Result<&Environment, ActionError> {
        let missing = || ActionError::Missing(format!("there is no environment `{environment}`"));
        self.context.environment_by_name(environment).ok_or_else(missing)
    }
}

/// Whether a run's candidate passed on a branch. The candidate of a pull request is promoted only after the merge.
pub(crate) fn has_passed(run: &Run) -> bool {
    let passed = |verdict: &Verdict| matches!(verdict.outcome, Outcome::Pass | Outcome::NeedsApproval);
    let far_enough = matches!(run.status.state, RunState::Waiting | RunState::Promoting | RunState::Done);
    run.cause.pull_request.is_none() && far_enough && run.judgement.verdict.as_ref().is_some_and(passed)
}
