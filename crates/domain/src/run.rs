//! A run: one reaction to one revision of one model, with all its data.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

use super::Verdict;
use super::{
    BlockingRule, CommitSha, ConcurrencyGroup, Contributor, Diagnostic, Outcome, PromotionRequest, RunId, RunState,
    SourceName,
};

/// One run with all its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "stored documents hold them one by one")]
pub struct Run {
    /// Its identifier.
    pub id: RunId,
    /// The source repository, by its name in the settings.
    pub source: SourceName,
    /// The model's name, or the path of its file if the file does not contain a name.
    pub model: String,
    /// Path of the model's `slipway.yaml` in the source repository.
    pub file: String,
    /// The pushed branch, or the target branch of a pull request.
    pub branch: String,
    /// The pull request (GitLab: merge request) that is judged and not promoted; `None` for a push.
    #[serde(default)]
    #[serde(rename = "change")]
    pub pull_request: Option<PullRequestHead>,
    /// The revision before the push. The policy is read there.
    pub base: Option<CommitSha>,
    /// The revision to train.
    pub head: CommitSha,
    /// The target environment.
    pub environment: SourceName,
    /// The origin of the run, if it is neither a push nor a pull request.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// The address of the revision's author; known once the run is planned.
    #[serde(default)]
    pub author: Option<String>,
    /// The contributors of the revision to promote; known once an approval is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contributors: Option<Vec<Contributor>>,
    /// Whether the run only reports that the push breaks a policy, and trains nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_policy: bool,
    /// The state.
    pub state: RunState,
    /// Why the run ended or waits, as plain text.
    pub reason: Option<String>,
    /// Mistakes in files of the source repository, with their positions.
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the run waits for a person, because another attempt alone would not help.
    #[serde(default)]
    pub stalled: bool,
    /// Whether the run waits until its environment is fixed, so that the model is not at fault; only together with `stalled`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaits_environment: bool,
    /// Whether the run failed because it exceeded its deadline.
    #[serde(default)]
    pub timed_out: bool,
    /// Number of attempts of the current step.
    #[serde(default)]
    pub attempts: u32,
    /// Number of those attempts that an external kill or a panic interrupted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interruptions: u32,
    /// Priority: runs with a higher value are claimed first. The default is zero.
    #[serde(default)]
    pub priority: i32,
    /// Digest of everything that decides the result of training.
    #[serde(rename = "run_key")]
    pub cache_key: Option<Digest>,
    /// The inputs of the cache key, part by part.
    #[serde(default)]
    #[serde(rename = "run_key_parts")]
    pub cache_key_parts: BTreeMap<String, String>,
    /// Why an artifact was reused, or why a new one was necessary.
    #[serde(default)]
    pub reuse: Option<String>,
    /// The trained weights.
    pub artifact: Option<Digest>,
    /// The run whose artifact was reused, because its cache key is the same.
    pub reused_from: Option<RunId>,
    /// The report of the training.
    #[serde(default)]
    pub training: Option<Document>,
    /// The cost of the artifact; known once it is judged.
    #[serde(default)]
    pub cost: Option<TrainingCost>,
    /// Trainings with other seeds, if the policy requires them.
    #[serde(default)]
    pub seeds: Vec<SeedRun>,
    /// The artifact that the environment named when the candidate was evaluated.
    pub champion: Option<Digest>,
    /// The stored results of the evaluation.
    pub evaluation: Option<EvaluationRecord>,
    /// The evidence of the verdict.
    pub evidence: Option<Digest>,
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// The policy at the revision, which does not judge the revision; only if it differs from the judging policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_policy: Option<ProposedPolicy>,
    /// The rules that block its promotion.
    #[serde(default)]
    #[serde(rename = "held_back")]
    pub blocking_rules: Vec<BlockingRule>,
    /// The promotion request, if the environment takes promotions as pull requests.
    #[serde(default)]
    pub request: Option<PromotionRequest>,
    /// The commit in the environment repository.
    pub promotion_commit: Option<CommitSha>,
    /// Time at which the delivery was stored.
    pub delivered_at: Timestamp,
    /// Time at which the run was recorded.
    pub created_at: Timestamp,
    /// Time of the last transition.
    pub updated_at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The origin of a run that follows from neither a push nor a pull request. Its artifact is known from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Another environment names the artifact now, or a person requested its promotion to this environment.
    Promotion {
        /// The run that promoted the artifact there, or that made it.
        of: RunId,
    },
    /// A person rolls back to an earlier promotion.
    Rollback {
        /// The run of the earlier promotion.
        to: RunId,
        /// The reason.
        reason: String,
    },
}

/// The head of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestHead {
    /// The number of the pull request at its forge.
    pub number: u64,
    /// The reference in the source repository under which the revision was found.
    pub reference: String,
    /// Whether the pull request comes from a fork: its author may not push to the repository.
    #[serde(default)]
    pub fork: bool,
}

/// The cause of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCause {
    /// The source repository.
    pub source: SourceName,
    /// The model's name, or the path of its file if the file does not contain a name.
    pub model: String,
    /// Path of the model's `slipway.yaml`.
    pub file: String,
    /// The pushed branch, or the target branch of a pull request.
    pub branch: String,
    /// The pull request, if there is one.
    pub pull_request: Option<PullRequestHead>,
    /// The revision before.
    pub base: Option<CommitSha>,
    /// The revision to train.
    pub head: CommitSha,
    /// The target environment.
    pub environment: SourceName,
    /// Time at which the delivery was stored.
    pub delivered_at: Timestamp,
}

/// The name of a model as stored with its runs. For a file without a model name the path is stored instead, which is not a name:
/// `None`.
pub fn model_name(stored: &str) -> Option<&str> {
    // Names are made of letters, digits and dashes; every path ends with `.yaml`.
    (!stored.contains(['.', '/'])).then_some(stored)
}

impl Run {
    /// The model's name; `None` if its file does not contain one.
    pub fn model_name(&self) -> Option<&str> {
        model_name(&self.model)
    }

    /// Creates a queued run with nothing but its cause.
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

    /// A run that promotes this run's artifact to another environment. It is compared with the champion of that environment.
    #[must_use]
    pub fn downstream(&self, environment: SourceName, now: Timestamp) -> Self {
        let origin = Origin::Promotion { of: self.id };
        Self {
            reuse: Some(format!("weights of run {}, as promoted to `{}`", self.id, self.environment)),
            ..self.following(environment, origin, now)
        }
    }

    /// A run that restores this run's promotion with its verdict.
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

    /// A run that repeats this run from the start. `None` for a rollback, which requires a new request.
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
            // Results of training belong to the artifact in every environment.
            artifact: self.artifact.clone(),
            training: self.training.clone(),
            cost: self.cost.clone(),
            seeds: self.seeds.clone(),
            reused_from: Some(self.reused_from.unwrap_or(self.id)),
            ..Self::queued(cause, now)
        }
    }

    /// Whether the run rolls back to an earlier promotion.
    pub fn is_rollback(&self) -> bool {
        matches!(self.origin, Some(Origin::Rollback { .. }))
    }

    /// Whether the policy requires an approval of the artifact.
    pub fn policy_requires_approval(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.outcome == Outcome::NeedsApproval)
    }

    /// The concurrency group of the run.
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
    /// Path of the policy at the revision.
    pub file: String,
    /// The changes of the file and of the policies it extends, as a unified diff.
    pub difference: String,
    /// The result under the new policy, or the reason why there is no result, as part of a sentence.
    pub sentence: String,
}

/// The cost of a training and of its artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingCost {
    /// Time spent training, in seconds.
    pub seconds: f64,
    /// The device: `cpu` or `cuda`.
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

/// Digests of the results of an evaluation, which are stored beside the candidate's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// The candidate's report and predictions.
    pub candidate: EvaluationDigests,
    /// The champion's report and predictions, if there is a champion and it could be evaluated.
    pub champion: Option<EvaluationDigests>,
    /// Why the champion could not be evaluated, if there is one and it could not.
    pub champion_unusable: Option<String>,
    /// Reports and predictions of the trainings with other seeds, in the order of `seeds`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<EvaluationDigests>,
    /// Times of the candidate's single predictions, if they were requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latencies: Option<Digest>,
    /// Requested samples of the data, by file name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub samples: BTreeMap<String, Digest>,
}

/// Digests of the files in one evaluation folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationDigests {
    /// `report.json`.
    pub report: Digest,
    /// `predictions.parquet`.
    pub predictions: Digest,
}
