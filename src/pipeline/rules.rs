//! What the rules of its environment say of a run's promotion now, and the step of a run that they hold back.

use jiff::{SignedDuration, Timestamp};

use super::evaluate::artifact_of;
use super::promote::{has_moved, held_up};
use super::step::Step;
use super::{Pipeline, StepError, texts};
use crate::domain::{Candidate, Holdback, Origin, PromotionRequest, Rule, Run, RunEvent, Upstream};
use crate::store::StoreError;

/// How long a run that waits is left alone at most: people and other servers wake it, and if that is missed it looks
/// for itself.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// How often the forge is asked what became of a request.
const REQUEST_LOOK: SignedDuration = SignedDuration::from_secs(15);

/// What the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Nothing holds it back.
    Free,
    /// This does.
    Held(Vec<Holdback>),
    /// Nobody is to promote the artifact again.
    Rejected(String),
    /// A newer candidate has passed: this one is not wanted any more.
    Overtaken(String),
}

impl Pipeline {
    /// Reads everything the rules depend on, and applies them. A rollback is what people turn to when something is
    /// wrong: only a rejection stops it.
    pub(super) async fn ruling(&self, run: &Run) -> Result<Ruling, StepError> {
        let artifact = artifact_of(run)?;
        if let Some(rejection) = self.store.rejection(&run.model, &artifact).await? {
            return Ok(Ruling::Rejected(texts::rejected(&rejection)));
        }
        if matches!(run.origin, Some(Origin::Rollback { .. })) {
            return Ok(Ruling::Free);
        }
        if let Some(newer) = self.store.overtaken_by(run).await? {
            return Ok(Ruling::Overtaken(texts::overtaken(&newer)));
        }
        let rules = self.environment(run)?.rules();
        let mut upstream = Vec::new();
        for environment in rules.after.iter().flat_map(|after| &after.environments) {
            let newest = self.store.placements_of(environment, &run.model, 1).await?.pop();
            let since = newest.filter(|placed| placed.named.artifact() == Some(&artifact)).map(|placed| placed.at);
            upstream.push(Upstream { environment: environment.clone(), since });
        }
        let approvals = self.store.approvals(&run.environment, &run.model, &artifact).await?;
        let holds = self.store.holds(&run.environment, Some(&run.model)).await?;
        let author = run.author.as_deref().map(|email| self.settings.people.committing_as(email));
        let held = rules.hold_back(&Candidate {
            now: Timestamp::now(),
            upstream: &upstream,
            approvals: &approvals,
            policy_asks: run.policy_asks_for_approval(),
            author: author.as_deref(),
            holds: &holds,
        });
        Ok(if held.is_empty() { Ruling::Free } else { Ruling::Held(held) })
    }

    /// A look at a run that is held back: it goes on, is compared again because the environment moved, or waits on.
    pub(super) async fn wait(&self, run: &mut Run) -> Result<Step, StepError> {
        let artifact = artifact_of(run)?;
        for environment in self.environment(run)?.rules().after.iter().flat_map(|after| &after.environments) {
            self.read_history(environment, true).await?;
        }
        let ruling = self.ruling(run).await?;
        if matches!(ruling, Ruling::Free | Ruling::Held(_)) {
            let marked = self.marked_now(self.environment(run)?, &run.model).await.map_err(held_up)?;
            if has_moved(run, &marked.named, &artifact) {
                run.held_back.clear();
                return Ok(Step::Moved(RunEvent::ChampionMoved, texts::champion_moved(run, &marked.named)));
            }
        }
        if let Some(request) = run.request.clone() {
            return self.wait_for_request(run, &request, ruling).await;
        }
        match ruling {
            Ruling::Free => {
                run.held_back.clear();
                Ok(Step::Moved(RunEvent::Cleared, "no rule holds the promotion back any more".to_owned()))
            }
            Ruling::Rejected(reason) => Err(StepError::Refused { reason, diagnostics: Vec::new() }),
            Ruling::Overtaken(cause) => Ok(Step::Moved(RunEvent::Superseded, cause)),
            Ruling::Held(held) if held == run.held_back => Ok(Step::Waits(next_look(&held))),
            Ruling::Held(held) => {
                let cause = texts::held_back(&held);
                run.held_back = held;
                Ok(Step::Moved(RunEvent::HeldBack, cause))
            }
        }
    }

    /// A look at a run whose request is open. It is merged while the rules allow it, and closed once it is not wanted.
    async fn wait_for_request(
        &self,
        run: &mut Run,
        request: &PromotionRequest,
        ruling: Ruling,
    ) -> Result<Step, StepError> {
        let artifact = artifact_of(run)?;
        match ruling {
            Ruling::Rejected(reason) => {
                self.take_back(run).await;
                return Err(StepError::Refused { reason, diagnostics: Vec::new() });
            }
            // The newer one has taken the branch over, or takes it next.
            Ruling::Overtaken(cause) => return Ok(Step::Moved(RunEvent::Superseded, cause)),
            Ruling::Held(held) => {
                let mut all = held;
                all.extend(run.held_back.iter().find(|held| held.rule == Rule::Request).cloned());
                if all == run.held_back {
                    return Ok(Step::Waits(next_look(&all)));
                }
                let cause = texts::held_back(&all);
                run.held_back = all;
                return Ok(Step::Moved(RunEvent::HeldBack, cause));
            }
            Ruling::Free => {}
        }
        let named = self.marked_now(self.environment(run)?, &run.model).await.map_err(held_up)?.named;
        if named.artifact() == Some(&artifact) || self.merge(run, request).await? {
            run.held_back.clear();
            let cause = format!("request {} is merged, or has to be offered again", request.number);
            return Ok(Step::Moved(RunEvent::Cleared, cause));
        }
        if self.was_closed(run, request).await? {
            // It may have been merged since the branch was looked at.
            let named = self.marked_now(self.environment(run)?, &run.model).await.map_err(held_up)?.named;
            if named.artifact() == Some(&artifact) {
                run.held_back.clear();
                return Ok(Step::Moved(RunEvent::Cleared, format!("request {} is merged", request.number)));
            }
            let reason = format!("request {} was closed without being merged", request.number);
            return Err(StepError::Refused { reason, diagnostics: Vec::new() });
        }
        let held: Vec<Holdback> = run.held_back.iter().filter(|held| held.rule == Rule::Request).cloned().collect();
        if held == run.held_back {
            return Ok(Step::Waits(Timestamp::now() + REQUEST_LOOK));
        }
        let cause = texts::held_back(&held);
        run.held_back = held;
        Ok(Step::Moved(RunEvent::HeldBack, cause))
    }

    /// The same while a commit is being proposed, on a thread that may wait.
    pub(super) fn ruling_now(&self, run: &Run, asynchronous: &tokio::runtime::Handle) -> Result<Ruling, StepError> {
        asynchronous.block_on(self.ruling(run))
    }

    /// Has runs that wait for something looked at again.
    pub(super) async fn wake_waiting(
        &self,
        environment: Option<&crate::domain::SourceName>,
        model: Option<&str>,
    ) -> Result<(), StoreError> {
        self.store.make_waiting_due(environment, model).await?;
        self.promotable.notify_waiters();
        Ok(())
    }
}

/// When to look again: as soon as one of the reasons may be gone.
fn next_look(held: &[Holdback]) -> Timestamp {
    let now = Timestamp::now();
    let soonest = held.iter().filter_map(|holdback| holdback.earliest).filter(|earliest| *earliest > now).min();
    soonest.map_or(now + LONGEST_WAIT, |soonest| soonest.min(now + LONGEST_WAIT))
}
