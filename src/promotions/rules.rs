//! What the rules of its environment say of a run's promotion now, and the step of a run that they hold back.

use jiff::{SignedDuration, Timestamp};

use super::Promotions;
use super::actions::ActionError;
use super::promote::{has_moved, held_up};
use crate::context::{Step, StepError, artifact_of, messages};
use slipway_domain::{
    BlockingRule, Candidate, DeployedArtifact, PromotionRequest, Retry, Rule, Run, RunEvent, RunState, Upstream,
};
use slipway_store::StoreError;

/// How long a run that waits is left alone at most: people and other servers wake it, and if that is missed it looks
/// for itself.
const MAX_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// How often the forge is asked what became of a request.
const REQUEST_POLL_INTERVAL: SignedDuration = SignedDuration::from_secs(15);

/// What the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Nothing holds it back.
    Free,
    /// This does.
    Held(Vec<BlockingRule>),
    /// Nobody is to promote the artifact again.
    Rejected(String),
    /// A newer candidate has passed: this one is not wanted any more.
    Overtaken(String),
}

impl Promotions {
    /// Reads everything the rules depend on, and applies them. A rollback is what people turn to when something is
    /// wrong: only a rejection stops it.
    pub(super) async fn ruling(&self, run: &Run) -> Result<Ruling, StepError> {
        let artifact = artifact_of(run)?;
        if let Some(rejection) = self.context.store.rejection(&run.source, &run.model, &artifact).await? {
            return Ok(Ruling::Rejected(messages::rejected(&rejection)));
        }
        if let Some(reason) = self.foreign_model(&run.environment, &run.model, &run.source).await? {
            return Err(StepError::Environment { reason });
        }
        if run.is_rollback() {
            let newer = self.context.store.rollback_after(run).await?;
            return Ok(newer.map_or(Ruling::Free, |newer| Ruling::Overtaken(messages::rolled_back_elsewhere(&newer))));
        }
        if let Some(newer) = self.context.store.overtaken_by(run).await? {
            return Ok(Ruling::Overtaken(messages::overtaken(&newer)));
        }
        let rules = self.context.environment(run)?.rules();
        let mut upstream = Vec::new();
        for environment in rules.after.iter().flat_map(|after| &after.environments) {
            let newest = self.context.store.deployment_records_of(environment, &run.model, 1).await?.pop();
            let since =
                newest.filter(|record| record.deployed.artifact() == Some(&artifact)).map(|record| record.since());
            upstream.push(Upstream { environment: environment.clone(), since });
        }
        let approvals = self.context.store.approvals(&run.environment, &run.model, &artifact).await?;
        let holds = self.context.store.holds(&run.environment, Some(&run.model)).await?;
        let contributors = self.contributors_now(run).await?;
        let held = rules.blocked_by(&Candidate {
            now: Timestamp::now(),
            upstream: &upstream,
            approvals: &approvals,
            policy_requires_approval: run.policy_requires_approval(),
            contributors: contributors.as_deref(),
            people: &self.context.settings.people,
            holds: &holds,
        });
        Ok(if held.is_empty() { Ruling::Free } else { Ruling::Held(held) })
    }

    /// A look at a run that is held back: it goes on, is compared again because the environment moved, or waits on.
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
            // If it has a request, the newer one has taken the branch over, or takes it next.
            Ruling::Overtaken(cause) => return Ok(Step::Moved(RunEvent::Superseded, cause)),
        };
        let deployed = self.deployed_now(run).await?;
        if has_moved(run, &deployed, &artifact) {
            run.blocking_rules.clear();
            return Ok(Step::Moved(RunEvent::ChampionMoved, messages::champion_moved(run, &deployed)));
        }
        if let Some(request) = run.request.clone() {
            return self.wait_for_request(run, &request, held, &deployed).await;
        }
        if held.is_empty() {
            return Ok(cleared(run, "no rule holds the promotion back any more".to_owned()));
        }
        let next_check = next_check_at(&held);
        if learned {
            // What was found out is kept with the run, even if the same holds it back.
            run.blocking_rules.clear();
        }
        Ok(blocked_by(run, held, next_check))
    }

    /// A run as it stands now, as far as that can be told without asking anybody: what held it back at the last look may be
    /// over.
    pub async fn with_current_rules(&self, run: Run) -> Result<Run, ActionError> {
        if run.state != RunState::Waiting || run.blocking_rules.is_empty() {
            return Ok(run);
        }
        let open = run.blocking_rules.iter().filter(|held| held.rule == Rule::Request).cloned();
        let blocking_rules: Vec<BlockingRule> = match self.ruling(&run).await {
            Ok(Ruling::Free) => open.collect(),
            Ok(Ruling::Held(held)) => held.into_iter().chain(open).collect(),
            Ok(Ruling::Rejected(_) | Ruling::Overtaken(_)) | Err(StepError::Environment { .. }) => return Ok(run),
            Err(error) => return Err(error.into()),
        };
        if blocking_rules == run.blocking_rules {
            return Ok(run);
        }
        let reason = if blocking_rules.is_empty() {
            "no rule holds the promotion back any more".to_owned()
        } else {
            messages::blocking_rules(&blocking_rules)
        };
        Ok(Run { blocking_rules, reason: Some(reason), ..run })
    }

    /// A look at a run whose request is open, where `held` holds it back and the environment names `named`. It is merged
    /// while the rules allow it.
    async fn wait_for_request(
        &self,
        run: &mut Run,
        request: &PromotionRequest,
        held: Vec<BlockingRule>,
        deployed: &DeployedArtifact,
    ) -> Result<Step, StepError> {
        let artifact = artifact_of(run)?;
        let open = run.blocking_rules.iter().find(|held| held.rule == Rule::Request).cloned();
        if !held.is_empty() {
            let all: Vec<BlockingRule> = held.into_iter().chain(open).collect();
            let next_check = next_check_at(&all);
            return Ok(blocked_by(run, all, next_check));
        }
        if deployed.artifact() == Some(&artifact) || self.merge(run, request).await? {
            let cause = format!("request {} is merged, or has to be offered again", request.number);
            return Ok(cleared(run, cause));
        }
        if self.was_closed(run, request).await? {
            // It may have been merged since the branch was looked at.
            if self.deployed_now(run).await?.artifact() == Some(&artifact) {
                return Ok(cleared(run, format!("request {} is merged", request.number)));
            }
            self.context.store.release_model(run).await?;
            let reason = format!("request {} was closed without being merged", request.number);
            return Err(StepError::Refused { reason, diagnostics: Vec::new() });
        }
        Ok(blocked_by(run, open.into_iter().collect(), Timestamp::now() + REQUEST_POLL_INTERVAL))
    }

    /// What a run's environment names of its model now. An environment that no other attempt would reach has to be mended.
    pub(crate) async fn deployed_now(&self, run: &Run) -> Result<DeployedArtifact, StepError> {
        match self.context.marked_now(self.context.environment(run)?, &run.model).await.map_err(held_up) {
            Ok(marked) => Ok(marked.deployed),
            Err(StepError::Transient { retry: Retry::Never, reason }) => Err(StepError::Environment { reason }),
            Err(error) => Err(error),
        }
    }

    /// Has runs that wait for something looked at again.
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

/// The run is held back by this, which is said once; what was said already is waited for until the next look.
fn blocked_by(run: &mut Run, held: Vec<BlockingRule>, next_check: Timestamp) -> Step {
    if held == run.blocking_rules {
        return Step::Waits(next_check);
    }
    let cause = messages::blocking_rules(&held);
    run.blocking_rules = held;
    Step::Moved(RunEvent::HeldBack, cause)
}

fn cleared(run: &mut Run, cause: String) -> Step {
    run.blocking_rules.clear();
    Step::Moved(RunEvent::Cleared, cause)
}

/// When to look again: as soon as one of the reasons may be gone.
fn next_check_at(held: &[BlockingRule]) -> Timestamp {
    let now = Timestamp::now();
    let soonest =
        held.iter().filter_map(|blocking_rule| blocking_rule.earliest).filter(|earliest| *earliest > now).min();
    soonest.map_or(now + MAX_WAIT, |soonest| soonest.min(now + MAX_WAIT))
}
