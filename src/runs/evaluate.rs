//! Third step: evaluates candidate and champion on the same rows, so that they can be compared row by row.

use std::collections::BTreeMap;
use std::path::Path;

use slipway_contract::{Baseline, Digest, EvaluationJob, Fault, Job, JobWork, Model, SampleRequest};
use tokio_util::sync::CancellationToken;

use super::Runs;
use super::train::{JobContext, SOURCE, read_output};
use crate::context::{StepError, artifact_of, messages, readable};
use slipway_artifacts::ArtifactError;
use slipway_domain::{DeployedArtifact, EvaluationDigests, EvaluationRecord, Run, RunEvent, RunId};
use slipway_gate::evaluation::{PREDICTIONS_FILE, REPORT_FILE};
use slipway_gate::policy::RequiredEvidence;

/// Names of the weights in the job's folder.
const CANDIDATE: &str = "candidate.safetensors";
const CHAMPION: &str = "champion.safetensors";

/// Name of the file with latencies, beside the candidate's report.
pub(crate) const LATENCIES: &str = "latencies.json";
/// Name of the folder with samples of the data.
pub(crate) const SAMPLES: &str = "samples";

/// Name of the evaluation of a training with another seed.
pub(super) fn seed_name(index: usize) -> String {
    format!("seed-{index}")
}

/// Name of the evaluation of a baseline.
pub(super) fn baseline_folder(name: &str) -> String {
    format!("candidate/{}/{name}", Baseline::FOLDER)
}

/// Name of the weights of a training with another seed, in the job's folder.
fn seed_file(index: usize) -> String {
    format!("{}.safetensors", seed_name(index))
}

/// Name of one document of an evaluation in the artifact store.
pub(super) fn document_name(run: RunId, who: &str, file: &str) -> String {
    format!("evaluations/{run}/{who}/{file}")
}

impl Runs {
    pub(crate) async fn evaluate(
        &self,
        run: &mut Run,
        cancel: &CancellationToken,
    ) -> Result<(RunEvent, String), StepError> {
        let plan = self.read_plan(run).await?;
        let policies = self.read_policies(run, &plan.model).await?;
        let deployed = readable(run, self.promotions.deployed_now(run).await?)?;
        let artifact = artifact_of(run)?;
        if deployed.artifact() == Some(&artifact) {
            run.judgement.champion = Some(artifact);
            // A pull request still shows the verdict that its changed policy would give for this model.
            if run.cause.pull_request.is_none()
                || self.proposed_policy(run, &plan.model, policies.place()).await?.is_none()
            {
                return Ok((RunEvent::NothingToPromote, messages::nothing_to_promote(run)));
            }
        }
        let RequiredEvidence { latencies, leakage, drift, training_runs: _, baselines: _ } =
            policies.required_evidence();
        let columns = self.context.store.test_columns(&run.cause.source, &run.cause.model).await?;
        let samples = SampleRequest { leakage, drift: drift.into_iter().collect(), rows: true, columns };
        let folder = self.context.fresh_folder(run.id, "evaluate").await?;
        let exported = self.export(run, &plan, &folder).await?;
        if plan.model.program().is_some() {
            let place = JobContext { plan: &plan, folder: &folder, exported: &exported, expected: &[], cancel };
            return self.evaluate_program(run, deployed, samples, &place).await;
        }
        match self.fetch_trained(run, &folder).await {
            // The weights were lost after training, so the model is trained again. An artifact from another environment must be
            // exactly the one that was promoted there.
            Err(error) if error.is_lost() && run.origin.is_none() => {
                self.context.store.append_log(run.id, &format!("{error}\nThe model is trained again.")).await?;
                self.train(run, cancel).await?;
                self.fetch_trained(run, &folder).await?;
            }
            fetched => fetched?,
        }
        let artifact = artifact_of(run)?;
        let seeds = (0..run.training.seeds.len()).map(seed_file).collect();
        let (champion, mut unusable) = self.fetch_champion(deployed, &folder).await?;
        let with_champion = champion.is_some() && unusable.is_none();
        let job = Job {
            work: JobWork::Evaluate(EvaluationJob {
                model: plan.model.clone(),
                source: SOURCE.to_owned(),
                candidate: CANDIDATE.to_owned(),
                champion: with_champion.then(|| CHAMPION.to_owned()),
                seeds,
                latencies,
                baselines: false,
                samples: samples.clone(),
            }),
            threads: self.context.settings.threads,
            device: self.context.settings.device,
        };
        let place = JobContext { plan: &plan, folder: &folder, exported: &exported, expected: &[], cancel };
        self.run_job(run, &place, &job).await?;
        let output = folder.join(Job::OUTPUT);
        let candidate = self.keep_evaluation(run.id, &artifact, &output, "candidate").await?;
        let mut compared = None;
        if with_champion {
            match tokio::fs::read(output.join("champion-fault.json")).await {
                Ok(fault) => unusable = Some(messages::champion_fault(serde_json::from_slice::<Fault>(&fault).ok())),
                Err(_) => compared = Some(self.keep_evaluation(run.id, &artifact, &output, "champion").await?),
            }
        }
        let mut seeds = Vec::new();
        for index in 0..run.training.seeds.len() {
            seeds.push(self.keep_evaluation(run.id, &artifact, &output, &seed_name(index)).await?);
        }
        let latencies =
            if latencies { Some(self.keep(run.id, &artifact, &output, ("candidate", LATENCIES)).await?) } else { None };
        let mut kept = BTreeMap::new();
        for file in samples.files() {
            kept.insert(file.to_owned(), self.keep(run.id, &artifact, &output, (SAMPLES, file)).await?);
        }
        let baselines = self.keep_baselines(run.id, &artifact, &output, &plan.model).await?;
        run.judgement.champion = champion;
        run.judgement.evaluation = Some(EvaluationRecord {
            candidate,
            champion: compared,
            champion_unusable: unusable,
            seeds,
            latencies,
            samples: kept,
            baselines,
        });
        Ok((RunEvent::Evaluated, messages::evaluated(run)))
    }

    /// Writes the weights of the candidate and of its other seeds into the job's folder.
    async fn fetch_trained(&self, run: &Run, folder: &Path) -> Result<(), ArtifactError> {
        if let Some(artifact) = &run.training.artifact {
            self.context.artifacts.get_weights(artifact, &folder.join(CANDIDATE)).await?;
        }
        for (index, seed) in run.training.seeds.iter().enumerate() {
            self.context.artifacts.get_weights(&seed.artifact, &folder.join(seed_file(index))).await?;
        }
        Ok(())
    }

    /// Writes the champion's weights into the job's folder. Returns the champion's digest, and the reason if it cannot be used.
    async fn fetch_champion(
        &self,
        deployed: DeployedArtifact,
        folder: &Path,
    ) -> Result<(Option<Digest>, Option<String>), StepError> {
        match deployed {
            DeployedArtifact::Nothing => Ok((None, None)),
            DeployedArtifact::Unclear(reason) => Ok((None, Some(reason))),
            DeployedArtifact::Artifact(digest) => {
                let fetched = self.context.artifacts.get_weights(&digest, &folder.join(CHAMPION)).await;
                match fetched.map_err(|error| (error.retry(), error)) {
                    Ok(()) => Ok((Some(digest), None)),
                    Err((slipway_domain::Retry::Never, error)) => Ok((Some(digest), Some(error.to_string()))),
                    Err((_, error)) => Err(error.into()),
                }
            }
        }
    }

    /// Stores an evaluation folder beside the candidate's weights.
    pub(super) async fn keep_evaluation(
        &self,
        run: RunId,
        artifact: &Digest,
        output: &Path,
        who: &str,
    ) -> Result<EvaluationDigests, StepError> {
        let report = self.keep(run, artifact, output, (who, REPORT_FILE)).await?;
        let predictions = self.keep(run, artifact, output, (who, PREDICTIONS_FILE)).await?;
        Ok(EvaluationDigests { report, predictions })
    }

    /// Stores the evaluation folders of the baselines that could be trained.
    pub(super) async fn keep_baselines(
        &self,
        run: RunId,
        artifact: &Digest,
        output: &Path,
        model: &Model,
    ) -> Result<BTreeMap<String, EvaluationDigests>, StepError> {
        let mut kept = BTreeMap::new();
        for baseline in &model.spec.evaluation.baselines {
            let folder = baseline_folder(baseline.name());
            if output.join(&folder).is_dir() {
                let digests = self.keep_evaluation(run, artifact, output, &folder).await?;
                kept.insert(baseline.name().to_owned(), digests);
            }
        }
        Ok(kept)
    }

    /// Stores one file that the trainer wrote into a folder of its output.
    pub(super) async fn keep(
        &self,
        run: RunId,
        artifact: &Digest,
        output: &Path,
        (folder, file): (&str, &str),
    ) -> Result<Digest, StepError> {
        let content = read_output(&output.join(folder).join(file)).await?;
        Ok(self.context.artifacts.put_document(artifact, &document_name(run, folder, file), content).await?)
    }
}
