//! A run: one reaction to one revision of one model, with the data of each phase.

mod cause;
mod judgement;
mod promotion;
mod status;
mod stored;
#[cfg(test)]
mod tests;
mod training;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ConcurrencyGroup, Outcome, RunId, RunState, SourceName};

pub use cause::{Origin, PullRequestHead, RunCause, model_name};
pub use judgement::{EvaluationDigests, EvaluationRecord, ProposedPolicy, RunJudgement};
pub use promotion::RunPromotion;
pub use status::RunStatus;
pub use training::{Document, RunTraining, SeedRun, TrainingCost};

/// One run with all its data.
///
/// It is stored as one flat JSON object, so that replicas of other versions can read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "stored::StoredRun", into = "stored::StoredRun")]
pub struct Run {
    /// Its identifier.
    pub id: RunId,
    /// The revision and the target environment.
    pub cause: RunCause,
    /// The origin of the run, if it is neither a push nor a pull request.
    pub origin: Option<Origin>,
    /// Whether the run only reports that the push breaks a policy, and trains nothing.
    pub only_policy: bool,
    /// Priority: runs with a higher value are claimed first. The default is zero.
    pub priority: i32,
    /// Time at which the run was recorded.
    pub created_at: Timestamp,
    /// The state, and the attempts of the current step.
    pub status: RunStatus,
    /// The cache key and the trained artifact.
    pub training: RunTraining,
    /// The evaluation and the verdict.
    pub judgement: RunJudgement,
    /// The contributors, the blocking rules and the commit.
    pub promotion: RunPromotion,
}

impl Run {
    /// The model's name; `None` if its file does not contain one.
    pub fn model_name(&self) -> Option<&str> {
        model_name(&self.cause.model)
    }

    /// Creates a queued run with nothing but its cause.
    pub fn queued(cause: RunCause, now: Timestamp) -> Self {
        Self {
            id: RunId::new(),
            cause,
            origin: None,
            only_policy: false,
            priority: 0,
            created_at: now,
            status: RunStatus::new(RunState::Queued, now),
            training: RunTraining::default(),
            judgement: RunJudgement::default(),
            promotion: RunPromotion::default(),
        }
    }

    /// The run after a change of some of its fields.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// A run that promotes this run's artifact to another environment. It is compared with the champion of that environment.
    #[must_use]
    pub fn downstream(&self, environment: SourceName, now: Timestamp) -> Self {
        let origin = Origin::Promotion { of: self.id };
        let reuse = format!("weights of run {}, as promoted to `{}`", self.id, self.cause.environment);
        self.following(environment, origin, now).with(|run| run.training.reuse = Some(reuse))
    }

    /// A run that restores this run's promotion with its verdict.
    #[must_use]
    pub fn rolled_back_to(&self, reason: &str, now: Timestamp) -> Self {
        let origin = Origin::Rollback { to: self.id, reason: reason.to_owned() };
        Self {
            status: RunStatus::new(RunState::Promoting, now),
            // A proposed policy belongs to the pull request that was judged.
            judgement: RunJudgement { proposed_policy: None, ..self.judgement.clone() },
            ..self.following(self.cause.environment.clone(), origin, now)
        }
    }

    /// A run that repeats this run from the start. `None` for a rollback, which requires a new request.
    #[must_use]
    pub fn again(&self, now: Timestamp) -> Option<Self> {
        match &self.origin {
            Some(Origin::Rollback { .. }) => None,
            Some(origin @ Origin::Promotion { .. }) => {
                let again = self.following(self.cause.environment.clone(), origin.clone(), now);
                Some(again.with(|run| run.training.reuse.clone_from(&self.training.reuse)))
            }
            None => Some(Self { priority: self.priority, ..Self::queued(self.cause.clone(), now) }),
        }
    }

    fn following(&self, environment: SourceName, origin: Origin, now: Timestamp) -> Self {
        let cause = RunCause { environment, pull_request: None, delivered_at: now, ..self.cause.clone() };
        let mut run = Self { origin: Some(origin), priority: self.priority, ..Self::queued(cause, now) };
        // Results of training belong to the artifact in every environment.
        run.training = RunTraining {
            reuse: None,
            reused_from: Some(self.training.reused_from.unwrap_or(self.id)),
            ..self.training.clone()
        };
        run.promotion.author.clone_from(&self.promotion.author);
        run
    }

    /// Whether the run rolls back to an earlier promotion.
    pub fn is_rollback(&self) -> bool {
        matches!(self.origin, Some(Origin::Rollback { .. }))
    }

    /// Whether the policy requires an approval of the artifact.
    pub fn policy_requires_approval(&self) -> bool {
        self.judgement.verdict.as_ref().is_some_and(|verdict| verdict.outcome == Outcome::NeedsApproval)
    }

    /// The concurrency group of the run.
    pub fn concurrency_group(&self) -> ConcurrencyGroup {
        ConcurrencyGroup::of(self)
    }
}
