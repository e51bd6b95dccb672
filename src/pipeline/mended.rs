//! Runs that wait for their environment to be mended: whenever the environment is looked at, those that it takes now go on.

use std::collections::HashMap;

use super::{Pipeline, StepError, texts};
use slipway_domain::{Actor, CommitSha, Run, RunId, SourceName};
use slipway_store::StoreError;

/// Runs that are remembered; beyond that, remembering begins anew.
const MOST_REMEMBERED: usize = 10_000;

/// At which commit of an environment each run went on. One that was held up there once more waits for the next commit.
#[derive(Debug, Default)]
pub(super) struct Resumed(HashMap<RunId, CommitSha>);

impl Resumed {
    /// Whether a run may go on at a commit, which is noted.
    fn admit(&mut self, run: RunId, tip: &CommitSha) -> bool {
        if self.0.len() >= MOST_REMEMBERED {
            self.0.clear();
        }
        self.0.insert(run, tip.clone()).as_ref() != Some(tip)
    }
}

impl Pipeline {
    /// Makes the runs due again that waited for an environment to be mended and could be promoted to it now.
    pub(super) async fn resume_mended(&self, name: &SourceName, resumed: &mut Resumed) -> Result<(), StepError> {
        let Some(environment) = self.environment_named(name) else { return Ok(()) };
        let mut stalled = self.store.stalled_runs(name).await?;
        stalled.retain(|run| run.awaits_environment && self.settings.sources.contains_key(&run.source));
        if stalled.is_empty() {
            return Ok(());
        }
        let tip = self.remotes.fetch(environment.mirror()).await??;
        for run in stalled {
            match self.is_taken(&run, &tip).await {
                Ok(()) if resumed.admit(run.id, &tip) => self.resume(&run).await?,
                Err(StepError::Store(error)) => return Err(error.into()),
                // It waits on, for the same reason or for another one.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Whether an environment takes a run as it is at a commit.
    async fn is_taken(&self, run: &Run, tip: &CommitSha) -> Result<(), StepError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_once_a_commit() {
        let commit = |digit: &str| digit.repeat(40).parse::<CommitSha>().expect("a commit");
        let (mut resumed, run) = (Resumed::default(), RunId::new());
        assert!(resumed.admit(run, &commit("1")));
        assert!(!resumed.admit(run, &commit("1")), "it was held up there again");
        assert!(resumed.admit(run, &commit("2")) && resumed.admit(RunId::new(), &commit("2")));
    }
}
