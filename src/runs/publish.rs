//! Fifth step: stores the evidence beside the weights, under a digest that the promotion will name.

use serde::Serialize;
use slipway_contract::{API_VERSION, Digest};

use super::Runs;
use crate::context::{StepError, artifact_of, messages};
use slipway_domain::{CommitSha, Document, EvaluationRecord, Run, RunEvent, RunId, SeedRun, Verdict};

/// The evidence of a promotion. Its digest is in the promotion's commit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence<'a> {
    api_version: &'a str,
    kind: &'a str,
    run: RunId,
    model: &'a str,
    source: &'a str,
    revision: &'a CommitSha,
    base: Option<&'a CommitSha>,
    #[serde(rename = "runKey")]
    cache_key: Option<&'a Digest>,
    artifact: &'a Digest,
    champion: Option<&'a Digest>,
    training: Option<&'a Document>,
    seeds: &'a [SeedRun],
    evaluation: Option<&'a EvaluationRecord>,
    verdict: Option<&'a Verdict>,
}

/// Name of a run's evidence beside its artifact.
pub(super) fn evidence_name(run: RunId) -> String {
    format!("evidence/{run}.json")
}

impl Runs {
    pub(super) async fn publish(&self, run: &mut Run) -> Result<(RunEvent, String), StepError> {
        let artifact = artifact_of(run)?;
        let evidence = Evidence {
            api_version: API_VERSION,
            kind: "Evidence",
            run: run.id,
            model: &run.cause.model,
            source: self.context.source(run)?.mirror.remote().url(),
            revision: &run.cause.head,
            base: run.cause.base.as_ref(),
            cache_key: run.training.cache_key.as_ref(),
            artifact: &artifact,
            champion: run.judgement.champion.as_ref(),
            training: run.training.report.as_ref(),
            seeds: &run.training.seeds,
            evaluation: run.judgement.evaluation.as_ref(),
            verdict: run.judgement.verdict.as_ref(),
        };
        let content = serde_json::to_vec_pretty(&evidence).expect("evidence holds only texts and numbers");
        let digest = self.context.artifacts.put_document(&artifact, &evidence_name(run.id), content).await?;
        run.judgement.evidence = Some(digest);
        Ok(match &run.cause.pull_request {
            Some(pull_request) => (RunEvent::Judged, messages::judged(pull_request.number)),
            None => (RunEvent::Published, messages::published(&artifact)),
        })
    }
}
