//! Follow-ups of a promotion in other repositories: histories are read, and runs promote the artifact downstream. One task per
//! environment processes them from a stored list, so that a slow repository delays no promotion.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Promotions;
use crate::context::{Environment, StepError, blocking, jitter, log_and_continue};
use slipway_domain::{CommitSha, DeployedArtifact, Origin, Run, SourceName, backoff};
use slipway_store::{FollowUp, StoreError};

/// Maximum number of follow-ups in a batch. One fetch serves all of them.
const MAX_BATCH: u32 = 64;
/// Duration of the lease on follow-ups: longer than the timeout of a git server.
const CLAIM_LEASE: Duration = Duration::from_mins(3);
/// Interval at which the list is read without being woken.
const POLL: Duration = Duration::from_secs(1);

impl Promotions {
    /// The environments downstream of a promoted run, whose repositories have follow-ups besides its own. A rollback is not
    /// promoted downstream.
    pub(crate) fn next_after(&self, run: &Run) -> Vec<SourceName> {
        if run.training.artifact.is_none() || matches!(run.origin, Some(Origin::Rollback { .. })) {
            return Vec::new();
        }
        let next =
            self.context.settings.environments.iter().filter(|(_, next)| next.comes_after(&run.cause.environment));
        next.map(|(name, _)| name.clone()).collect()
    }

    /// Processes the follow-ups of promotions in an environment's repository, until `stop`.
    pub async fn follow_promotions(&self, name: &SourceName, stop: &CancellationToken) -> Result<(), StoreError> {
        let Some(environment) = self.context.environment_by_name(name) else { return Ok(()) };
        while !stop.is_cancelled() {
            // Registered before the read, so that no notification in between is lost.
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

    /// Processes the due follow-ups. Returns their number.
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
        // The last known tip suffices to open a run, because the run reads the branch again.
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
                    tracing::warn!(environment = %name, reason, "the follow-ups of run {} wait: {reason}", one.run);
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
            // The run was removed since.
            Err(StoreError::NoSuchRun { .. }) => {
                self.context.store.acknowledge_follow_up(one, None).await?;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if run.cause.environment == one.environment {
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
            self.context.notify_changed(&run.cause.source);
        }
        Ok(())
    }

    /// Whether an environment marks the model of a promoted run, and neither names its artifact nor is about to.
    async fn is_wanted(
        &self,
        run: &Run,
        name: &SourceName,
        environment: &Environment,
        tip: Option<&CommitSha>,
    ) -> Result<bool, StepError> {
        let Some(tip) = tip.cloned() else { return Ok(false) };
        let (mirror, marks, model) =
            (environment.mirror().clone(), environment.marks().clone(), run.cause.model.clone());
        let has_it = match blocking(move || marks.find_if_marked(&(&mirror, &tip), &model)).await? {
            Ok(Err(_)) => return Ok(false),
            Ok(Ok(marked)) => {
                matches!(&marked.deployed, DeployedArtifact::Artifact(deployed) if Some(deployed) == run.training.artifact.as_ref())
            }
            // The new run reads the marks again, and reports their fault.
            Err(_) => false,
        };
        let under_way = self.context.store.run_on_its_way(name, &run.cause.model, &run.cause.source).await?;
        Ok(!has_it && under_way.is_none_or(|under_way| under_way.training.artifact != run.training.artifact))
    }
}
