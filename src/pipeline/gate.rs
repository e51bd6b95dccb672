//! Fourth step: the policy of the base revision judges what evaluation left behind.

use jiff::Timestamp;
use slipway_contract::Digest;

use super::evaluate::{artifact_of, document_name};
use super::{Pipeline, StepError, blocking};
use crate::domain::{EvaluationDigests, EvaluationRecord, Outcome, Run, RunEvent, Verdict};
use crate::evaluation::{self, Evaluation};
use crate::policy::{Champion, Evidence, Policy};

impl Pipeline {
    pub(super) async fn gate(&self, run: &mut Run) -> Result<(RunEvent, String), StepError> {
        let artifact = artifact_of(run)?;
        let record = run.evaluation.clone().ok_or_else(|| StepError::Failed {
            reason: "the run lost its evaluation: this is a defect of Slipway".to_owned(),
        })?;
        let plan = self.read_plan(run).await?;
        let policy = self.read_policy(run, &plan.model).await?;
        let EvaluationRecord { candidate, champion, champion_unusable } = record;
        let candidate =
            self.read_evaluation(run, &artifact, "candidate", &candidate, (Some(&artifact), &policy)).await?;
        let candidate = candidate
            .map_err(|reason| StepError::Failed { reason: format!("the candidate's evaluation: {reason}") })?;
        let champion = match (champion, champion_unusable) {
            (_, Some(reason)) => Compared::Unusable(reason),
            (None, None) => Compared::None,
            (Some(digests), None) => {
                match self
                    .read_evaluation(run, &artifact, "champion", &digests, (run.champion.as_ref(), &policy))
                    .await?
                {
                    Ok(evaluation) => Compared::Evaluated(Box::new(evaluation)),
                    Err(reason) => Compared::Unusable(reason),
                }
            }
        };
        let model = run.model.clone();
        let verdict = blocking(move || judge(&policy, &candidate, &champion, model)).await?;
        let summary = verdict.summary();
        let passed = verdict.outcome == Outcome::Pass;
        run.verdict = Some(verdict);
        if passed {
            Ok((RunEvent::Passed, summary))
        } else {
            Err(StepError::Refused { reason: summary, diagnostics: Vec::new() })
        }
    }

    /// An evaluation as it was kept, with the columns that the policy needs, checked against its digests and the artifact it
    /// has to be about; or why it cannot be used.
    async fn read_evaluation(
        &self,
        run: &Run,
        artifact: &Digest,
        who: &str,
        digests: &EvaluationDigests,
        (evaluated, policy): (Option<&Digest>, &Policy),
    ) -> Result<Result<Evaluation, String>, StepError> {
        let EvaluationDigests { report, predictions } = digests;
        let read = async |file: &str, digest: &Digest| {
            self.artifacts.get_document(artifact, &document_name(run.id, who, file), digest).await
        };
        let (report, predictions) =
            (read("report.json", report).await?, read("predictions.parquet", predictions).await?);
        let (evaluated, columns) = (evaluated.cloned(), policy.columns());
        blocking(move || {
            let evaluation = evaluation::read(&report, &predictions, &columns).map_err(|error| error.to_string())?;
            match evaluated {
                Some(expected) if evaluation.report.artifact != expected => {
                    Err(format!("its report is about {}, expected {expected}", evaluation.report.artifact))
                }
                _ => Ok(evaluation),
            }
        })
        .await
    }
}

/// The champion's side of the comparison.
enum Compared {
    None,
    Unusable(String),
    Evaluated(Box<Evaluation>),
}

fn judge(policy: &Policy, candidate: &Evaluation, champion: &Compared, model: String) -> Verdict {
    let champion = match champion {
        Compared::None => Champion::None,
        Compared::Unusable(reason) => Champion::Unusable(reason.clone()),
        Compared::Evaluated(evaluation) => Champion::Evaluated(evaluation),
    };
    let mut evidence = Evidence::new(candidate, champion, Timestamp::now());
    evidence.facts.texts.insert("run.model", model);
    policy.judge(&evidence)
}
