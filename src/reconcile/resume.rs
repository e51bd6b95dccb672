//! Resumes runs that wait for their environment to be fixed: each sync of an environment resumes the runs that it accepts now.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::Reconciler;
use crate::context::{StepError, messages};
use slipway_domain::{Actor, CommitSha, Run, RunId, SourceName};
use slipway_store::StoreError;

/// Time until a run is checked again while its environment has not changed. Other causes, such as a model that becomes known, are
/// noticed after at most this time.
const AGAIN: Duration = Duration::from_mins(10);

/// State of an environment when a run was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CheckedState {
    tip: CommitSha,
    /// The owner of the run's model there.
    owner: Option<SourceName>,
}

/// Time and result of the last check of each run.
#[derive(Debug, Default)]
pub(super) struct LastChecks(HashMap<RunId, (CheckedState, Instant, Outcome)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The run was resumed. If it stalls again, it waits for another state.
    Resumed,
    /// The environment did not accept the run.
    HeldUp,
}

impl LastChecks {
    fn is_due(&self, run: RunId, now: &CheckedState, at: Instant) -> bool {
        self.0.get(&run).is_none_or(|(then, when, outcome)| {
            then != now || (*outcome == Outcome::HeldUp && at.saturating_duration_since(*when) >= AGAIN)
        })
    }

    fn note(&mut self, run: RunId, state: CheckedState, at: Instant, outcome: Outcome) {
        self.0.insert(run, (state, at, outcome));
    }

    /// Removes runs that no longer wait.
    fn keep_only(&mut self, stalled: &HashSet<RunId>) {
        self.0.retain(|run, _| stalled.contains(run));
    }
}

impl Reconciler {
    /// Makes runs due again that waited for an environment to be fixed and could be promoted to it now.
    pub(super) async fn resume_stalled(
        &self,
        name: &SourceName,
        last_checks: &mut LastChecks,
    ) -> Result<(), StepError> {
        let Some(environment) = self.context.environment_by_name(name) else { return Ok(()) };
        let mut tip = None;
        let mut last: Option<Run> = None;
        let mut stalled = HashSet::new();
        loop {
            let page = self.context.store.stalled_runs(name, last.as_ref()).await?;
            let Some(end) = page.last().cloned() else {
                last_checks.keep_only(&stalled);
                return Ok(());
            };
            last = Some(end);
            for run in page {
                stalled.insert(run.id);
                if !run.status.awaits_environment || !self.context.settings.sources.contains_key(&run.cause.source) {
                    continue;
                }
                if tip.is_none() {
                    tip = Some(self.context.remotes.fetch(environment.mirror()).await??);
                }
                if let Some(tip) = &tip {
                    self.resume_if_taken(&run, tip, last_checks).await?;
                }
            }
        }
    }

    async fn resume_if_taken(&self, run: &Run, tip: &CommitSha, last_checks: &mut LastChecks) -> Result<(), StepError> {
        let owner = self.promotions.owner_of(&run.cause.environment, &run.cause.model).await?;
        let state = CheckedState { tip: tip.clone(), owner };
        let now = Instant::now();
        if !last_checks.is_due(run.id, &state, now) {
            return Ok(());
        }
        match self.is_taken(run, tip).await {
            Ok(()) => {
                self.resume(run).await?;
                last_checks.note(run.id, state, now, Outcome::Resumed);
            }
            Err(StepError::Store(error)) => return Err(error.into()),
            // The result is unknown, so the run is checked again next time.
            Err(StepError::Transient { .. } | StepError::Interrupted { .. } | StepError::TimedOut { .. }) => {}
            // The run waits further, for the same reason or for another one.
            Err(StepError::Environment { .. } | StepError::Refused { .. } | StepError::Failed { .. }) => {
                last_checks.note(run.id, state, now, Outcome::HeldUp);
            }
        }
        Ok(())
    }

    /// Checks whether an environment accepts a run at a commit.
    async fn is_taken(&self, run: &Run, tip: &CommitSha) -> Result<(), StepError> {
        self.promotions.check_owner(run).await?;
        self.runs.dry_run(run, tip.clone()).await
    }

    async fn resume(&self, run: &Run) -> Result<(), StoreError> {
        match self.context.store.retry_run(run.id, &messages::environment_fixed(run), &Actor::controller()).await {
            Ok(_) => {}
            // Another server or a person resumed the run, or ended it.
            Err(StoreError::NotStalled { .. } | StoreError::NoSuchRun { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        tracing::info!(run.id = %run.id, "run {} continues: {}", run.id, messages::environment_fixed(run));
        self.context.due.notify_one();
        self.context.promotable.notify_waiters();
        self.context.notify_changed(&run.cause.source);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_examined_again_once_its_environment_has_changed_or_after_a_while() {
        let at_commit = |digit: &str| CheckedState { tip: digit.repeat(40).parse().expect("a commit"), owner: None };
        let (mut last_checks, run, begin) = (LastChecks::default(), RunId::new(), Instant::now());
        assert!(last_checks.is_due(run, &at_commit("1"), begin));
        last_checks.note(run, at_commit("1"), begin, Outcome::HeldUp);
        assert!(!last_checks.is_due(run, &at_commit("1"), begin + AGAIN / 2));
        assert!(last_checks.is_due(run, &at_commit("1"), begin + AGAIN), "something else may have been mended");
        assert!(
            last_checks.is_due(run, &at_commit("2"), begin) && last_checks.is_due(RunId::new(), &at_commit("1"), begin)
        );
        let owned =
            CheckedState { owner: Some(SourceName::try_from("team-a".to_owned()).expect("a name")), ..at_commit("1") };
        assert!(last_checks.is_due(run, &owned, begin));
    }

    #[test]
    fn a_run_goes_on_once_a_commit() {
        let commit = CheckedState { tip: "1".repeat(40).parse().expect("a commit"), owner: None };
        let (mut last_checks, run, begin) = (LastChecks::default(), RunId::new(), Instant::now());
        last_checks.note(run, commit.clone(), begin, Outcome::Resumed);
        assert!(!last_checks.is_due(run, &commit, begin + AGAIN), "it was held up there again");
    }
}
