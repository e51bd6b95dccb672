//! `slipway train` for a model that a command trains: in the sandbox of this machine, with the files that a server would give it.

use std::path::Path;
use std::time::Duration;

use slipway_contract::{
    BaselineReport, Digest, EvaluationReport, Expectation, Job, JobWork, Model, ScoredArtifact, ScoringJob, TrainingJob,
};
use tokio_util::sync::CancellationToken;

use super::exit::{self, Failure};
use super::train::{Bar, Train, keep_baselines, keep_samples, samples_for};
use super::trained::{EVALUATION, SAMPLES};
use crate::repository::{Checkout, ModelFiles};
use slipway_executor::{
    Commands, Executor, JobError, ProgramError, ProgramJob, ProgramTask, Provenance, SandboxLimits,
};
use slipway_gate::evaluation::{PREDICTIONS_FILE, REPORT_FILE};

/// The limits on a person's own machine. The server's limits are in its settings.
const LIMITS: SandboxLimits = SandboxLimits {
    seconds: Duration::from_hours(24 * 30).as_secs(),
    memory: 1 << 50,
    processes: 4096,
    output: 8 << 30,
    temporary: 8 << 30,
};

impl Train {
    /// Trains by the command, evaluates, and keeps model, predictions and report in the folder of results.
    pub(super) async fn train_program(
        &self,
        model: &Model,
        executor: &dyn Executor,
        describe: &impl Fn(JobError) -> Failure,
    ) -> Result<EvaluationReport, Failure> {
        let folder = exit::temporary_folder()?;
        let folder = folder.path();
        let source = folder.join("source");
        self.copy_source(model, &source)?;
        let shown = source.display().to_string();
        let expects = super::check::expected_of(&self.spec).into_iter();
        let expects = expects.map(|expected| Expectation { refuses: false, ..expected }).collect();
        let work = JobWork::Prepare(TrainingJob { model: model.clone(), source: shown.clone(), expects });
        let prepared = self.do_job(executor, folder, work).await?.map_err(describe)?;
        let test_rows = folder.join("test.csv");
        let resolved = folder.join("resolved.yaml");
        moved(&prepared.join(Job::TEST_ROWS), &test_rows)?;
        moved(&prepared.join(Job::RESOLVED), &resolved)?;
        let commands = self.commands()?;
        let job = ProgramJob {
            model,
            task: ProgramTask::Train,
            folder: &folder.join("train"),
            source: &source,
            test_rows: &test_rows,
            threads: self.threads(),
            commands: &commands,
        };
        run(executor, &job).await?;
        let (made, outputs) = (job.model_output(), model.spec.training.outputs.clone());
        let bytes = std::fs::read(&made).map_err(|error| failed(&made, &error))?;
        let artifact = Digest::of(&bytes);
        let evaluation = ProgramJob { task: ProgramTask::Evaluate(&made), folder: &folder.join("evaluate"), ..job };
        let predictions = if let Some(predictions) = job.predictions_output() {
            predictions
        } else {
            run(executor, &evaluation).await?;
            evaluation.predictions_output().unwrap_or_default()
        };
        let samples = samples_for(model, &self.spec.with_file_name("").join(&model.spec.policy));
        let scored =
            ScoredArtifact { name: "candidate".to_owned(), artifact, predictions: predictions.display().to_string() };
        let work =
            ScoringJob { model: model.clone(), source: shown, artifacts: vec![scored], samples: samples.clone() };
        let output = self.do_job(executor, folder, JobWork::Score(work)).await?.map_err(describe)?;
        let kept = self.out.join(EVALUATION);
        std::fs::create_dir_all(&kept).map_err(|error| failed(&kept, &error))?;
        let name = outputs.as_ref().and_then(|outputs| outputs.model.rsplit('/').next()).unwrap_or("model");
        moved(&made, &self.out.join(name))?;
        moved(&resolved, &self.out.join(Job::RESOLVED))?;
        for name in [REPORT_FILE, PREDICTIONS_FILE, BaselineReport::FILE] {
            moved(&output.join("candidate").join(name), &kept.join(name))?;
        }
        keep_baselines(&output.join("candidate"), &kept).map_err(|error| failed(&kept, &error))?;
        let beside = self.out.join(SAMPLES);
        keep_samples(&output.join(SAMPLES), &beside, &samples.files()).map_err(|error| failed(&beside, &error))?;
        let report = std::fs::read(kept.join(REPORT_FILE)).map_err(|error| failed(&kept, &error))?;
        serde_json::from_slice(&report).map_err(|error| exit::defect(format!("the report cannot be read: {error}")))
    }

    /// Copies the files that the globs of the model match, as a server would take them from git.
    fn copy_source(&self, model: &Model, to: &Path) -> Result<(), Failure> {
        let broken = |error: std::io::Error| failed(&self.spec, &error);
        let checkout = Checkout::around(&self.spec).map_err(broken)?;
        let file = checkout.path_of(&self.spec).map_err(broken)?;
        let files = ModelFiles::of(&file, model);
        let folder = files.folder();
        let (found, _) = checkout.find_below(folder, &|path| files.contain(path)).map_err(broken)?;
        for path in found {
            let target = to.join(path.strip_prefix(folder).unwrap_or(&path));
            if let Some(folder) = target.parent() {
                std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
            }
            std::fs::copy(checkout.root().join(&path), &target).map_err(|error| failed(&target, &error))?;
        }
        Ok(())
    }

    fn commands(&self) -> Result<Commands, Failure> {
        let mut folders = Vec::new();
        for folder in &self.allow_folder {
            folders.push(std::path::absolute(folder).map_err(|error| failed(folder, &error))?);
        }
        let path = folders.iter().map(|folder| folder.join("bin")).filter(|folder| folder.is_dir()).collect();
        Ok(Commands { folders, path, version: String::new(), limits: LIMITS, network: false })
    }
}

/// Runs a program in a new folder.
async fn run(executor: &dyn Executor, job: &ProgramJob<'_>) -> Result<(), Failure> {
    std::fs::create_dir_all(job.folder).map_err(|error| failed(job.folder, &error))?;
    let mut bar = Bar::new();
    let cancel = CancellationToken::new();
    let ended = executor.run_program(job, Provenance::Repository, &mut |progress| bar.show(&progress), &cancel).await;
    bar.end();
    ended.map_err(|error| match error {
        ProgramError::Cancelled => exit::defect(error),
        error => exit::invalid(error),
    })
}

/// Copies a file and removes the original, which may be on another disk.
fn moved(from: &Path, to: &Path) -> Result<(), Failure> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    }
    let copied = std::fs::copy(from, to).and_then(|_| std::fs::remove_file(from));
    copied.map_err(|error| failed(to, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    exit::invalid(format!("`{}`: {error}", path.display()))
}
