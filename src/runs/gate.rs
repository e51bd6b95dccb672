//! Fourth step: the policies judge the results of training and evaluation.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use slipway_contract::{Digest, ProgramReport, TrainingReport};

use super::Runs;
use super::evaluate::{LATENCIES, SAMPLES, baseline_folder, document_name, seed_name};
use super::policies::Policies;
use super::test_set::TestSetAllowance;
use crate::context::{Context, StepError, artifact_of, blocking, messages};
use slipway_domain::{
    Actor, EvaluationDigests, EvaluationRecord, Feedback, Outcome, Run, RunCause, RunEvent, TrainingCost, Verdict,
};
use slipway_gate::evaluation::{self, Evaluation, PREDICTIONS_FILE, PredictionsFile, REPORT_FILE, Samples};
use slipway_gate::policy::{Champion, Data, Evidence, Facts};
use slipway_store::NewAuditEntry;

impl Runs {
    pub(crate) async fn gate(&self, run: &mut Run) -> Result<(RunEvent, String), StepError> {
        let artifact = artifact_of(run)?;
        let record = run.judgement.evaluation.clone().ok_or_else(|| StepError::Failed {
            reason: "the run has no evaluation: report this defect of Slipway".to_owned(),
        })?;
        let plan = self.read_plan(run).await?;
        let policies = self.read_policies(run, &plan.model).await?;
        let proposal = self.proposed_policy(run, &plan.model, policies.place()).await?;
        let kept = StoredEvidence { context: &self.context, run, artifact: &artifact, policies: &policies };
        let candidate = kept.candidate(&record).await?;
        let champion = kept.champion(&record).await?;
        let seeds = kept.seeds(&record).await?;
        let baselines = kept.baselines(&record).await?;
        let counted = self.count_use(run, &record, &policies, &candidate).await?;
        let (facts, cost) = kept.facts(&record).await?;
        let data = kept.data(&record).await?;
        let (verdict, proposed, counted) = blocking(move || {
            let units = policies.units(&candidate);
            let units: Vec<_> = units.iter().filter_map(|column| candidate.attributes.get(column)).collect();
            let TestSetAllowance { uses, fresh } = counted.allowance(&units);
            let is_withheld = uses.this_use.feedback == Feedback::Verdict;
            let (candidate, champion, seeds, baselines) = match &fresh {
                None => (candidate, champion, seeds, baselines),
                Some(rows) => {
                    let champion = champion.only(&candidate, rows);
                    let seeds = seeds.into_iter().map(|seed| same_of(&candidate, rows, seed));
                    let baselines = baselines.into_iter().map(|(name, of)| (name, same_of(&candidate, rows, of)));
                    let (seeds, baselines) = (seeds.collect::<Vec<_>>(), baselines.collect::<Vec<_>>());
                    (candidate.only(rows), champion, seeds, baselines)
                }
            };
            let champion = match &champion {
                Compared::None => Champion::None,
                Compared::Unusable(reason) => Champion::Unusable(reason.clone()),
                Compared::Evaluated(evaluation) => Champion::Evaluated(evaluation),
            };
            let evidence = Evidence {
                seeds: &seeds,
                baselines: &baselines,
                facts,
                data,
                uses: Some(uses),
                ..Evidence::new(&candidate, champion, Timestamp::now())
            };
            let proposed = proposal.map(|proposal| {
                // The verdict of another policy on the same rows is another answer of the test set, which is not counted.
                if is_withheld {
                    return proposal.withheld();
                }
                let says = proposal.policy().and_then(|policy| policies.instead(policy, &evidence));
                proposal.with_prospect(says)
            });
            (policies.judge(&evidence), proposed, counted)
        })
        .await?;
        self.record_use_outcome(run, &counted, &verdict).await?;
        if run.judgement.champion.as_ref() == Some(&artifact) {
            (run.training.cost, run.judgement.proposed_policy) = (cost, proposed);
            return Ok((RunEvent::NothingToPromote, messages::nothing_to_promote(run)));
        }
        self.write_down_exceptions(run, &verdict).await?;
        let summary = verdict.for_authors().summary();
        // A candidate that the policy leaves to a person is blocked until a person approves it.
        let passed = matches!(verdict.outcome, Outcome::Pass | Outcome::NeedsApproval);
        run.judgement.verdict = Some(verdict);
        run.training.cost = cost;
        run.judgement.proposed_policy = proposed;
        if passed {
            Ok((RunEvent::Passed, summary))
        } else {
            Err(StepError::Refused { reason: summary, diagnostics: Vec::new() })
        }
    }

    /// Records each use of an exception in the audit log before anything follows from it. A repeated step records it again.
    async fn write_down_exceptions(&self, run: &Run, verdict: &Verdict) -> Result<(), StepError> {
        for check in &verdict.checks {
            let Some(exception) = &check.exception else { continue };
            let entry = NewAuditEntry {
                actor: Actor::controller(),
                action: "gate.exception".to_owned(),
                target: run.id.to_string(),
                detail: format!("{}: {}", run.cause.model, messages::excepted(check, exception)),
            };
            self.context.store.audit(&entry).await?;
        }
        Ok(())
    }
}

/// The champion's side of the comparison.
enum Compared {
    None,
    Unusable(String),
    Evaluated(Box<Evaluation>),
}

impl Compared {
    /// The comparison on some of the candidate's rows.
    fn only(self, candidate: &Evaluation, rows: &[u32]) -> Self {
        match self {
            Self::Evaluated(evaluation) => Self::Evaluated(Box::new(same_of(candidate, rows, *evaluation))),
            other => other,
        }
    }
}

/// The evaluation of another model on some of the candidate's rows. If it was evaluated on other rows, it stays whole: then it
/// has more rows, and is refused as before.
fn same_of(candidate: &Evaluation, rows: &[u32], other: Evaluation) -> Evaluation {
    other.only_as(candidate, rows).unwrap_or(other)
}

/// The stored documents of a run beside its artifact. Each is read under the digest that the run recorded, or not at all.
struct StoredEvidence<'run> {
    context: &'run Context,
    run: &'run Run,
    artifact: &'run Digest,
    policies: &'run Policies,
}

impl StoredEvidence<'_> {
    async fn candidate(&self, record: &EvaluationRecord) -> Result<Evaluation, StepError> {
        self.evaluation("candidate", &record.candidate, Some(self.artifact))
            .await?
            .map_err(broken("the candidate's evaluation"))
    }

    async fn champion(&self, record: &EvaluationRecord) -> Result<Compared, StepError> {
        let EvaluationRecord { champion, champion_unusable, .. } = record;
        Ok(match (champion, champion_unusable) {
            (_, Some(reason)) => Compared::Unusable(reason.clone()),
            (None, None) => Compared::None,
            (Some(digests), None) => {
                match self.evaluation("champion", digests, self.run.judgement.champion.as_ref()).await? {
                    Ok(evaluation) => Compared::Evaluated(Box::new(evaluation)),
                    Err(reason) => Compared::Unusable(reason),
                }
            }
        })
    }

    /// The evaluations of trainings with other seeds.
    async fn seeds(&self, record: &EvaluationRecord) -> Result<Vec<Evaluation>, StepError> {
        let mut seeds = Vec::new();
        for (index, (digests, seed)) in record.seeds.iter().zip(&self.run.training.seeds).enumerate() {
            let evaluation = self.evaluation(&seed_name(index), digests, Some(&seed.artifact)).await?;
            seeds.push(evaluation.map_err(broken(&format!("the evaluation with seed {}", seed.seed)))?);
        }
        Ok(seeds)
    }

    /// The evaluations of the baselines that the policies need, by their names. One that could not be trained is missing.
    async fn baselines(&self, record: &EvaluationRecord) -> Result<Vec<(String, Evaluation)>, StepError> {
        let needed = self.policies.required_evidence().baselines;
        let mut baselines = Vec::new();
        for (name, digests) in record.baselines.iter().filter(|(name, _)| needed.contains(*name)) {
            let evaluation = self.evaluation(&baseline_folder(name), digests, None).await?;
            baselines.push((name.clone(), evaluation.map_err(broken(&format!("the baseline `{name}`")))?));
        }
        Ok(baselines)
    }

    /// A stored evaluation with the columns that the policies need, checked against its digests and its artifact; or the reason
    /// why it cannot be used.
    async fn evaluation(
        &self,
        who: &str,
        digests: &EvaluationDigests,
        evaluated: Option<&Digest>,
    ) -> Result<Result<Evaluation, String>, StepError> {
        let EvaluationDigests { report, predictions } = digests;
        let report = self.document(who, REPORT_FILE, report).await?;
        let predictions = self.document(who, PREDICTIONS_FILE, predictions).await?;
        let (evaluated, columns) = (evaluated.cloned(), self.policies.columns());
        blocking(move || {
            let predictions = PredictionsFile::Parquet(&predictions);
            let evaluation = evaluation::read(&report, predictions, &columns).map_err(|error| error.to_string())?;
            match evaluated {
                Some(expected) if evaluation.report.artifact != expected => {
                    Err(format!("the report is for the artifact {}, expected {expected}", evaluation.report.artifact))
                }
                _ => Ok(evaluation),
            }
        })
        .await
    }

    /// Facts about artifact, run and environment, and the cost of the artifact.
    async fn facts(&self, record: &EvaluationRecord) -> Result<(Facts, Option<TrainingCost>), StepError> {
        let (mut facts, mut cost) = (Facts::default(), None);
        let RunCause { model, branch, environment, .. } = &self.run.cause;
        facts.texts.insert("run.model", model.clone());
        facts.texts.insert("run.branch", branch.clone());
        facts.texts.insert("environment.name", environment.to_string());
        if let Some(training) = &self.run.training.report {
            let bytes = self.context.artifacts.get_document(self.artifact, &training.name, &training.digest).await?;
            if let Ok(report) = serde_json::from_slice::<ProgramReport>(&bytes) {
                self.check_artifact(&report.artifact)?;
                facts.add_program(&report);
                return Ok((facts, None));
            }
            let report: TrainingReport = parsed(&bytes, "the training report")?;
            self.check_artifact(&report.artifact)?;
            facts.add_training(&report);
            let TrainingReport { seconds, device, parameters, artifact_bytes: bytes, .. } = report;
            cost = Some(TrainingCost { seconds, device, parameters, bytes });
        }
        if let Some(latencies) = &record.latencies {
            let bytes = self.document("candidate", LATENCIES, latencies).await?;
            facts.add_latencies(parsed(&bytes, "the latencies of predictions")?);
        }
        Ok((facts, cost))
    }

    /// Checks that a training report belongs to the artifact.
    fn check_artifact(&self, reported: &Digest) -> Result<(), StepError> {
        if reported == self.artifact {
            return Ok(());
        }
        let reason = format!("the report is for the artifact {reported}, expected {}", self.artifact);
        Err(broken("the training report")(reason))
    }

    /// The samples of the data that were requested.
    async fn data(&self, record: &EvaluationRecord) -> Result<Data, StepError> {
        let read = async |file: &str| -> Result<Option<Samples>, StepError> {
            let Some(digest) = record.samples.get(file) else { return Ok(None) };
            let bytes = self.document(SAMPLES, file, digest).await?;
            let samples = blocking(move || evaluation::read_samples(&bytes)).await?;
            samples.map(Some).map_err(|error| broken(&format!("the sample `{file}`"))(error.to_string()))
        };
        Ok(Data {
            training: read("training.parquet").await?,
            test: read("test.parquet").await?,
            recent: read("recent.parquet").await?,
        })
    }

    async fn document(&self, folder: &str, file: &str, digest: &Digest) -> Result<Vec<u8>, StepError> {
        let name = document_name(self.run.id, folder, file);
        Ok(self.context.artifacts.get_document(self.artifact, &name, digest).await?)
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, StepError> {
    serde_json::from_slice(bytes).map_err(|error| broken(what)(error.to_string()))
}

/// Evidence that exists but is unreadable is a failure, never a pass.
fn broken(what: &str) -> impl FnOnce(String) -> StepError + use<> {
    let what = what.to_owned();
    move |reason| StepError::Failed { reason: format!("{what}: {reason}") }
}
