//! A run, as the API tells it.

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
    /// The model's name; null where its file names none, which is a mistake in the file and no model.
    model: Option<String>,
    /// Path of the `slipway.yaml`.
    file: String,
    /// The branch that was pushed, or that a change wants to go to.
    branch: String,
    /// The change (pull or merge request) that is judged; null for a push.
    #[serde(rename = "change")]
    pull_request: Option<u64>,
    /// The revision before the push, where the policy is read.
    base: Option<String>,
    /// The revision that is trained.
    head: String,
    /// The environment that is to name the artifact.
    environment: String,
    /// The run whose artifact is taken onward or brought back; null for a push or a change.
    #[schema(format = Uuid)]
    follows: Option<String>,
    state: RunState,
    /// Why it ended or waits, in words.
    reason: Option<String>,
    /// Whether it waits for a person.
    stalled: bool,
    /// Whether it waits for its environment to be mended: nothing of the model is wrong, and it goes on by itself then.
    awaits_environment: bool,
    /// Failed attempts at the step that is due.
    attempts: u32,
    /// Runs of a higher priority are taken first; zero is usual.
    priority: i32,
    /// Digest of everything that decides the result of training.
    #[serde(rename = "run_key")]
    cache_key: Option<String>,
    /// The trained weights.
    artifact: Option<String>,
    /// The run whose artifact was used again.
    #[schema(format = Uuid)]
    reused_from: Option<String>,
    /// What the environment named when the candidate was evaluated.
    champion: Option<String>,
    /// The evidence the verdict rests on.
    evidence: Option<String>,
    /// The commit in the environment repository.
    promotion_commit: Option<String>,
    /// When the delivery that announced it was stored.
    #[schema(value_type = String, format = DateTime)]
    delivered_at: Timestamp,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last moved.
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

/// A run with its way so far.
#[derive(Serialize, ToSchema)]
pub(super) struct RunDetail {
    #[serde(flatten)]
    summary: RunSummary,
    /// Mistakes in files of the source repository.
    diagnostics: Vec<Diagnostic>,
    /// Why an artifact was used again, or why a new one had to be made.
    reuse: Option<String>,
    /// What evaluation left in the artifact store.
    evaluation: Option<Evaluation>,
    verdict: Option<Verdict>,
    /// What training took, and what the artifact takes; null before it is judged.
    cost: Option<Cost>,
    /// The policy that the revision changes and is not judged by; null where it changes none.
    proposed_policy: Option<ProposedPolicy>,
    /// What holds its promotion back.
    #[serde(rename = "held_back")]
    blocking_rules: Vec<BlockingRule>,
    /// Its way so far.
    transitions: Vec<Transition>,
    /// Its place among the runs of its repository that wait to be taken; null if it does not wait.
    queue: Option<Queue>,
}

/// What training took, and what the artifact takes.
#[derive(Serialize, ToSchema)]
struct Cost {
    /// Time spent training.
    seconds: f64,
    /// What it was spent on: `cpu` or `cuda`.
    device: String,
    /// Trained parameters.
    parameters: u64,
    /// Size of the weights.
    bytes: u64,
}

/// A policy that a revision changes.
#[derive(Serialize, ToSchema)]
struct ProposedPolicy {
    file: String,
    /// What changes in it, as a unified difference.
    difference: String,
    /// What it would say, or why it says nothing.
    sentence: String,
}

/// A mistake in a file of the source repository.
#[derive(Serialize, ToSchema)]
struct Diagnostic {
    file: String,
    /// From one.
    line: Option<usize>,
    /// In characters, from one.
    column: Option<usize>,
    /// What was expected and what came.
    message: String,
    /// What to do.
    help: Option<String>,
}

/// What evaluation left in the artifact store.
#[derive(Serialize, ToSchema)]
struct Evaluation {
    candidate: EvaluationFiles,
    /// Null if there is no champion, or if it could not be evaluated.
    champion: Option<EvaluationFiles>,
    /// Why the champion could not be evaluated, if there is one and it could not.
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

/// One move of a run.
#[derive(Serialize, ToSchema)]
pub(super) struct Transition {
    /// Null for the first.
    from: Option<RunState>,
    to: RunState,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why, in words.
    cause: String,
    /// Who made it.
    actor: String,
}

/// A place among the runs that wait.
#[derive(Serialize, ToSchema)]
struct Queue {
    /// From one.
    position: u64,
    /// How many runs of the repository wait.
    waiting: u64,
    /// The run of the same model and branch that has to end first.
    #[schema(format = Uuid)]
    behind: Option<String>,
    /// When it is due, if that is later.
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

/// Why a run trained, or why it did not have to.
#[derive(Serialize, ToSchema)]
pub(super) struct Explanation {
    #[schema(format = Uuid)]
    run: String,
    /// One sentence for people.
    sentence: String,
    /// Digest of everything that decides the result of training; null before the run came to training.
    #[serde(rename = "run_key")]
    cache_key: Option<String>,
    /// The run whose artifact was used again.
    #[schema(format = Uuid)]
    reused_from: Option<String>,
    /// The run it is compared with.
    #[schema(format = Uuid)]
    compared_with: Option<String>,
    /// The parts of the run key.
    parts: Vec<CacheKeyPart>,
    /// Files and keys of the specification that differ from the run it is compared with, as far as git still knows both.
    differences: Vec<String>,
}

/// One part of a run key.
#[derive(Serialize, ToSchema)]
struct CacheKeyPart {
    name: String,
    /// A digest where the thing itself is long.
    value: String,
    /// Its value in the run it is compared with.
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
    /// A run with its way so far. Figures that are kept from authors are shown to those who may read the audit log.
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
