//! The stored form of a run: one flat JSON object, which replicas of older versions read and write.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

use super::{
    Document, EvaluationRecord, Origin, ProposedPolicy, PullRequestHead, Run, RunCause, RunJudgement, RunPromotion,
    RunStatus, RunTraining, SeedRun, TrainingCost,
};
use crate::{BlockingRule, CommitSha, Contributor, Diagnostic, PromotionRequest, RunId, RunState, SourceName, Verdict};

/// A run as stored. The order of the fields and their names are part of the stored form; a new field is optional and is left
/// out when it is empty.
#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "stored documents hold them one by one")]
pub(super) struct StoredRun {
    id: RunId,
    source: SourceName,
    model: String,
    file: String,
    branch: String,
    #[serde(default)]
    #[serde(rename = "change")]
    pull_request: Option<PullRequestHead>,
    base: Option<CommitSha>,
    head: CommitSha,
    environment: SourceName,
    #[serde(default)]
    origin: Option<Origin>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contributors: Option<Vec<Contributor>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    only_policy: bool,
    state: RunState,
    reason: Option<String>,
    #[serde(default)]
    diagnostics: Vec<Diagnostic>,
    #[serde(default)]
    stalled: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    awaits_environment: bool,
    #[serde(default)]
    timed_out: bool,
    #[serde(default)]
    attempts: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    interruptions: u32,
    #[serde(default)]
    priority: i32,
    #[serde(rename = "run_key")]
    cache_key: Option<Digest>,
    #[serde(default)]
    #[serde(rename = "run_key_parts")]
    cache_key_parts: BTreeMap<String, String>,
    #[serde(default)]
    reuse: Option<String>,
    artifact: Option<Digest>,
    reused_from: Option<RunId>,
    #[serde(default)]
    training: Option<Document>,
    #[serde(default)]
    cost: Option<TrainingCost>,
    #[serde(default)]
    seeds: Vec<SeedRun>,
    champion: Option<Digest>,
    evaluation: Option<EvaluationRecord>,
    evidence: Option<Digest>,
    verdict: Option<Verdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proposed_policy: Option<ProposedPolicy>,
    #[serde(default)]
    #[serde(rename = "held_back")]
    blocking_rules: Vec<BlockingRule>,
    #[serde(default)]
    request: Option<PromotionRequest>,
    promotion_commit: Option<CommitSha>,
    delivered_at: Timestamp,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Diagnostic>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl From<Run> for StoredRun {
    // Every field is named, so that a new field of a run cannot be forgotten here.
    fn from(run: Run) -> Self {
        let Run { id, origin, only_policy, priority, created_at, cause, status, training, judgement, promotion } = run;
        let RunCause { source, model, file, branch, pull_request, base, head, environment, delivered_at } = cause;
        let RunStatus {
            state,
            reason,
            diagnostics,
            stalled,
            awaits_environment,
            timed_out,
            attempts,
            interruptions,
            updated_at,
        } = status;
        let RunTraining {
            cache_key,
            cache_key_parts,
            reuse,
            artifact,
            reused_from,
            report: training,
            cost,
            seeds,
            warnings,
        } = training;
        let RunJudgement { champion, evaluation, evidence, verdict, proposed_policy } = judgement;
        let RunPromotion { author, contributors, blocking_rules, request, commit: promotion_commit } = promotion;
        Self {
            id,
            source,
            model,
            file,
            branch,
            pull_request,
            base,
            head,
            environment,
            origin,
            author,
            contributors,
            only_policy,
            state,
            reason,
            diagnostics,
            stalled,
            awaits_environment,
            timed_out,
            attempts,
            interruptions,
            priority,
            cache_key,
            cache_key_parts,
            reuse,
            artifact,
            reused_from,
            training,
            cost,
            seeds,
            champion,
            evaluation,
            evidence,
            verdict,
            proposed_policy,
            blocking_rules,
            request,
            promotion_commit,
            delivered_at,
            created_at,
            updated_at,
            warnings,
        }
    }
}

impl From<StoredRun> for Run {
    fn from(stored: StoredRun) -> Self {
        let StoredRun {
            id,
            source,
            model,
            file,
            branch,
            pull_request,
            base,
            head,
            environment,
            origin,
            author,
            contributors,
            only_policy,
            state,
            reason,
            diagnostics,
            stalled,
            awaits_environment,
            timed_out,
            attempts,
            interruptions,
            priority,
            cache_key,
            cache_key_parts,
            reuse,
            artifact,
            reused_from,
            training,
            cost,
            seeds,
            champion,
            evaluation,
            evidence,
            verdict,
            proposed_policy,
            blocking_rules,
            request,
            promotion_commit,
            delivered_at,
            created_at,
            updated_at,
            warnings,
        } = stored;
        Self {
            id,
            cause: RunCause { source, model, file, branch, pull_request, base, head, environment, delivered_at },
            status: RunStatus {
                state,
                reason,
                diagnostics,
                stalled,
                awaits_environment,
                timed_out,
                attempts,
                interruptions,
                updated_at,
            },
            training: RunTraining {
                cache_key,
                cache_key_parts,
                reuse,
                artifact,
                reused_from,
                report: training,
                cost,
                seeds,
                warnings,
            },
            judgement: RunJudgement { champion, evaluation, evidence, verdict, proposed_policy },
            promotion: RunPromotion { author, contributors, blocking_rules, request, commit: promotion_commit },
            origin,
            only_policy,
            priority,
            created_at,
        }
    }
}
