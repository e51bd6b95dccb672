//! Models that are trained by a program of their repository: whether it may run, its training, and its evaluation.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use slipway_contract::{
    API_VERSION, Digest, Fault, Job, JobWork, Model, ProgramReport, Progress, SampleRequest, ScoredArtifact,
    ScoringJob, StoredPredictions, TrainingJob,
};

use super::Runs;
use super::evaluate::{document_name, seed_name};
use super::job_log::MAX_UNWRITTEN;
use super::plan::{Plan, refused};
use super::train::{CARD, JobContext, SOURCE, read_output};
use crate::context::{PullRequestPolicy, StepError, artifact_of, messages, retry_transient};
use crate::repository::locate;
use slipway_domain::{DeployedArtifact, Document, EvaluationDigests, EvaluationRecord, Retry, Run, RunEvent};
use slipway_executor::{Commands, ProgramError, ProgramJob, ProgramTask, Provenance};
use slipway_gate::evaluation::{PREDICTIONS_FILE, REPORT_FILE};
use slipway_store::Trained;

/// The test rows without their labels, in the folder of a step.
const TEST_ROWS: &str = "test.csv";

impl Runs {
    /// Refuses a model with a command that may not run: the settings do not allow commands for its source, or nobody has approved
    /// the revision of a fork.
    pub(super) fn check_commands(&self, run: &Run, plan: &Plan) -> Result<(), StepError> {
        if plan.model.program().is_none() {
            return Ok(());
        }
        let fault = |message: String, help: &str| {
            let fault = Fault::new(slipway_contract::FaultKind::Specification, message);
            let fault = fault.key("spec.training.command").help(help);
            refused(vec![locate(&run.cause.file, &plan.text, &fault)])
        };
        if self.context.source(run)?.commands.is_none() {
            let message = format!("the server's settings do not allow commands for the source `{}`", run.cause.source);
            let help = "ask the platform's owner to set `commands: {allowed: true}` in this source's settings, or let \
                        Slipway train the model";
            return Err(fault(message, help));
        }
        if self.is_unapproved_fork(run)? {
            let message = "the revision is from a fork, and nobody has approved that its command runs";
            let help = "set `pull_requests: after_approval` for this source: then a person who may push approves each \
                        revision";
            return Err(fault(message.to_owned(), help));
        }
        Ok(())
    }

    /// Whether the run judges the revision of a fork that needed no approval. With `after_approval`, the approval of exactly this
    /// revision created the run.
    fn is_unapproved_fork(&self, run: &Run) -> Result<bool, StepError> {
        let is_fork = run.cause.pull_request.as_ref().is_some_and(|pull_request| pull_request.fork);
        Ok(is_fork && self.context.source(run)?.pull_requests != PullRequestPolicy::AfterApproval)
    }

    /// What the programs of a run's source may do. Settings may have changed since the run was planned.
    pub(super) fn commands_of(&self, run: &Run) -> Result<&Commands, StepError> {
        let allowed =
            self.context.source(run)?.commands.as_ref().filter(|_| !matches!(self.is_unapproved_fork(run), Ok(true)));
        allowed.ok_or_else(|| StepError::Refused {
            reason: format!(
                "the server's settings do not allow this command of the source `{}` any more",
                run.cause.source
            ),
            diagnostics: Vec::new(),
        })
    }

    /// Trains a model by its program, and stores and records the result.
    pub(super) async fn train_program(
        &self,
        run: &Run,
        model: &Model,
        key: &Digest,
        place: &JobContext<'_>,
    ) -> Result<Trained, StepError> {
        let commands = self.commands_of(run)?;
        let resolved = self.prepare(run, model, place).await?;
        let begun = Instant::now();
        let (job_folder, source) = (fresh(place.folder, "program").await?, place.folder.join(SOURCE));
        let test_rows = place.folder.join(TEST_ROWS);
        let job = ProgramJob {
            model,
            task: ProgramTask::Train,
            folder: &job_folder,
            source: &source,
            test_rows: &test_rows,
            threads: self.context.settings.threads,
            commands,
        };
        self.run_program(run, &job, place).await??;
        let seconds = begun.elapsed().as_secs_f64();
        let (file, artifacts) = (job.model_output(), &self.context.artifacts);
        let failed = |error| StepError::local("the model of the program cannot be read", error);
        let artifact_bytes = tokio::fs::metadata(&file).await.map_err(failed)?.len();
        let artifact = retry_transient(place.cancel, || artifacts.put_program_model(&file)).await?;
        let prefix = format!("training/{}-{}", run.id, model.spec.training.seed);
        let predictions = match job.predictions_output() {
            None => None,
            Some(file) => {
                let content = read_output(&file).await?;
                let name = format!("{prefix}-predictions.csv");
                let put = || artifacts.put_document(&artifact, &name, content.clone());
                Some(StoredPredictions { digest: retry_transient(place.cancel, put).await?, name: name.clone() })
            }
        };
        let command = model.program().unwrap_or_default().to_vec();
        let report = ProgramReport {
            api_version: API_VERSION.to_owned(),
            kind: ProgramReport::KIND.to_owned(),
            artifact: artifact.clone(),
            artifact_bytes,
            command,
            seed: model.spec.training.seed,
            predictions,
            seconds,
        };
        let card = json!({
            "apiVersion": API_VERSION, "kind": "ProgramCard", "name": model.metadata.name, "artifact": artifact,
            "task": model.spec.task, "training": model.spec.training,
        });
        let report = serde_json::to_vec_pretty(&report).expect("a report holds only texts and numbers");
        let card = serde_json::to_vec_pretty(&card).expect("a card holds only texts and numbers");
        for (name, document) in [(CARD, card), (Job::RESOLVED, resolved)] {
            retry_transient(place.cancel, || artifacts.put_document(&artifact, name, document.clone())).await?;
        }
        self.store_manifest(&artifact, place.exported, place.cancel).await?;
        let name = format!("{prefix}.json");
        let digest = retry_transient(place.cancel, || artifacts.put_document(&artifact, &name, report.clone())).await?;
        let trained = Trained { run: run.id, artifact, report: Document { name, digest } };
        retry_transient(place.cancel, || self.context.store.record_trained(key, &trained)).await?;
        Ok(trained)
    }

    /// Checks the data, and writes the test rows without their labels into the folder of the step. Returns the resolved model.
    async fn prepare(&self, run: &Run, model: &Model, place: &JobContext<'_>) -> Result<Vec<u8>, StepError> {
        let expects = place.expected.iter().map(|expected| expected.expectation.clone()).collect();
        let work = JobWork::Prepare(TrainingJob { model: model.clone(), source: SOURCE.to_owned(), expects });
        self.run_job(run, place, &self.job(work)).await?;
        let output = place.folder.join(Job::OUTPUT);
        let moved = tokio::fs::rename(output.join(Job::TEST_ROWS), place.folder.join(TEST_ROWS)).await;
        moved.map_err(|error| StepError::local("the test rows cannot be moved", error))?;
        read_output(&output.join(Job::RESOLVED)).await
    }

    fn job(&self, work: JobWork) -> Job {
        Job { work, threads: self.context.settings.threads, device: self.context.settings.device }
    }

    /// Runs a program. Its output goes into the run's log as it arrives.
    async fn run_program(
        &self,
        run: &Run,
        job: &ProgramJob<'_>,
        place: &JobContext<'_>,
    ) -> Result<Result<(), ProgramError>, StepError> {
        let (lines, said) = tokio::sync::mpsc::channel(MAX_UNWRITTEN);
        let mut sink = move |progress: Progress| {
            if !matches!(progress, Progress::Step { .. }) {
                let _ = lines.try_send(progress.to_line());
            }
        };
        let from_fork = run.cause.pull_request.as_ref().is_some_and(|pull_request| pull_request.fork);
        let provenance = if from_fork { Provenance::Fork } else { Provenance::Repository };
        let work = async {
            let ended = self.executor.run_program(job, provenance, &mut sink, place.cancel).await;
            drop(sink); // ends the log below
            ended
        };
        let (ended, ()) = tokio::join!(work, self.write_log(run.id, said));
        Ok(ended)
    }

    /// Evaluates candidate and champion of a model that a program trains.
    pub(super) async fn evaluate_program(
        &self,
        run: &mut Run,
        deployed: DeployedArtifact,
        samples: SampleRequest,
        place: &JobContext<'_>,
    ) -> Result<(RunEvent, String), StepError> {
        let model = &place.plan.model;
        if model.spec.evaluation.command.is_some() {
            self.prepare(run, model, place).await?;
        }
        let candidate = artifact_of(run)?;
        let training = run.training.report.clone();
        let mut artifacts = vec![self.scored(run, "candidate", &candidate, training.as_ref(), place).await??];
        for (index, seed) in run.training.seeds.iter().enumerate() {
            let trained = self.context.store.trained(&seed.cache_key).await?.map(|trained| trained.report);
            let name = seed_name(index);
            artifacts.push(self.scored(run, &name, &seed.artifact, trained.as_ref(), place).await??);
        }
        let (champion, mut unusable) = match deployed {
            DeployedArtifact::Nothing => (None, None),
            DeployedArtifact::Unclear(reason) => (None, Some(reason)),
            DeployedArtifact::Artifact(digest) => (Some(digest), None),
        };
        let has_command = model.spec.evaluation.command.is_some();
        if let Some(champion) = champion.as_ref().filter(|_| has_command) {
            match self.scored(run, "champion", champion, None, place).await? {
                Ok(scored) => artifacts.push(scored),
                Err(error) => unusable = Some(format!("its model cannot be evaluated: {error}")),
            }
        }
        let work = ScoringJob { model: model.clone(), source: SOURCE.to_owned(), artifacts, samples: samples.clone() };
        self.run_job(run, place, &self.job(JobWork::Score(work))).await?;
        let output = place.folder.join(Job::OUTPUT);
        let evaluated = self.keep_evaluation(run.id, &candidate, &output, "candidate").await?;
        let mut compared = None;
        if let Some(champion) = champion.as_ref().filter(|_| unusable.is_none()) {
            if has_command {
                match tokio::fs::read(output.join("champion-fault.json")).await {
                    Ok(fault) => unusable = Some(messages::champion_fault(serde_json::from_slice(&fault).ok())),
                    Err(_) => compared = Some(self.keep_evaluation(run.id, &candidate, &output, "champion").await?),
                }
            } else {
                match self.stored_evaluation(run, champion, &output).await? {
                    Ok(digests) => compared = Some(digests),
                    Err(reason) => unusable = Some(reason),
                }
            }
        }
        let mut seeds = Vec::new();
        for index in 0..run.training.seeds.len() {
            seeds.push(self.keep_evaluation(run.id, &candidate, &output, &seed_name(index)).await?);
        }
        let mut kept = std::collections::BTreeMap::new();
        for file in samples.files() {
            let digest = self.keep(run.id, &candidate, &output, (super::evaluate::SAMPLES, file)).await?;
            kept.insert(file.to_owned(), digest);
        }
        let baselines = self.keep_baselines(run.id, &candidate, &output, model).await?;
        run.judgement.champion = champion;
        run.judgement.evaluation = Some(EvaluationRecord {
            candidate: evaluated,
            champion: compared,
            champion_unusable: unusable,
            seeds,
            // Only Slipway's own trainer times predictions.
            latencies: None,
            samples: kept,
            baselines,
        });
        Ok((RunEvent::Evaluated, messages::evaluated(run)))
    }

    /// The predictions of an artifact on the test rows: of the evaluation command, or else those that its training made. The inner
    /// error belongs to this artifact alone.
    async fn scored(
        &self,
        run: &Run,
        name: &str,
        artifact: &Digest,
        training: Option<&Document>,
        place: &JobContext<'_>,
    ) -> Result<Result<ScoredArtifact, StepError>, StepError> {
        let file = format!("{name}.csv");
        let scored = ScoredArtifact { name: name.to_owned(), artifact: artifact.clone(), predictions: file.clone() };
        let model = &place.plan.model;
        if model.spec.evaluation.command.is_some() {
            let weights = place.folder.join(format!("{name}.model"));
            match self.context.artifacts.get_weights(artifact, &weights).await {
                Err(error) if error.retry() == Retry::Never => return Ok(Err(error.into())),
                fetched => fetched?,
            }
            let job_folder = fresh(place.folder, &format!("{name}-program")).await?;
            let (source, test_rows) = (place.folder.join(SOURCE), place.folder.join(TEST_ROWS));
            let job = ProgramJob {
                model,
                task: ProgramTask::Evaluate(&weights),
                folder: &job_folder,
                source: &source,
                test_rows: &test_rows,
                threads: self.context.settings.threads,
                commands: self.commands_of(run)?,
            };
            return match self.run_program(run, &job, place).await? {
                Err(
                    error @ (ProgramError::Cancelled | ProgramError::NotStarted { .. } | ProgramError::Refused { .. }),
                ) => Err(error.into()),
                Err(error) => Ok(Err(error.into())),
                Ok(()) => {
                    let made = job.predictions_output().unwrap_or_default();
                    let moved = tokio::fs::rename(made, place.folder.join(&file)).await;
                    moved.map_err(|error| StepError::local("the predictions cannot be moved", error))?;
                    Ok(Ok(scored))
                }
            };
        }
        let missing = || StepError::Failed {
            reason: format!(
                "the predictions of the artifact {} are not stored; train the model again",
                artifact.short()
            ),
        };
        let Some(training) = training else { return Ok(Err(missing())) };
        let artifacts = &self.context.artifacts;
        let report = artifacts.get_document(artifact, &training.name, &training.digest).await?;
        let report = serde_json::from_slice::<ProgramReport>(&report).ok();
        let Some(StoredPredictions { name, digest }) = report.and_then(|report| report.predictions) else {
            return Ok(Err(missing()));
        };
        let content = artifacts.get_document(artifact, &name, &digest).await?;
        let written = tokio::fs::write(place.folder.join(&file), content).await;
        written.map_err(|error| StepError::local("the predictions cannot be written", error))?;
        Ok(Ok(scored))
    }

    /// The evaluation of the champion from its own run, stored again beside the candidate; or the reason why it cannot be compared.
    /// It must be on the test rows of the candidate's evaluation in `output`.
    async fn stored_evaluation(
        &self,
        run: &Run,
        champion: &Digest,
        output: &Path,
    ) -> Result<Result<EvaluationDigests, String>, StepError> {
        let remedy = "add `evaluation: {command: […]}`, which predicts the test rows with the model of either";
        let none = |why: &str| Ok(Err(format!("its predictions on these test rows are not known: {why}; {remedy}")));
        let artifacts = &self.context.artifacts;
        let Some(trained) = self.context.store.training_of(champion).await? else {
            return none("its training is not recorded");
        };
        let maker = self.context.store.run(trained.run).await.ok();
        let Some((maker, record)) =
            maker.and_then(|maker| maker.judgement.evaluation.clone().map(|record| (maker, record)))
        else {
            return none("its run is not stored any more");
        };
        let EvaluationDigests { report, predictions } = record.candidate;
        let mut contents = Vec::new();
        for (file, digest) in [(REPORT_FILE, &report), (PREDICTIONS_FILE, &predictions)] {
            let read = artifacts.get_document(champion, &document_name(maker.id, "candidate", file), digest).await;
            match read {
                Ok(content) => contents.push((file, content)),
                Err(error) if error.is_lost() => return none("they are not in the artifact store any more"),
                Err(error) => return Err(error.into()),
            }
        }
        let own = read_output(&output.join("candidate").join(REPORT_FILE)).await?;
        if data_of(&own) != data_of(&contents[0].1) {
            return none("they are on other test rows");
        }
        let candidate = artifact_of(run)?;
        for (file, content) in contents {
            artifacts.put_document(&candidate, &document_name(run.id, "champion", file), content).await?;
        }
        Ok(Ok(EvaluationDigests { report, predictions }))
    }
}

/// The digest of the test data in an evaluation report.
fn data_of(report: &[u8]) -> Option<String> {
    let report: serde_json::Value = serde_json::from_slice(report).ok()?;
    report["data"].as_str().map(str::to_owned)
}

/// An empty folder below a step's folder.
async fn fresh(folder: &Path, name: &str) -> Result<PathBuf, StepError> {
    let path = folder.join(name);
    let _ = tokio::fs::remove_dir_all(&path).await;
    let made = tokio::fs::create_dir_all(&path).await;
    made.map_err(|error| StepError::local("the folder of a program cannot be created", error))?;
    Ok(path)
}
