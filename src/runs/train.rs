//! Second step: the trainer receives a folder with the model's files, and the weights go to the artifact store.

use std::collections::BTreeMap;
use std::path::Path;

use slipway_contract::{
    Digest, ExportReport, Fault, FaultKind, Job, JobWork, Model, OnnxExport, ProgramReport, Progress, RESULTS_REVISION,
    SelectionReport, TrainingJob,
};
use tokio_util::sync::CancellationToken;

use super::data::Exported;
use super::job_log::MAX_UNWRITTEN;
use super::plan::{Plan, refused};
use super::warnings::read_warnings;
use super::{Runs, explain};
use crate::context::{StepError, blocking, messages, retry_transient};
use crate::repository::source;
use slipway_domain::{Document, Retry, Run, RunEvent};
use slipway_executor::{JobError, Provenance};
use slipway_gate::policy::Expected;
use slipway_git::ExportLimits;
use slipway_store::Trained;

/// Name of the folder that holds the model's files in a job's folder.
pub(crate) const SOURCE: &str = "source";
/// Names of the card of the weights and the report of training in a job's output.
pub(super) const CARD: &str = "card.json";
const REPORT: &str = "training.json";
/// Limits for one model's files.
const EXPORT: ExportLimits = ExportLimits { files: 200_000, bytes: 20 << 30 };

/// The context of the trainings of one run.
pub(super) struct JobContext<'step> {
    pub(crate) plan: &'step Plan,
    /// The job's folder.
    pub(crate) folder: &'step Path,
    /// The model's files in it.
    pub(crate) exported: &'step Exported,
    /// The expectations of the policies about the rows.
    pub(crate) expected: &'step [Expected],
    pub(crate) cancel: &'step CancellationToken,
}

/// The cache key: the digest of everything that decides the result of training.
pub(super) fn cache_key_of(parts: &BTreeMap<String, String>) -> Digest {
    Digest::of(&serde_json::to_vec(parts).expect("a key holds only texts"))
}

impl Runs {
    pub(crate) async fn train(
        &self,
        run: &mut Run,
        cancel: &CancellationToken,
    ) -> Result<(RunEvent, String), StepError> {
        if let (Some(_), Some(artifact)) = (&run.origin, run.training.artifact.clone()) {
            return self.reuse_training(run, &artifact, cancel).await;
        }
        let plan = self.read_plan(run).await?;
        let policies = self.read_policies(run, &plan.model).await?;
        let (required_evidence, expected) =
            (policies.required_evidence(), policies.expected(run, plan.model.metadata.name.as_str()));
        let folder = self.context.fresh_folder(run.id, "train").await?;
        let exported = self.export(run, &plan, &folder).await?;
        let place = JobContext { plan: &plan, folder: &folder, exported: &exported, expected: &expected, cancel };
        run.training.cache_key_parts = self.cache_key_parts(run, &exported, &plan.model)?;
        let key = cache_key_of(&run.training.cache_key_parts);
        run.training.cache_key = Some(key.clone());
        let (trained, cause) = match self.trained_earlier(&key, &folder).await? {
            Some(trained) if trained.run != run.id => {
                let reused = messages::reused(trained.run, &key);
                run.training.reused_from = Some(trained.run);
                run.training.reuse = Some(reused.clone());
                run.training.warnings = self.reused_warnings(run).await;
                (trained, reused)
            }
            // Weights that this run itself made before an interruption are not a reuse.
            own => {
                let earlier = self.context.store.earlier_with_key(run).await?;
                run.training.reuse = Some(explain::trained_anew(run, earlier.as_ref()));
                let trained = if let Some(own) = own {
                    own
                } else {
                    let trained = self.train_one(run, &plan.model, &key, &place).await?;
                    run.training.warnings = read_warnings(run, &place).await;
                    trained
                };
                let cause = messages::trained(&trained.artifact);
                (trained, cause)
            }
        };
        run.training.seeds = self.train_seeds(run, required_evidence.training_runs, &[], &place).await?;
        self.context.store.record_seeds(&trained.artifact, &run.training.seeds).await?;
        run.training.artifact = Some(trained.artifact);
        run.training.report = Some(trained.report);
        Ok((RunEvent::Trained, messages::with_seeds(cause, run.training.seeds.len())))
    }

    /// The result of an earlier training with the same key, if its weights and its report are still available and undamaged. A
    /// training with lost files counts as none. A temporary failure of the store is an error, after which the step is retried.
    pub(super) async fn trained_earlier(&self, key: &Digest, folder: &Path) -> Result<Option<Trained>, StepError> {
        let Some(trained) = self.context.store.trained(key).await? else { return Ok(None) };
        let Trained { artifact, report, .. } = &trained;
        let read = async {
            self.context.artifacts.get_weights(artifact, &folder.join("earlier.safetensors")).await?;
            let report = self.context.artifacts.get_document(artifact, &report.name, &report.digest).await?;
            // The predictions of a program are its only evaluation.
            let report = serde_json::from_slice::<ProgramReport>(&report).ok();
            match report.and_then(|report| report.predictions) {
                Some(stored) => {
                    self.context.artifacts.get_document(artifact, &stored.name, &stored.digest).await.map(drop)
                }
                None => Ok(()),
            }
        };
        match read.await {
            Ok(()) => {
                self.context.store.use_trained(key).await?;
                Ok(Some(trained))
            }
            Err(error) if error.is_lost() => {
                tracing::warn!(%artifact, "the stored weights are lost, so the model is trained again: {error}");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Trains a model, and stores and records the result, so that a repeated step finds it.
    pub(super) async fn train_one(
        &self,
        run: &Run,
        model: &Model,
        key: &Digest,
        place: &JobContext<'_>,
    ) -> Result<Trained, StepError> {
        if model.program().is_some() {
            return self.train_program(run, model, key, place).await;
        }
        let expects = place.expected.iter().map(|expected| expected.expectation.clone()).collect();
        let job = Job {
            work: JobWork::Train(TrainingJob { model: model.clone(), source: SOURCE.to_owned(), expects }),
            threads: self.context.settings.threads,
            device: self.context.settings.device,
        };
        self.run_job(run, place, &job).await?;
        let output = place.folder.join(Job::OUTPUT);
        let (card, report) = (read_output(&output.join(CARD)).await?, read_output(&output.join(REPORT)).await?);
        let resolved = read_output(&output.join(Job::RESOLVED)).await?;
        let (weights, artifacts) = (output.join(Job::WEIGHTS), &self.context.artifacts);
        let artifact = retry_transient(place.cancel, || artifacts.put_weights(&weights)).await?;
        for (name, document) in [(CARD, card), (Job::RESOLVED, resolved)] {
            retry_transient(place.cancel, || artifacts.put_document(&artifact, name, document.clone())).await?;
        }
        if model.spec.selection.is_some() {
            let selection = read_output(&output.join(SelectionReport::FILE)).await?;
            let name = format!("training/{}-{}-{}", run.id, model.spec.training.seed, SelectionReport::FILE);
            retry_transient(place.cancel, || artifacts.put_document(&artifact, &name, selection.clone())).await?;
        }
        self.store_exported(&artifact, &output, place).await?;
        // Several trainings may produce equal weights, each with its own report.
        self.store_manifest(&artifact, place.exported, place.cancel).await?;
        let name = format!("training/{}-{}.json", run.id, model.spec.training.seed);
        let digest = retry_transient(place.cancel, || artifacts.put_document(&artifact, &name, report.clone())).await?;
        let trained = Trained { run: run.id, artifact, report: Document { name, digest } };
        retry_transient(place.cancel, || self.context.store.record_trained(key, &trained)).await?;
        Ok(trained)
    }

    /// Stores the forms of an artifact for other programs, beside its weights. The graph was left out if the report says so.
    async fn store_exported(&self, artifact: &Digest, output: &Path, place: &JobContext<'_>) -> Result<(), StepError> {
        let artifacts = &self.context.artifacts;
        let report = read_output(&output.join(Job::EXPORT)).await?;
        let unreadable = |problem: String| StepError::Failed {
            reason: format!("the trainer reported success, but `{}` {problem}", Job::EXPORT),
        };
        let export: ExportReport =
            serde_json::from_slice(&report).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
        let mut documents = vec![(Job::SIGNATURE, read_output(&output.join(Job::SIGNATURE)).await?)];
        if let OnnxExport::Written { digest, .. } = &export.onnx {
            let graph = read_output(&output.join(Job::ONNX)).await?;
            if Digest::of(&graph) != *digest {
                return Err(unreadable(format!("has another digest than `{}`", Job::ONNX)));
            }
            documents.push((Job::ONNX, graph));
        }
        documents.push((Job::EXPORT, report));
        for (name, document) in documents {
            retry_transient(place.cancel, || artifacts.put_document(artifact, name, document.clone())).await?;
        }
        Ok(())
    }

    /// Writes the model's files of the run's revision into the job's folder, also those from outside of git.
    pub(crate) async fn export(&self, run: &Run, plan: &Plan, folder: &Path) -> Result<Exported, StepError> {
        let mirror = self.context.source(run)?.mirror.clone();
        let (head, files, into) = (run.cause.head.clone(), plan.files.clone(), folder.join(SOURCE));
        let exported = blocking(move || {
            mirror.export(
                &head,
                files.folder().trim_end_matches('/'),
                &|path| files.contain_relative(path),
                &into,
                EXPORT,
            )
        })
        .await?;
        let tree = exported.map_err(|error| match error.retry() {
            Retry::Never => refused(vec![slipway_domain::Diagnostic::new(&run.cause.file, error.to_string())]),
            _ => StepError::from(error),
        })?;
        // Boxed, because every step that exports contains this future.
        let data = Box::pin(self.provide_data(run, plan, &tree, folder)).await?;
        Ok(Exported { tree, data })
    }

    /// The parts of the cache key: everything that decides the result of training. Two runs with equal parts make the same
    /// weights.
    pub(super) fn cache_key_parts(
        &self,
        run: &Run,
        exported: &Exported,
        model: &Model,
    ) -> Result<BTreeMap<String, String>, StepError> {
        let specification = Digest::of(&serde_json::to_vec(model).expect("a model holds only texts and numbers"));
        let device = serde_json::to_string(&self.context.settings.device).expect("a word");
        let parts = [
            ("files", exported.tree.digest.clone()),
            ("specification", specification.to_string()),
            ("threads", self.context.settings.threads.to_string()),
            ("device", device.trim_matches('"').to_owned()),
            ("trainer", format!("{} r{RESULTS_REVISION}", env!("CARGO_PKG_VERSION"))),
        ];
        let mut parts: BTreeMap<String, String> =
            parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if !exported.data.is_empty() {
            parts.insert("data".to_owned(), exported.data.digest().to_string());
        }
        if model.program().is_some() {
            parts.extend(self.commands_of(run)?.key_parts());
        }
        Ok(parts)
    }

    /// Runs a job. The trainer's output goes into the run's log as it arrives.
    pub(super) async fn run_job(&self, run: &Run, place: &JobContext<'_>, job: &Job) -> Result<(), StepError> {
        let JobContext { folder, cancel, .. } = *place;
        let file = folder.join(Job::FILE);
        let content = serde_json::to_vec(job).expect("a job holds only texts and numbers");
        tokio::fs::write(&file, content).await.map_err(|error| StepError::local("the job cannot be written", error))?;
        let (lines, said) = tokio::sync::mpsc::channel(MAX_UNWRITTEN);
        let mut sink = move |progress: Progress| {
            // Steps are for progress bars; they would only make a log long.
            if !matches!(progress, Progress::Step { .. }) {
                // If the log cannot be written for a long time, lines are lost, and the job continues.
                let _ = lines.try_send(progress.to_line());
            }
        };
        let from_fork = run.cause.pull_request.as_ref().is_some_and(|pull_request| pull_request.fork);
        let provenance = if from_fork { Provenance::Fork } else { Provenance::Repository };
        let work = async {
            let ended = self.executor.run(folder, provenance, &mut sink, cancel).await;
            drop(sink); // ends the log below
            ended
        };
        let (ended, ()) = tokio::join!(work, self.write_log(run.id, said));
        match ended {
            Err(JobError::Fault(fault)) => Err(of_faults(run, place, &faults_of(folder, fault).await)),
            ended => ended.map_err(StepError::from),
        }
    }
}

/// All faults that a trainer records before it trains, including the one that ended it.
async fn faults_of(folder: &Path, ended_with: Fault) -> Vec<Fault> {
    let noted = read_output(&folder.join(Job::OUTPUT).join(Job::FAULTS)).await;
    let noted = noted.ok().and_then(|noted| serde_json::from_slice::<Vec<Fault>>(&noted).ok()).unwrap_or_default();
    if noted.contains(&ended_with) { noted } else { vec![ended_with] }
}

/// The error of a run for the faults that the trainer reported.
fn of_faults(run: &Run, place: &JobContext<'_>, faults: &[Fault]) -> StepError {
    if faults.iter().any(|fault| fault.kind == FaultKind::Specification) {
        let located = |fault| source::locate_expected(&run.cause.file, &place.plan.text, fault, place.expected);
        return refused(faults.iter().map(located).collect());
    }
    let reason = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    StepError::Failed { reason }
}

/// Maximum size of a stored document of the trainer, in bytes, because it is held in memory.
const MAX_DOCUMENT_BYTES: u64 = 2 << 30;

/// Reads a file that the trainer wrote.
pub(super) async fn read_output(path: &Path) -> Result<Vec<u8>, StepError> {
    let unreadable = |error: std::io::Error| StepError::Failed {
        reason: format!("the trainer reported success, but `{}` cannot be read: {error}", path.display()),
    };
    let size = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
    if size > MAX_DOCUMENT_BYTES {
        let name = path.file_name().unwrap_or_default().display();
        let reason = format!("`{name}` of the trainer has {size} bytes, expected at most {MAX_DOCUMENT_BYTES}");
        return Err(StepError::Failed { reason });
    }
    tokio::fs::read(path).await.map_err(unreadable)
}
