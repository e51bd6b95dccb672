//! A run: one reaction to one revision of one model, with everything known of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

use super::Verdict;
use super::{
    BlockingRule, CommitSha, ConcurrencyGroup, Contributor, Diagnostic, Outcome, PromotionRequest, RunId, RunState,
    SourceName,
};

/// One run with everything known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "stored documents hold them one by one")]
pub struct Run {
    /// Its identifier.
    pub id: RunId,
    /// The source repository it came from, by its name in the settings.
    pub source: SourceName,
    /// The model's name; the path of its file when the file does not say.
    pub model: String,
    /// Path of the model's `slipway.yaml` in the source repository.
    pub file: String,
    /// The branch that was pushed, or that a change wants to go to.
    pub branch: String,
    /// The change (pull or merge request) that is judged and not promoted; `None` for a push.
    #[serde(default)]
    #[serde(rename = "change")]
    pub pull_request: Option<PullRequestHead>,
    /// The revision before the push, where the policy is read.
    pub base: Option<CommitSha>,
    /// The revision that is trained.
    pub head: CommitSha,
    /// The environment that is to name the artifact.
    pub environment: SourceName,
    /// What it follows from, if that is no push and no change.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// Who wrote the revision, as an address; known once the run is planned.
    #[serde(default)]
    pub author: Option<String>,
    /// Who had a hand in what it would promote; known once an approval is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contributors: Option<Vec<Contributor>>,
    /// Whether it only tells of a policy that the push breaks: nothing of the model is trained.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_policy: bool,
    /// Where it stands.
    pub state: RunState,
    /// Why it ended, or why it waits, in words for people.
    pub reason: Option<String>,
    /// Mistakes in files of the source repository, with their places.
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
    /// Whether it waits for a person: another attempt alone would not help.
    #[serde(default)]
    pub stalled: bool,
    /// Whether it waits for its environment to be mended, so that nothing of the model is wrong; only with `stalled`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaits_environment: bool,
    /// Whether it failed because it took longer than it may.
    #[serde(default)]
    pub timed_out: bool,
    /// Attempts at the step that is due.
    #[serde(default)]
    pub attempts: u32,
    /// Attempts at it that were ended half-way, by a kill from outside or a panic.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interruptions: u32,
    /// Runs of a higher priority are taken first; zero is usual.
    #[serde(default)]
    pub priority: i32,
    /// Digest of everything that decides the result of training.
    #[serde(rename = "run_key")]
    pub cache_key: Option<Digest>,
    /// What the run key is made of, part by part.
    #[serde(default)]
    #[serde(rename = "run_key_parts")]
    pub cache_key_parts: BTreeMap<String, String>,
    /// Why an artifact was used again, or why a new one had to be made.
    #[serde(default)]
    pub reuse: Option<String>,
    /// The trained weights.
    pub artifact: Option<Digest>,
    /// The run whose artifact was used again, because its run key is the same.
    pub reused_from: Option<RunId>,
    /// What training reported of the artifact.
    #[serde(default)]
    pub training: Option<Document>,
    /// What the artifact took and takes; known once it is judged.
    #[serde(default)]
    pub cost: Option<TrainingCost>,
    /// The same training with other seeds, if the policy asks for it.
    #[serde(default)]
    pub seeds: Vec<SeedRun>,
    /// What the environment named when the candidate was evaluated.
    pub champion: Option<Digest>,
    /// What evaluation left behind.
    pub evaluation: Option<EvaluationRecord>,
    /// The evidence the verdict rests on.
    pub evidence: Option<Digest>,
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// The policy that the revision brings along and is not judged by, if it differs from the one that judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_policy: Option<ProposedPolicy>,
    /// What holds its promotion back.
    #[serde(default)]
    #[serde(rename = "held_back")]
    pub blocking_rules: Vec<BlockingRule>,
    /// The request by which its promotion is offered, where the environment takes promotions so.
    #[serde(default)]
    pub request: Option<PromotionRequest>,
    /// The commit in the environment repository.
    pub promotion_commit: Option<CommitSha>,
    /// When the delivery that announced it was stored.
    pub delivered_at: Timestamp,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a run follows from, if that is no push and no change. Its artifact is known from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Another environment names the artifact now, or a person asked for it to be taken to this one.
    Promotion {
        /// The run that promoted it there, or that made it.
        of: RunId,
    },
    /// A person wants an earlier promotion back.
    Rollback {
        /// The run of the earlier promotion.
        to: RunId,
        /// Why.
        reason: String,
    },
}

/// The head of a change, as a run sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestHead {
    /// The change's number at its forge.
    pub number: u64,
    /// The reference in the source repository under which the revision was found.
    pub reference: String,
    /// Whether a fork proposes it: whoever wrote it may not push to the repository.
    #[serde(default)]
    pub fork: bool,
}

/// What a run follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCause {
    /// The source repository.
    pub source: SourceName,
    /// The model's name; the path of its file when the file does not say.
    pub model: String,
    /// Path of the model's `slipway.yaml`.
    pub file: String,
    /// The branch that was pushed, or that a change wants to go to.
    pub branch: String,
    /// The change, if it is one.
    pub pull_request: Option<PullRequestHead>,
    /// The revision before.
    pub base: Option<CommitSha>,
    /// The revision that is trained.
    pub head: CommitSha,
    /// The environment that is to name the artifact.
    pub environment: SourceName,
    /// When the delivery that told of it was stored.
    pub delivered_at: Timestamp,
}

/// The name of a model as runs are stored with it. Of a file that names no model the path is stored instead, and that is no name:
/// `None`.
pub fn model_name(stored: &str) -> Option<&str> {
    // Names are made of letters, digits and dashes; every path ends with `.yaml`.
    (!stored.contains(['.', '/'])).then_some(stored)
}

impl Run {
    /// The model's name; `None` if its file does not say.
    pub fn model_name(&self) -> Option<&str> {
        model_name(&self.model)
    }

    /// A new run, which waits to be taken and knows of nothing but its cause.
    pub fn queued(cause: RunCause, now: Timestamp) -> Self {
        let RunCause { source, model, file, branch, pull_request, base, head, environment, delivered_at } = cause;
        Self {
            id: RunId::new(),
            source,
            model,
            file,
            branch,
            pull_request,
            base,
            head,
            environment,
            origin: None,
            author: None,
            contributors: None,
            only_policy: false,
            state: RunState::Queued,
            reason: None,
            diagnostics: Vec::new(),
            stalled: false,
            awaits_environment: false,
            timed_out: false,
            attempts: 0,
            interruptions: 0,
            priority: 0,
            cache_key: None,
            cache_key_parts: BTreeMap::new(),
            reuse: None,
            artifact: None,
            reused_from: None,
            training: None,
            cost: None,
            seeds: Vec::new(),
            champion: None,
            evaluation: None,
            evidence: None,
            verdict: None,
            proposed_policy: None,
            blocking_rules: Vec::new(),
            request: None,
            promotion_commit: None,
            delivered_at,
            created_at: now,
            updated_at: now,
        }
    }

    /// A run that takes this one's artifact to another environment, where it is compared with what that one names.
    #[must_use]
    pub fn downstream(&self, environment: SourceName, now: Timestamp) -> Self {
        let origin = Origin::Promotion { of: self.id };
        Self {
            reuse: Some(format!("weights of run {}, as promoted to `{}`", self.id, self.environment)),
            ..self.following(environment, origin, now)
        }
    }

    /// A run that restores this one's promotion, as it was judged then.
    #[must_use]
    pub fn rolled_back_to(&self, reason: &str, now: Timestamp) -> Self {
        let origin = Origin::Rollback { to: self.id, reason: reason.to_owned() };
        Self {
            state: RunState::Promoting,
            champion: self.champion.clone(),
            evaluation: self.evaluation.clone(),
            evidence: self.evidence.clone(),
            verdict: self.verdict.clone(),
            ..self.following(self.environment.clone(), origin, now)
        }
    }

    /// A run that does again what this one did, from the beginning. `None` for a rollback: that is asked for anew.
    #[must_use]
    pub fn again(&self, now: Timestamp) -> Option<Self> {
        match &self.origin {
            Some(Origin::Rollback { .. }) => None,
            Some(origin @ Origin::Promotion { .. }) => Some(Self {
                cache_key: self.cache_key.clone(),
                cache_key_parts: self.cache_key_parts.clone(),
                reuse: self.reuse.clone(),
                ..self.following(self.environment.clone(), origin.clone(), now)
            }),
            None => {
                let cause = RunCause {
                    source: self.source.clone(),
                    model: self.model.clone(),
                    file: self.file.clone(),
                    branch: self.branch.clone(),
                    pull_request: self.pull_request.clone(),
                    base: self.base.clone(),
                    head: self.head.clone(),
                    environment: self.environment.clone(),
                    delivered_at: self.delivered_at,
                };
                Some(Self { priority: self.priority, ..Self::queued(cause, now) })
            }
        }
    }

    fn following(&self, environment: SourceName, origin: Origin, now: Timestamp) -> Self {
        let cause = RunCause {
            source: self.source.clone(),
            model: self.model.clone(),
            file: self.file.clone(),
            branch: self.branch.clone(),
            pull_request: None,
            base: self.base.clone(),
            head: self.head.clone(),
            environment,
            delivered_at: now,
        };
        Self {
            origin: Some(origin),
            author: self.author.clone(),
            priority: self.priority,
            cache_key: self.cache_key.clone(),
            cache_key_parts: self.cache_key_parts.clone(),
            // What was learnt of the artifact belongs to it, wherever it goes.
            artifact: self.artifact.clone(),
            training: self.training.clone(),
            cost: self.cost.clone(),
            seeds: self.seeds.clone(),
            reused_from: Some(self.reused_from.unwrap_or(self.id)),
            ..Self::queued(cause, now)
        }
    }

    /// Whether a person wants an earlier promotion back.
    pub fn is_rollback(&self) -> bool {
        matches!(self.origin, Some(Origin::Rollback { .. }))
    }

    /// Whether the policy leaves the artifact to a person.
    pub fn policy_requires_approval(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.outcome == Outcome::NeedsApproval)
    }

    /// The runs that go one after the other with this one.
    pub fn concurrency_group(&self) -> ConcurrencyGroup {
        ConcurrencyGroup::of(self)
    }
}

/// A document beside an artifact's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its name there.
    pub name: String,
    /// Its own digest.
    pub digest: Digest,
}

/// A policy that a revision changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedPolicy {
    /// Where it stands at the revision.
    pub file: String,
    /// What changes in it, and in what it extends, in the unified form.
    pub difference: String,
    /// What it would say, or why it says nothing, as part of a sentence.
    pub sentence: String,
}

/// What a training took, and what its artifact takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingCost {
    /// Time spent training, in seconds.
    pub seconds: f64,
    /// What it was spent on: `cpu` or `cuda`.
    pub device: String,
    /// Trained parameters.
    pub parameters: u64,
    /// Size of the weights, in bytes.
    pub bytes: u64,
}

/// A training of the run's model with another seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedRun {
    /// The seed.
    pub seed: u32,
    /// Digest of everything that decides the result of training.
    #[serde(rename = "run_key")]
    pub cache_key: Digest,
    /// The trained weights.
    pub artifact: Digest,
}

/// Digests of what evaluation left in the artifact store, beside the candidate's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// The candidate's report and predictions.
    pub candidate: EvaluationDigests,
    /// The champion's report and predictions, if there is a champion and it could be evaluated.
    pub champion: Option<EvaluationDigests>,
    /// Why the champion could not be evaluated, if there is one and it could not.
    pub champion_unusable: Option<String>,
    /// Reports and predictions of the trainings with other seeds, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<EvaluationDigests>,
    /// Times of the candidate's single predictions, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latencies: Option<Digest>,
    /// Samples of the data that were asked for, by the name of their file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub samples: BTreeMap<String, Digest>,
}

/// Digests of one evaluation folder's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationDigests {
    /// `report.json`.
    pub report: Digest,
    /// `predictions.parquet`.
    pub predictions: Digest,
}
