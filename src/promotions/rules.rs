//! Evaluates the rules of a run's environment for its promotion, and the step of a run that they block.

use jiff::{SignedDuration, Timestamp};

use super::Promotions;
use super::actions::ActionError;
use super::promote::{has_moved, held_up};
use super::ruling::{PromotionRules, Ruling};
use crate::context::{Step, StepError, artifact_of, messages};
use slipway_domain::{BlockingRule, DeployedArtifact, PromotionRequest, Retry, Rule, Run, RunEvent, RunState};
use slipway_store::StoreError;

/// Maximum time between two checks of a waiting run. People and other servers wake it; this interval covers a missed wake-up.
const MAX_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// Interval at which the forge is queried for the state of a promotion request.
const REQUEST_POLL_INTERVAL: SignedDuration = SignedDuration::from_secs(15);

impl Promotions {
    /// The rules for a run's promotion, with everything from the settings that they need.
    pub(super) fn rules_of(&self, run: &Run) -> Result<PromotionRules, StepError> {
        let environment = self.context.environment(run)?;
        Ok(PromotionRules {
            store: self.context.store.clone(),
            run: run.clone(),
            artifact: artifact_of(run)?,
            rules: environment.rules().clone(),
            people: self.context.settings.people.clone(),
            declared_owner: environment.owners().get(&run.cause.model).cloned(),
        })
    }

    /// Applies the rules to the current facts about a run's promotion.
    pub(super) async fn ruling(&self, run: &Run) -> Result<Ruling, StepError> {
        self.rules_of(run)?.ruling().await
    }

    /// Checks a blocked run: it continues, is compared again because the environment changed, or waits further.
    pub(crate) async fn wait(&self, run: &mut Run) -> Result<Step, StepError> {
        let artifact = artifact_of(run)?;
        for environment in self.context.environment(run)?.rules().after.iter().flat_map(|after| &after.environments) {
            self.read_history(environment, true).await?;
        }
        let learned = self.know_contributors(run).await?;
        let held = match self.ruling(run).await? {
            Ruling::Free => Vec::new(),
            Ruling::Held(held) => held,
            Ruling::Rejected(reason) => {
                self.withdraw_request(run).await;
                return Err(StepError::Refused { reason, diagnostics: Vec::new() });
            }
            // If the run has a request, the newer run has taken over its branch, or will do so next.
            Ruling::Overtaken(cause) => return Ok(Step::Moved(RunEvent::Superseded, cause)),
        };
        let deployed = self.deployed_now(run).await?;
        if has_moved(run, &deployed, &artifact) {
            run.promotion.blocking_rules.clear();
            return Ok(Step::Moved(RunEvent::ChampionMoved, messages::champion_moved(run, &deployed)));
        }
        if let Some(request) = run.promotion.request.clone() {
            return self.wait_for_request(run, &request, held, &deployed).await;
        }
        if held.is_empty() {
            return Ok(cleared(run, "no rule blocks the promotion any more".to_owned()));
        }
        let next_check = next_check_at(&held);
        if learned {
            // The contributors are stored with the run, even if the same rules block it.
            run.promotion.blocking_rules.clear();
        }
        Ok(blocked_by(run, held, next_check))
    }

    /// A run with its current blocking rules, as far as the store contains them: a rule from the last check may have ended.
    pub async fn with_current_rules(&self, run: Run) -> Result<Run, ActionError> {
        if run.status.state != RunState::Waiting || run.promotion.blocking_rules.is_empty() {
            return Ok(run);
        }
        let open = run.promotion.blocking_rules.iter().filter(|held| held.rule == Rule::Request).cloned();
        let blocking_rules: Vec<BlockingRule> = match self.ruling(&run).await {
            Ok(Ruling::Free) => open.collect(),
            Ok(Ruling::Held(held)) => held.into_iter().chain(open).collect(),
            Ok(Ruling::Rejected(_) | Ruling::Overtaken(_)) | Err(StepError::Environment { .. }) => return Ok(run),
            Err(error) => return Err(error.into()),
        };
        if blocking_rules == run.promotion.blocking_rules {
            return Ok(run);
        }
        let reason = if blocking_rules.is_empty() {
            "no rule blocks the promotion any more".to_owned()
        } else {
            messages::blocking_rules(&blocking_rules)
        };
        Ok(run.with(|run| {
            run.promotion.blocking_rules = blocking_rules;
            run.status.reason = Some(reason);
        }))
    }

    /// Checks a run with an open request, and merges the request if the rules allow it. `held` are the blocking rules, and
    /// `deployed` is the artifact that the environment names.
    async fn wait_for_request(
        &self,
        run: &mut Run,
        request: &PromotionRequest,
        held: Vec<BlockingRule>,
        deployed: &DeployedArtifact,
    ) -> Result<Step, StepError> {
        let artifact = artifact_of(run)?;
        let open = run.promotion.blocking_rules.iter().find(|held| held.rule == Rule::Request).cloned();
        if !held.is_empty() {
            let all: Vec<BlockingRule> = held.into_iter().chain(open).collect();
            let next_check = next_check_at(&all);
            return Ok(blocked_by(run, all, next_check));
        }
        if deployed.artifact() == Some(&artifact) || self.merge(run, request).await? {
            let cause = format!("request {} is merged, or the promotion must be proposed again", request.number);
            return Ok(cleared(run, cause));
        }
        if self.was_closed(run, request).await? {
            // It may have been merged after the branch was read.
            if self.deployed_now(run).await?.artifact() == Some(&artifact) {
                return Ok(cleared(run, format!("request {} is merged", request.number)));
            }
            self.context.store.release_model(run).await?;
            let reason = format!("request {} was closed without being merged", request.number);
            return Err(StepError::Refused { reason, diagnostics: Vec::new() });
        }
        Ok(blocked_by(run, open.into_iter().collect(), Timestamp::now() + REQUEST_POLL_INTERVAL))
    }

    /// The artifact that a run's environment names for its model now. If no further attempt can read the environment, a person
    /// has to fix it.
    pub(crate) async fn deployed_now(&self, run: &Run) -> Result<DeployedArtifact, StepError> {
        match self.context.marked_now(self.context.environment(run)?, &run.cause.model).await.map_err(held_up) {
            Ok(marked) => Ok(marked.deployed),
            Err(StepError::Transient { retry: Retry::Never, reason }) => Err(StepError::Environment { reason }),
            Err(error) => Err(error),
        }
    }

    /// Makes waiting runs due for another check.
    pub(crate) async fn wake_waiting(
        &self,
        environment: Option<&slipway_domain::SourceName>,
        model: Option<&str>,
    ) -> Result<(), StoreError> {
        self.context.store.make_waiting_due(environment, model).await?;
        self.context.promotable.notify_waiters();
        Ok(())
    }
}

/// Records the blocking rules of a run. If they are recorded already, the run waits until the next check.
fn blocked_by(run: &mut Run, held: Vec<BlockingRule>, next_check: Timestamp) -> Step {
    if held == run.promotion.blocking_rules {
        return Step::Waits(next_check);
    }
    let cause = messages::blocking_rules(&held);
    run.promotion.blocking_rules = held;
    Step::Moved(RunEvent::HeldBack, cause)
}

fn cleared(run: &mut Run, cause: String) -> Step {
    run.promotion.blocking_rules.clear();
    Step::Moved(RunEvent::Cleared, cause)
}

/// Time of the next check: as soon as one of the rules may have ended.
fn next_check_at(held: &[BlockingRule]) -> Timestamp {
    let now = Timestamp::now();
    let soonest =
        held.iter().filter_map(|blocking_rule| blocking_rule.earliest).filter(|earliest| *earliest > now).min();
    soonest.map_or(now + MAX_WAIT, |soonest| soonest.min(now + MAX_WAIT))
}
