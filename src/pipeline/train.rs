//! Second step: the trainer gets a folder with the model's files, and the weights go to the artifact store.

use std::collections::BTreeMap;
use std::path::Path;

use slipway_contract::{Digest, Fault, FaultKind, Job, JobWork, Model, Progress, TrainingJob};
use tokio_util::sync::CancellationToken;

use super::plan::{Plan, refused};
use super::{Pipeline, StepError, blocking, source, texts};
use crate::domain::{Run, RunEvent};
use crate::executor::JobError;
use crate::git::{ExportLimits, SourceTree};

/// Name of the folder that holds the model's files in a job's folder.
pub(super) const SOURCE: &str = "source";
/// Name of the weights in a job's output.
const WEIGHTS: &str = "model.safetensors";
/// What one model's files may take.
const EXPORT: ExportLimits = ExportLimits { files: 200_000, bytes: 20 << 30 };

impl Pipeline {
    pub(super) async fn train(
        &self,
        run: &mut Run,
        cancel: &CancellationToken,
    ) -> Result<(RunEvent, String), StepError> {
        let plan = self.read_plan(run).await?;
        let folder = self.fresh_folder(run.id, "train").await?;
        let exported = self.export(run, &plan, &folder).await?;
        run.run_key_parts = self.run_key_parts(&exported, &plan.model);
        let key = Digest::of(&serde_json::to_vec(&run.run_key_parts).expect("a key holds only texts"));
        run.run_key = Some(key.clone());
        if let Some((earlier, artifact)) = self.store.artifact_of_key(&key).await?
            && self.artifacts.get_weights(&artifact, &folder.join("earlier.safetensors")).await.is_ok()
        {
            run.artifact = Some(artifact);
            run.reused_from = Some(earlier);
            let reused = texts::reused(earlier, &key);
            run.reuse = Some(reused.clone());
            return Ok((RunEvent::Trained, reused));
        }
        let earlier = self.store.earlier_with_key(run).await?;
        run.reuse = Some(texts::trained_anew(run, earlier.as_ref()));
        let job = Job {
            work: JobWork::Train(TrainingJob { model: plan.model.clone(), source: SOURCE.to_owned() }),
            threads: self.settings.threads,
            device: self.settings.device,
        };
        self.run_job(run, &plan, &folder, &job, cancel).await?;
        let output = folder.join(Job::OUTPUT);
        let artifact = self.artifacts.put_weights(&output.join(WEIGHTS)).await?;
        for name in ["training.json", "card.json"] {
            let content = read_output(&output.join(name)).await?;
            self.artifacts.put_document(&artifact, name, content).await?;
        }
        let cause = texts::trained(&artifact);
        run.artifact = Some(artifact);
        Ok((RunEvent::Trained, cause))
    }

    /// Writes the model's files of the run's revision into the job's folder.
    pub(super) async fn export(&self, run: &Run, plan: &Plan, folder: &Path) -> Result<SourceTree, StepError> {
        let mirror = self.source(run)?.mirror.clone();
        let (head, files, into) = (run.head.clone(), plan.files.clone(), folder.join(SOURCE));
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
        exported.map_err(|error| match error.retry() {
            crate::domain::Retry::Never => refused(vec![crate::domain::Diagnostic::new(&run.file, error.to_string())]),
            _ => StepError::from(error),
        })
    }

    /// Everything that decides what training makes. Two runs with equal parts would make the same weights.
    fn run_key_parts(&self, exported: &SourceTree, model: &Model) -> BTreeMap<String, String> {
        let specification = Digest::of(&serde_json::to_vec(model).expect("a model holds only texts and numbers"));
        let device = serde_json::to_string(&self.settings.device).expect("a word");
        let parts = [
            ("files", exported.digest.clone()),
            ("specification", specification.to_string()),
            ("threads", self.settings.threads.to_string()),
            ("device", device.trim_matches('"').to_owned()),
            ("trainer", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Runs a job; what the trainer says goes into the run's log as it comes.
    pub(super) async fn run_job(
        &self,
        run: &Run,
        plan: &Plan,
        folder: &Path,
        job: &Job,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        let file = folder.join(Job::FILE);
        let content = serde_json::to_vec(job).expect("a job holds only texts and numbers");
        tokio::fs::write(&file, content).await.map_err(|error| StepError::local("the job cannot be written", error))?;
        let (lines, mut said) = tokio::sync::mpsc::unbounded_channel();
        let mut sink = move |progress: Progress| {
            // Steps are for progress bars; a log of them would only be long.
            if !matches!(progress, Progress::Step { .. }) {
                let _ = lines.send(progress.to_line());
            }
        };
        let work = async {
            let ended = self.executor.run(folder, &mut sink, cancel).await;
            drop(sink); // ends the log below
            ended
        };
        let log = async {
            while let Some(line) = said.recv().await {
                self.store.append_log(run.id, &line).await?;
            }
            Ok::<(), StepError>(())
        };
        let (ended, logged) = tokio::join!(work, log);
        logged?;
        ended.map_err(|error| match error {
            JobError::Fault(fault) => of_fault(run, plan, &fault),
            error => StepError::from(error),
        })
    }
}

/// What a fault that the trainer named means for the run.
fn of_fault(run: &Run, plan: &Plan, fault: &Fault) -> StepError {
    match fault.kind {
        FaultKind::Specification => refused(vec![source::locate(&run.file, &plan.text, fault)]),
        FaultKind::Data | FaultKind::Artifact | FaultKind::Memory | FaultKind::Internal => {
            StepError::Failed { reason: fault.to_string() }
        }
    }
}

/// A file the trainer wrote.
pub(super) async fn read_output(path: &Path) -> Result<Vec<u8>, StepError> {
    tokio::fs::read(path).await.map_err(|error| StepError::Failed {
        reason: format!("the trainer said it was done, but `{}` cannot be read: {error}", path.display()),
    })
}
