//! Runs that wait for their environment to be mended: whenever the environment is looked at, those that it takes now go on.

use super::{Pipeline, StepError, texts};
use slipway_domain::{Actor, Run, SourceName};
use slipway_store::StoreError;

impl Pipeline {
    /// Makes the runs due again that waited for an environment to be mended and could be promoted to it now.
    pub(super) async fn resume_mended(&self, name: &SourceName) -> Result<(), StepError> {
        let Some(environment) = self.environment_named(name) else { return Ok(()) };
        let mut stalled = self.store.stalled_runs(name).await?;
        stalled.retain(|run| run.awaits_environment && self.settings.sources.contains_key(&run.source));
        if stalled.is_empty() {
            return Ok(());
        }
        let tip = self.remotes.fetch(environment.mirror()).await??;
        for run in stalled {
            match self.is_taken(&run, &tip).await {
                Ok(()) => self.resume(&run).await?,
                Err(StepError::Store(error)) => return Err(error.into()),
                // It waits on, for the same reason or for another one.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Whether an environment takes a run as it is at a commit.
    async fn is_taken(&self, run: &Run, tip: &slipway_domain::CommitSha) -> Result<(), StepError> {
        self.check_owner(run).await?;
        self.rehearse(run, tip.clone()).await
    }

    async fn resume(&self, run: &Run) -> Result<(), StoreError> {
        match self.store.retry_run(run.id, &texts::mended(run), &Actor::controller()).await {
            Ok(_) => {}
            // Somebody else went on with it, or ended it.
            Err(StoreError::NotStalled { .. } | StoreError::NoSuchRun { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        tracing::info!(run.id = %run.id, "run {} goes on: {}", run.id, texts::mended(run));
        self.due.notify_one();
        self.promotable.notify_waiters();
        self.tell_change(&run.source);
        Ok(())
    }
}
