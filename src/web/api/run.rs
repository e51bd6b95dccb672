//! A run, as the API reports it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::deployment_record::BlockingRule;
use super::enums::RunState;
use super::verdict::Verdict;
use crate::runs;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use slipway_store::QueuePlace;

/// A run: one reaction to one revision of one model.
#[derive(Serialize, ToSchema)]
pub(super) struct RunSummary {
    #[schema(format = Uuid)]
    id: String,
    /// The source repository, by its name in the server's settings.
    source: String,
    /// The model's name; null if its file is invalid and contains no name.
    model: Option<String>,
    /// Path of the model's `slipway.yaml`.
    file: String,
    /// The pushed branch, or the target branch of a pull request.
    branch: String,
    /// The pull request (GitLab: merge request) that is judged; null for a push.
    #[serde(rename = "change")]
    pull_request: Option<u64>,
    /// The revision before the push. The policy is read there.
    base: Option<String>,
    /// The revision to train.
    head: String,
    /// The target environment.
    environment: String,
    /// The run whose artifact is promoted downstream or restored; null for a push or a pull request.
    #[schema(format = Uuid)]
    follows: Option<String>,
    state: RunState,
    /// Why it ended or waits.
    reason: Option<String>,
    /// Whether it waits for a person.
    stalled: bool,
    /// Whether it waits until its environment is fixed. The model is not at fault, and the run then continues without a retry.
    awaits_environment: bool,
    /// Failed attempts of the current step.
    attempts: u32,
    /// Priority: runs with a higher value are claimed first. The default is 0.
    priority: i32,
    /// Digest of everything that decides the result of training.
    #[serde(rename = "run_key")]
    cache_key: Option<String>,
    /// Digest of the trained weights.
    artifact: Option<String>,
    /// The run whose artifact was reused.
    #[schema(format = Uuid)]
    reused_from: Option<String>,
    /// The artifact that the environment named when the candidate was evaluated.
    champion: Option<String>,
    /// Digest of the evidence of the verdict.
    evidence: Option<String>,
    /// The promotion commit in the environment repository.
    promotion_commit: Option<String>,
    /// When the delivery that caused it was stored.
    #[schema(value_type = String, format = DateTime)]
    delivered_at: Timestamp,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its last transition happened.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<&slipway_domain::Run> for RunSummary {
    fn from(run: &slipway_domain::Run) -> Self {
        let text = |value: &Option<slipway_contract::Digest>| value.as_ref().map(ToString::to_string);
        Self {
            id: run.id.to_string(),
            source: run.source.to_string(),
            model: run.model_name().map(str::to_owned),
            file: run.file.clone(),
            branch: run.branch.clone(),
            pull_request: run.pull_request.as_ref().map(|pull_request| pull_request.number),
            base: run.base.as_ref().map(ToString::to_string),
            head: run.head.to_string(),
            environment: run.environment.to_string(),
            follows: run.origin.as_ref().map(|origin| match origin {
                slipway_domain::Origin::Promotion { of: run } | slipway_domain::Origin::Rollback { to: run, .. } => {
                    run.to_string()
                }
            }),
            state: run.state.into(),
            reason: run.reason.clone(),
            stalled: run.stalled,
            awaits_environment: run.stalled && run.awaits_environment,
            attempts: run.attempts,
            priority: run.priority,
            cache_key: text(&run.cache_key),
            artifact: text(&run.artifact),
            reused_from: run.reused_from.map(|run| run.to_string()),
            champion: text(&run.champion),
            evidence: text(&run.evidence),
            promotion_commit: run.promotion_commit.as_ref().map(ToString::to_string),
            delivered_at: run.delivered_at,
            created_at: run.created_at,
            updated_at: run.updated_at,
        }
    }
}

/// A run with its details.
#[derive(Serialize, ToSchema)]
pub(super) struct RunDetail {
    #[serde(flatten)]
    summary: RunSummary,
    /// Mistakes in files of the source repository.
    diagnostics: Vec<Diagnostic>,
    /// Why an artifact was reused, or why a new one was necessary.
    reuse: Option<String>,
    /// Files of the evaluation in the artifact store.
    evaluation: Option<Evaluation>,
    verdict: Option<Verdict>,
    /// Cost of the training, and size of the artifact; null before the run is judged.
    cost: Option<Cost>,
    /// The policy at the revision, if it differs from the policy that judges the revision; null otherwise.
    proposed_policy: Option<ProposedPolicy>,
    /// The rules that block its promotion.
    #[serde(rename = "held_back")]
    blocking_rules: Vec<BlockingRule>,
    /// Its transitions so far.
    transitions: Vec<Transition>,
    /// Its position among the waiting runs of its repository; null if it does not wait.
    queue: Option<Queue>,
}

/// Cost of the training, and size of the artifact.
#[derive(Serialize, ToSchema)]
struct Cost {
    /// Duration of the training, in seconds.
    seconds: f64,
    /// The device of the training: `cpu` or `cuda`.
    device: String,
    /// Number of trained parameters.
    parameters: u64,
    /// Size of the weights, in bytes.
    bytes: u64,
}

/// A policy that a revision changes.
#[derive(Serialize, ToSchema)]
struct ProposedPolicy {
    file: String,
    /// Its changes as a unified diff.
    difference: String,
    /// The verdict that it would give, or why it gives none, in one sentence.
    sentence: String,
}

/// A mistake in a file of the source repository.
#[derive(Serialize, ToSchema)]
struct Diagnostic {
    file: String,
    /// Counted from one.
    line: Option<usize>,
    /// In characters, counted from one.
    column: Option<usize>,
    /// What was expected and what was found.
    message: String,
    /// How to fix it.
    help: Option<String>,
}

/// Files of the evaluation in the artifact store.
#[derive(Serialize, ToSchema)]
struct Evaluation {
    candidate: EvaluationFiles,
    /// Null if there is no champion, or if it could not be evaluated.
    champion: Option<EvaluationFiles>,
    /// Why the champion could not be evaluated, if that failed.
    champion_unusable: Option<String>,
}

/// Digests of one evaluation's files.
#[derive(Serialize, ToSchema)]
struct EvaluationFiles {
    /// Digest of `report.json`.
    report: String,
    /// Digest of `predictions.parquet`.
    predictions: String,
}

/// A transition of a run.
#[derive(Serialize, ToSchema)]
pub(super) struct Transition {
    /// Null for the first transition.
    from: Option<RunState>,
    to: RunState,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The cause.
    cause: String,
    /// Who caused it.
    actor: String,
}

/// A position among the waiting runs.
#[derive(Serialize, ToSchema)]
struct Queue {
    /// Counted from one.
    position: u64,
    /// Number of waiting runs of the repository.
    waiting: u64,
    /// The run of the same concurrency group that must end first.
    #[schema(format = Uuid)]
    behind: Option<String>,
    /// When it is due, if that is in the future.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
}

impl From<&slipway_domain::Diagnostic> for Diagnostic {
    fn from(diagnostic: &slipway_domain::Diagnostic) -> Self {
        let slipway_domain::Diagnostic { file, position, message, help } = diagnostic.clone();
        let (line, column) = position.map(|position| (position.line, position.column)).unzip();
        Self { file, line, column, message, help }
    }
}

impl From<&slipway_domain::TrainingCost> for Cost {
    fn from(cost: &slipway_domain::TrainingCost) -> Self {
        let slipway_domain::TrainingCost { seconds, device, parameters, bytes } = cost.clone();
        Self { seconds, device, parameters, bytes }
    }
}

impl From<&slipway_domain::ProposedPolicy> for ProposedPolicy {
    fn from(proposed: &slipway_domain::ProposedPolicy) -> Self {
        let slipway_domain::ProposedPolicy { file, difference, sentence } = proposed.clone();
        Self { file, difference, sentence }
    }
}

impl From<&slipway_domain::EvaluationRecord> for Evaluation {
    fn from(evaluation: &slipway_domain::EvaluationRecord) -> Self {
        let files = |digests: &slipway_domain::EvaluationDigests| EvaluationFiles {
            report: digests.report.to_string(),
            predictions: digests.predictions.to_string(),
        };
        let slipway_domain::EvaluationRecord { candidate, champion, champion_unusable, .. } = evaluation;
        Self {
            candidate: files(candidate),
            champion: champion.as_ref().map(files),
            champion_unusable: champion_unusable.clone(),
        }
    }
}

impl From<slipway_domain::Transition> for Transition {
    fn from(transition: slipway_domain::Transition) -> Self {
        let slipway_domain::Transition { from, to, at, cause, actor } = transition;
        Self { from: from.map(RunState::from), to: to.into(), at, cause, actor: actor.as_str().to_owned() }
    }
}

impl From<QueuePlace> for Queue {
    fn from(place: QueuePlace) -> Self {
        let QueuePlace { position, waiting, behind, due_at } = place;
        Self { position, waiting, behind: behind.map(|run| run.to_string()), due_at }
    }
}

/// Why a run trained, or why no training was necessary.
#[derive(Serialize, ToSchema)]
pub(super) struct Explanation {
    #[schema(format = Uuid)]
    run: String,
    /// The reason in one sentence.
    sentence: String,
    /// Digest of everything that decides the result of training; null before the run reaches training.
    #[serde(rename = "run_key")]
    cache_key: Option<String>,
    /// The run whose artifact was reused.
    #[schema(format = Uuid)]
    reused_from: Option<String>,
    /// The run with which it is compared.
    #[schema(format = Uuid)]
    compared_with: Option<String>,
    /// The parts of the cache key.
    parts: Vec<CacheKeyPart>,
    /// Files and keys of the specification that differ from the compared run, if git still contains both revisions.
    differences: Vec<String>,
}

/// A part of a cache key.
#[derive(Serialize, ToSchema)]
struct CacheKeyPart {
    name: String,
    /// The value, or its digest if it is long.
    value: String,
    /// The value in the compared run.
    before: Option<String>,
    same: bool,
}

impl From<runs::Explanation> for Explanation {
    fn from(explanation: runs::Explanation) -> Self {
        let runs::Explanation { run, sentence, cache_key, reused_from, compared_with, parts, differences } =
            explanation;
        let part = |runs::CacheKeyPart { name, value, before, same }| CacheKeyPart { name, value, before, same };
        Self {
            run: run.to_string(),
            sentence,
            cache_key: cache_key.map(|key| key.to_string()),
            reused_from: reused_from.map(|run| run.to_string()),
            compared_with: compared_with.map(|run| run.to_string()),
            parts: parts.into_iter().map(part).collect(),
            differences,
        }
    }
}

impl Shared {
    /// Returns a run with its details. Callers who may read the audit log also see figures that are withheld from authors.
    pub(super) async fn run_detail(&self, caller: &Caller, run: &slipway_domain::Run) -> Result<RunDetail, Problem> {
        let seen;
        let run = if caller.is_auditor() {
            run
        } else {
            seen = self.as_authors_see(run.clone()).await?;
            &seen
        };
        let transitions = self.store.transitions(run.id).await?;
        let queue = self.store.queue_place(run, Timestamp::now()).await?;
        Ok(RunDetail {
            summary: run.into(),
            diagnostics: run.diagnostics.iter().map(Diagnostic::from).collect(),
            reuse: run.reuse.clone(),
            evaluation: run.evaluation.as_ref().map(Evaluation::from),
            verdict: run.verdict.as_ref().map(Verdict::from),
            cost: run.cost.as_ref().map(Cost::from),
            proposed_policy: run.proposed_policy.as_ref().map(ProposedPolicy::from),
            blocking_rules: run.blocking_rules.iter().map(BlockingRule::from).collect(),
            transitions: transitions.into_iter().map(Transition::from).collect(),
            queue: queue.map(Queue::from),
        })
    }
}
