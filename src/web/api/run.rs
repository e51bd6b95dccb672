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
    /// Identifier of the run.
    #[schema(format = Uuid)]
    id: String,
    /// Name of the source in the server's settings.
    source: String,
    /// Name of the model; null if the model file is invalid and contains no name.
    model: Option<String>,
    /// Path of the model's `slipway.yaml` in the source repository.
    file: String,
    /// The pushed branch, or the target branch of the pull request.
    branch: String,
    /// Number of the pull request (GitLab: merge request); null for a push.
    pull_request: Option<u64>,
    /// The commit before the push; null if there is none. The server reads the policy at this commit.
    base: Option<String>,
    /// The commit that the server trains.
    head: String,
    /// Name of the target environment.
    environment: String,
    /// The run whose artifact this run promotes downstream or restores; null for a push or a pull request.
    #[schema(format = Uuid)]
    origin_run: Option<String>,
    /// The state of the run.
    state: RunState,
    /// Why the run ended or waits; null if there is no explanation.
    reason: Option<String>,
    /// Whether the run waits for a person.
    stalled: bool,
    /// Whether the run waits until its environment is fixed. Then the run continues without a retry. The model is not at fault.
    awaits_environment: bool,
    /// Number of failed attempts of the current step.
    attempts: u32,
    /// Priority of the run; the default is 0. Workers claim runs with a higher priority first.
    priority: i32,
    /// Digest of everything that decides the result of training; null before training.
    cache_key: Option<String>,
    /// Digest of the trained weights; null before training.
    artifact: Option<String>,
    /// The run whose artifact this run reused; null if this run trained.
    #[schema(format = Uuid)]
    reused_from: Option<String>,
    /// Digest of the artifact that the environment named when the candidate was evaluated; null if there was none.
    champion: Option<String>,
    /// Digest of the evidence for the verdict; null before the run is judged.
    evidence: Option<String>,
    /// The promotion commit in the environment repository; null before the promotion.
    promotion_commit: Option<String>,
    /// Time at which the server stored the delivery that caused the run.
    #[schema(value_type = String, format = DateTime)]
    delivered_at: Timestamp,
    /// Time at which the run was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Time of the last transition.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<&slipway_domain::Run> for RunSummary {
    fn from(run: &slipway_domain::Run) -> Self {
        let text = |value: &Option<slipway_contract::Digest>| value.as_ref().map(ToString::to_string);
        Self {
            id: run.id.to_string(),
            source: run.cause.source.to_string(),
            model: run.model_name().map(str::to_owned),
            file: run.cause.file.clone(),
            branch: run.cause.branch.clone(),
            pull_request: run.cause.pull_request.as_ref().map(|pull_request| pull_request.number),
            base: run.cause.base.as_ref().map(ToString::to_string),
            head: run.cause.head.to_string(),
            environment: run.cause.environment.to_string(),
            origin_run: run.origin.as_ref().map(|origin| match origin {
                slipway_domain::Origin::Promotion { of: run } | slipway_domain::Origin::Rollback { to: run, .. } => {
                    run.to_string()
                }
            }),
            state: run.status.state.into(),
            reason: run.status.reason.clone(),
            stalled: run.status.stalled,
            awaits_environment: run.status.stalled && run.status.awaits_environment,
            attempts: run.status.attempts,
            priority: run.priority,
            cache_key: text(&run.training.cache_key),
            artifact: text(&run.training.artifact),
            reused_from: run.training.reused_from.map(|run| run.to_string()),
            champion: text(&run.judgement.champion),
            evidence: text(&run.judgement.evidence),
            promotion_commit: run.promotion.commit.as_ref().map(ToString::to_string),
            delivered_at: run.cause.delivered_at,
            created_at: run.created_at,
            updated_at: run.status.updated_at,
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
    /// What the trainer warned of before it trained, such as test rows that are training rows; at most 20.
    warnings: Vec<Diagnostic>,
    /// Why the run reused an artifact, or why it had to train; null before this is decided.
    reuse: Option<String>,
    /// Files of the evaluation in the artifact store; null before the evaluation.
    evaluation: Option<Evaluation>,
    /// The verdict on the candidate; null before the run is judged.
    verdict: Option<Verdict>,
    /// Cost of the training and size of the artifact; null before the run is judged.
    cost: Option<Cost>,
    /// The policy at the revision; null if it equals the policy that judges the revision.
    proposed_policy: Option<ProposedPolicy>,
    /// The rules that block the promotion.
    blocking_rules: Vec<BlockingRule>,
    /// The transitions of the run, oldest first.
    transitions: Vec<Transition>,
    /// Position of the run in the queue of its repository; null if the run is not in the queue.
    queue: Option<Queue>,
}

/// Cost of a training and size of its artifact.
#[derive(Serialize, ToSchema)]
struct Cost {
    /// Duration of the training, in seconds.
    seconds: f64,
    /// Device of the training: `cpu` or `cuda`.
    device: String,
    /// Number of trained parameters.
    parameters: u64,
    /// Size of the weights, in bytes.
    bytes: u64,
}

/// A policy that a revision modifies. It does not judge this revision.
#[derive(Serialize, ToSchema)]
struct ProposedPolicy {
    /// Path of the policy file.
    file: String,
    /// The modification as a unified diff.
    difference: String,
    /// The verdict of the modified policy, or why there is none, in one sentence.
    sentence: String,
}

/// A mistake in a file of the source repository.
#[derive(Serialize, ToSchema)]
struct Diagnostic {
    /// Path of the file in the source repository.
    file: String,
    /// Line of the mistake, counted from one; null if it is unknown.
    line: Option<usize>,
    /// Column of the mistake in characters, counted from one; null if it is unknown.
    column: Option<usize>,
    /// What the server expected and what it found.
    message: String,
    /// How to fix the mistake; null if there is no advice.
    help: Option<String>,
}

/// Files of the evaluation in the artifact store.
#[derive(Serialize, ToSchema)]
struct Evaluation {
    /// Files of the candidate.
    candidate: EvaluationFiles,
    /// Files of the champion; null if there is no champion, or if its evaluation failed.
    champion: Option<EvaluationFiles>,
    /// Why the evaluation of the champion failed; null if it did not fail.
    champion_unusable: Option<String>,
}

/// Digests of the files of one evaluation.
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
    /// The previous state; null for the first transition.
    from: Option<RunState>,
    /// The next state.
    to: RunState,
    /// Time of the transition.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Cause of the transition.
    cause: String,
    /// The actor that caused the transition.
    actor: String,
}

/// Position of a run in the queue of its repository.
#[derive(Serialize, ToSchema)]
struct Queue {
    /// Position of the run, counted from one.
    position: u64,
    /// Number of runs in the queue.
    waiting: u64,
    /// The run of the same concurrency group that must end first; null if there is none.
    #[schema(format = Uuid)]
    blocked_by: Option<String>,
    /// Time at which the run is due; null if the run is due now.
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
        Self { position, waiting, blocked_by: behind.map(|run| run.to_string()), due_at }
    }
}

/// Why a run trained, or why it reused an artifact.
#[derive(Serialize, ToSchema)]
pub(super) struct Explanation {
    /// Identifier of the run.
    #[schema(format = Uuid)]
    run: String,
    /// The reason in one sentence.
    sentence: String,
    /// Digest of everything that decides the result of training; null before training.
    cache_key: Option<String>,
    /// The run whose artifact this run reused; null if this run trained.
    #[schema(format = Uuid)]
    reused_from: Option<String>,
    /// The run whose cache key is compared with this one; null if there is none.
    #[schema(format = Uuid)]
    compared_with: Option<String>,
    /// The parts of the cache key.
    parts: Vec<CacheKeyPart>,
    /// Files and keys of the specification that differ from the compared run. Empty if git does not contain both revisions.
    differences: Vec<String>,
}

/// A part of a cache key.
#[derive(Serialize, ToSchema)]
struct CacheKeyPart {
    /// Name of the part.
    name: String,
    /// Value of the part, or the digest of a long value.
    value: String,
    /// Value of the part in the compared run; null if that run does not have it.
    before: Option<String>,
    /// Whether both values are equal.
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
            diagnostics: run.status.diagnostics.iter().map(Diagnostic::from).collect(),
            warnings: run.training.warnings.iter().map(Diagnostic::from).collect(),
            reuse: run.training.reuse.clone(),
            evaluation: run.judgement.evaluation.as_ref().map(Evaluation::from),
            verdict: run.judgement.verdict.as_ref().map(Verdict::from),
            cost: run.training.cost.as_ref().map(Cost::from),
            proposed_policy: run.judgement.proposed_policy.as_ref().map(ProposedPolicy::from),
            blocking_rules: run.promotion.blocking_rules.iter().map(BlockingRule::from).collect(),
            transitions: transitions.into_iter().map(Transition::from).collect(),
            queue: queue.map(Queue::from),
        })
    }
}
