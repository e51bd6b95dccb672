//! What follows from a promotion in other repositories: histories are read on, and runs take the artifact to the environments that
//! come next. A task for each environment does it from a stored list, so that a slow repository holds up no promotion.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Promotions;
use crate::context::{Environment, StepError, blocking, jitter, log_and_continue};
use slipway_domain::{CommitSha, DeployedArtifact, Origin, Run, SourceName, backoff};
use slipway_store::{FollowUp, StoreError};

/// Promotions that are followed together: one fetch serves them.
const MAX_BATCH: u32 = 64;
/// How long what was taken is left to whoever took it: longer than a git server is waited for.
const CLAIM_LEASE: Duration = Duration::from_mins(3);
/// How often the list is looked at without being woken.
const POLL: Duration = Duration::from_secs(1);

impl Promotions {
    /// The environments whose repositories are to be read because a run was promoted, beside its own. What was rolled back to
    /// stays where it is.
    pub(crate) fn next_after(&self, run: &Run) -> Vec<SourceName> {
        if run.artifact.is_none() || matches!(run.origin, Some(Origin::Rollback { .. })) {
            return Vec::new();
        }
        let next = self.context.settings.environments.iter().filter(|(_, next)| next.comes_after(&run.environment));
        next.map(|(name, _)| name.clone()).collect()
    }

    /// Does what follows from promotions in an environment's repository, until `stop`.
    pub async fn follow_promotions(&self, name: &SourceName, stop: &CancellationToken) -> Result<(), StoreError> {
        let Some(environment) = self.context.environment_by_name(name) else { return Ok(()) };
        while !stop.is_cancelled() {
            // Waiting begins before looking, so that nobody is missed who wakes in between.
            let woken = self.context.promoted.notified();
            let done = tokio::select! {
                done = self.follow_up(name, environment) => done,
                () = stop.cancelled() => return Ok(()),
            };
            match done {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => log_and_continue(error)?,
            }
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Does what is due. Answers how much that was.
    async fn follow_up(&self, name: &SourceName, environment: &Environment) -> Result<usize, StoreError> {
        let due = self.context.store.due_follow_ups(name, Timestamp::now(), CLAIM_LEASE, MAX_BATCH).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let tip = self.context.remotes.fetch(environment.mirror()).await;
        let outage = match &tip {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        // What is known from before is enough to open a run: it looks again itself.
        let mirror = environment.mirror().clone();
        let tip = match tip {
            Ok(Ok(tip)) => Some(tip),
            _ => blocking(move || mirror.known_tip()).await.ok().flatten(),
        };
        for one in &due {
            match self.follow_one(one, environment, tip.as_ref(), outage.as_deref()).await {
                Ok(()) => {}
                Err(StepError::Store(error)) if error.retry() != slipway_domain::Retry::Never => return Err(error),
                Err(error) => {
                    let reason = error.to_string();
                    tracing::warn!(environment = %name, reason, "what follows from run {} waits: {reason}", one.run);
                    let later = Timestamp::now() + backoff(one.attempts, jitter());
                    self.context.store.requeue_follow_up(one, later, &reason).await?;
                }
            }
        }
        Ok(due.len())
    }

    async fn follow_one(
        &self,
        one: &FollowUp,
        environment: &Environment,
        tip: Option<&CommitSha>,
        outage: Option<&str>,
    ) -> Result<(), StepError> {
        let run = match self.context.store.run(one.run).await {
            Ok(run) => run,
            // It was removed since.
            Err(StoreError::NoSuchRun { .. }) => {
                self.context.store.acknowledge_follow_up(one, None).await?;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if run.environment == one.environment {
            self.read_history(&one.environment, false).await?;
            self.context.store.acknowledge_follow_up(one, None).await?;
            return Ok(());
        }
        let wanted = self.is_wanted(&run, &one.environment, environment, tip).await?;
        if !wanted && let Some(outage) = outage {
            return Err(StepError::Transient { retry: slipway_domain::Retry::Backoff, reason: outage.to_owned() });
        }
        let next = wanted.then(|| run.downstream(one.environment.clone(), Timestamp::now()));
        if self.context.store.acknowledge_follow_up(one, next.as_ref()).await? && wanted {
            self.context.due.notify_one();
            self.context.notify_changed(&run.source);
        }
        Ok(())
    }

    /// Whether an environment marks the model of a promoted run and is not about to name its artifact.
    async fn is_wanted(
        &self,
        run: &Run,
        name: &SourceName,
        environment: &Environment,
        tip: Option<&CommitSha>,
    ) -> Result<bool, StepError> {
        let Some(tip) = tip.cloned() else { return Ok(false) };
        let (mirror, marks, model) = (environment.mirror().clone(), environment.marks().clone(), run.model.clone());
        let has_it = match blocking(move || marks.find_if_marked(&(&mirror, &tip), &model)).await? {
            Ok(Err(_)) => return Ok(false),
            Ok(Ok(marked)) => {
                matches!(&marked.deployed, DeployedArtifact::Artifact(deployed) if Some(deployed) == run.artifact.as_ref())
            }
            // Its run looks again, and says what is wrong with the marks.
            Err(_) => false,
        };
        let under_way = self.context.store.run_on_its_way(name, &run.model, &run.source).await?;
        Ok(!has_it && under_way.is_none_or(|under_way| under_way.artifact != run.artifact))
    }
}
