//! `slipway train`: trains a model on this machine, as a server would, and evaluates it on the test rows.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use slipway_contract::{
    Baseline, BaselineReport, DevicePreference, EvaluationJob, EvaluationReport, Expectation, Job, JobWork, Metric,
    Model, Progress, SampleRequest, SelectionReport, TrainingJob, counted,
};
use tokio_util::sync::CancellationToken;

use super::exit::{self, Exit, Failure};
use super::form::LocalFormat;
use super::output;
use super::policy::read_policy;
use super::trained::{
    CARD, EVALUATION, LATENCIES, RECENT_SAMPLE, SAMPLES, TEST_SAMPLE, TRAINING_REPORT, TRAINING_SAMPLE,
};
use crate::repository::{locate as fault_place, read_model};
use slipway_executor::{Executor, JobError, Limits, Provenance};
use slipway_gate::evaluation::{PREDICTIONS_FILE, REPORT_FILE};
use slipway_gate::policy::{Policy, RequiredEvidence};

/// Train a model on this machine and evaluate it on its test rows.
#[derive(Debug, Args)]
pub(super) struct Train {
    /// The model file
    #[arg(default_value = "slipway.yaml", value_name = "SPEC")]
    pub(super) spec: PathBuf,
    /// Folder for the weights, the card, the reports and the predictions
    #[arg(long, default_value = "out", value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Number of threads; the default is all processors
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// Device of the computation
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    device: Device,
    /// The trainer's program; the default is the one in the folder of `slipway`
    #[arg(long, value_name = "FILE")]
    trainer: Option<PathBuf>,
    /// Run the command of the model's training, in the sandbox; without this option a model with a command is not trained
    #[arg(long)]
    allow_command: bool,
    /// Folder that the command may read besides the system's, such as a virtual environment; its `bin` is searched for programs
    #[arg(long, value_name = "DIR")]
    pub(super) allow_folder: Vec<PathBuf>,
    #[command(flatten)]
    format: LocalFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Device {
    Auto,
    Cpu,
    Cuda,
}

/// Deadline of a training without a server: a month, which is in practice no limit.
const NO_DEADLINE: Duration = Duration::from_hours(30 * 24);

impl Train {
    pub(super) fn run(mut self) -> Result<Exit, Failure> {
        if self.spec.is_dir() {
            self.spec.push("slipway.yaml");
        }
        let file = self.spec.display().to_string();
        let text = std::fs::read_to_string(&self.spec).map_err(|error| exit::invalid(format!("{file}: {error}")))?;
        let model = read_model(&file, &text).map_err(|problems| exit::invalid(super::check::join(&problems)))?;
        let model = model.without_addresses();
        if model.program().is_some() && !self.allow_command {
            let help = "read the command first; then run `slipway train --allow-command`";
            return Err(exit::refused(format!(
                "{file} trains by a command of its own, which would run here\n  help: {help}"
            )));
        }
        self.warn();
        self.forget_evaluation()?;
        let is_new = !self.out.exists();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(exit::defect)?;
        let trainer = match &self.trainer {
            Some(trainer) => trainer.clone(),
            None => slipway_executor::trainer_beside_us().map_err(exit::defect)?,
        };
        let sandbox = slipway_executor::sandbox_beside_us().map_err(exit::defect)?;
        let limits = Limits { deadline: NO_DEADLINE, memory: u64::MAX };
        let executor = slipway_executor::connect(&slipway_executor::Settings::Local {
            trainer,
            sandbox,
            limits,
            of_forks: limits,
        });
        let describe = |error: JobError| match error {
            JobError::Fault(fault) => exit::invalid(fault_place(&file, &text, &fault)),
            // A model that is too large for the machine is no defect of Slipway.
            JobError::NotStarted { .. }
            | JobError::OutOfMemory { .. }
            | JobError::Killed { .. }
            | JobError::Deadline { .. } => exit::invalid(error),
            error => exit::defect(error),
        };
        let report = if model.program().is_some() {
            runtime.block_on(self.train_program(&model, &*executor, &describe))?
        } else {
            runtime.block_on(self.train(&model, &*executor, describe))?
        };
        if is_new {
            // Results do not belong into git. A folder that existed before is left as it is.
            let ignored = self.out.join(".gitignore");
            std::fs::write(&ignored, "*\n")
                .map_err(|error| exit::invalid(format!("`{}`: {error}", ignored.display())))?;
        }
        let baselines = self.baselines()?;
        let document = json!({
            "artifact": report.artifact, "folder": self.out, "rows": report.rows, "metrics": report.metrics,
            "baselines": baselines
        });
        self.format.show(&document, |_, _| {
            let figures = report.metrics.iter();
            let figures = figures
                .map(|(metric, value)| format!("{metric}: {value:.4} on {}\n", counted(report.rows, "test row")));
            let baselines = baselines.iter().map(|(name, values)| {
                let values: Vec<String> = values.iter().map(|(metric, value)| format!("{metric} {value:.4}")).collect();
                format!("baseline {name}: {}\n", values.join(", "))
            });
            let lines: String = figures.chain(baselines).collect();
            format!("{lines}{} in {}", report.artifact, self.out.display())
        })?;
        Ok(Exit::Done)
    }

    /// What predictions without a model reach, by the name of the baseline.
    fn baselines(&self) -> Result<BTreeMap<String, BTreeMap<Metric, f64>>, Failure> {
        let file = self.out.join(EVALUATION).join(BaselineReport::FILE);
        let broken = |error: &dyn std::fmt::Display| exit::defect(format!("`{}`: {error}", file.display()));
        let text = std::fs::read(&file).map_err(|error| broken(&error))?;
        Ok(serde_json::from_slice::<BaselineReport>(&text).map_err(|error| broken(&error))?.baselines)
    }

    /// Removes the report of an earlier training, which a failed training would otherwise leave for `slipway gate` to pass.
    fn forget_evaluation(&self) -> Result<(), Failure> {
        if self.out.exists() && !self.out.is_dir() {
            let folder = self.out.display();
            return Err(exit::invalid(format!("`{folder}` is a file, expected a folder for the results")));
        }
        let report = self.out.join(EVALUATION).join(REPORT_FILE);
        match std::fs::remove_file(&report) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(exit::invalid(format!("`{}` cannot be replaced: {error}", report.display())))
            }
            _ => Ok(()),
        }
    }

    /// Warns about what a server would refuse, and trains anyway, because an experiment need not be committed.
    fn warn(&self) {
        for mistake in super::check::mistakes_in(&self.spec, false).unwrap_or_default() {
            output::note(&format!("warning: a server would refuse this: {mistake}"));
        }
    }

    async fn train(
        &self,
        model: &Model,
        executor: &dyn Executor,
        describe: impl Fn(JobError) -> Failure,
    ) -> Result<EvaluationReport, Failure> {
        let broken = |what: &Path| {
            let what = what.display().to_string();
            move |error: std::io::Error| exit::invalid(format!("`{what}`: {error}"))
        };
        let folder = exit::temporary_folder()?;
        let spec_folder = self.spec.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let source = spec_folder.canonicalize().map_err(broken(spec_folder))?.display().to_string();
        // Unmet requirements of the policy are only reported, so that an experiment can train anyway.
        let expects = super::check::expected_of(&self.spec).into_iter();
        let expects = expects.map(|expected| Expectation { refuses: false, ..expected }).collect();
        let training = TrainingJob { model: model.clone(), source: source.clone(), expects };
        let output = self.do_job(executor, folder.path(), JobWork::Train(training)).await?.map_err(&describe)?;
        std::fs::create_dir_all(&self.out).map_err(broken(&self.out))?;
        let weights = self.out.join(Job::WEIGHTS);
        for name in [Job::WEIGHTS, TRAINING_REPORT, CARD, Job::RESOLVED, Job::SIGNATURE, Job::EXPORT] {
            std::fs::copy(output.join(name), self.out.join(name)).map_err(broken(&self.out))?;
        }
        for name in [Job::ONNX, SelectionReport::FILE] {
            keep_optional(&output.join(name), &self.out.join(name)).map_err(broken(&self.out))?;
        }
        let candidate = weights.canonicalize().map_err(broken(&weights))?.display().to_string();
        let mut evaluation = EvaluationJob {
            model: model.clone(),
            source,
            candidate,
            champion: None,
            seeds: Vec::new(),
            latencies: true,
            baselines: true,
            samples: samples_for(model, &spec_folder.join(&model.spec.policy)),
        };
        let work = JobWork::Evaluate(evaluation.clone());
        let output = match self.do_job(executor, folder.path(), work).await? {
            // The artifact is evaluated without the samples. The gate reports the missing samples if it needs them.
            Err(fault @ JobError::Fault(_)) if !evaluation.samples.files().is_empty() => {
                output::note(&format!("warning: a server would refuse this: {}", describe(fault)));
                evaluation.samples = SampleRequest::default();
                self.do_job(executor, folder.path(), JobWork::Evaluate(evaluation.clone())).await?.map_err(&describe)?
            }
            done => done.map_err(&describe)?,
        };
        let kept = self.out.join(EVALUATION);
        std::fs::create_dir_all(&kept).map_err(broken(&kept))?;
        for name in [REPORT_FILE, PREDICTIONS_FILE, BaselineReport::FILE, LATENCIES] {
            std::fs::copy(output.join("candidate").join(name), kept.join(name)).map_err(broken(&kept))?;
        }
        keep_baselines(&output.join("candidate"), &kept).map_err(broken(&kept))?;
        let beside = self.out.join(SAMPLES);
        keep_samples(&output.join(SAMPLES), &beside, &evaluation.samples.files()).map_err(broken(&beside))?;
        let report = std::fs::read(kept.join(REPORT_FILE)).map_err(broken(&kept))?;
        serde_json::from_slice(&report).map_err(|error| exit::defect(format!("the report cannot be read: {error}")))
    }

    pub(super) fn threads(&self) -> u32 {
        let all = || u32::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1);
        self.threads.unwrap_or_else(all)
    }

    pub(super) async fn do_job(
        &self,
        executor: &dyn Executor,
        folder: &Path,
        work: JobWork,
    ) -> Result<Result<PathBuf, JobError>, Failure> {
        let threads = self.threads();
        let device = match self.device {
            Device::Auto => DevicePreference::Auto,
            Device::Cpu => DevicePreference::Cpu,
            Device::Cuda => DevicePreference::Cuda,
        };
        let job = serde_json::to_vec(&Job { work, threads, device }).map_err(exit::defect)?;
        let file = folder.join(Job::FILE);
        std::fs::write(&file, job).map_err(|error| exit::invalid(format!("`{}`: {error}", file.display())))?;
        let mut bar = Bar::new();
        let ended = executor
            .run(folder, Provenance::Repository, &mut |progress| bar.show(&progress), &CancellationToken::new())
            .await;
        bar.end();
        Ok(ended.map(|()| folder.join(Job::OUTPUT)))
    }
}

/// Returns the samples that the model's policy requires, as a server would take them. An unreadable policy requires none, and was
/// reported before.
pub(super) fn samples_for(model: &Model, policy: &Path) -> SampleRequest {
    let RequiredEvidence { leakage, drift, .. } =
        read_policy(policy).map(|policy| Policy::required_evidence(&policy)).unwrap_or_default();
    let has_recent = model.spec.data.table().is_some_and(|table| table.recent.is_some());
    let drift = if has_recent { drift.into_iter().collect() } else { Vec::new() };
    SampleRequest { leakage, drift, ..SampleRequest::default() }
}

/// Keeps the evaluation folders of the baselines, in the evaluation folder of the candidate, and removes those of an earlier training.
pub(super) fn keep_baselines(candidate: &Path, kept: &Path) -> std::io::Result<()> {
    let (from, to) = (candidate.join(Baseline::FOLDER), kept.join(Baseline::FOLDER));
    match std::fs::remove_dir_all(&to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folders = match std::fs::read_dir(&from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        folders => folders?,
    };
    for folder in folders {
        let folder = folder?;
        let to = to.join(folder.file_name());
        std::fs::create_dir_all(&to)?;
        for name in [REPORT_FILE, PREDICTIONS_FILE] {
            std::fs::copy(folder.path().join(name), to.join(name))?;
        }
    }
    Ok(())
}

/// Keeps a file that not every training writes, and removes that of an earlier training.
fn keep_optional(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::copy(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match std::fs::remove_file(to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
        copied => copied.map(drop),
    }
}

/// Keeps the samples that were taken, and removes those of an earlier training.
pub(super) fn keep_samples(from: &Path, to: &Path, taken: &[&str]) -> std::io::Result<()> {
    for name in [TRAINING_SAMPLE, TEST_SAMPLE, RECENT_SAMPLE] {
        match std::fs::remove_file(to.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    if !taken.is_empty() {
        std::fs::create_dir_all(to)?;
    }
    taken.iter().try_for_each(|name| std::fs::copy(from.join(name), to.join(name)).map(drop))
}

/// Progress for people: a bar on a terminal, plain lines in a pipe.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg:28} {wide_bar} {percent:>3} % {eta:>5}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        match (progress, &self.bar) {
            (Progress::Step { epoch, epochs, step, steps }, Some(bar)) => {
                bar.set_length(u64::from(*epochs) * steps);
                bar.set_position(u64::from(*epoch - 1) * steps + step);
                bar.set_message(format!("epoch {epoch} of {epochs}"));
            }
            (Progress::Epoch { epoch, epochs, seconds, .. }, bar) => {
                let results = progress.epoch_results().unwrap_or_default();
                let line = format!("epoch {epoch} of {epochs}: {results} ({seconds:.1} s)");
                match bar {
                    Some(bar) => bar.println(line),
                    None => output::note(&line),
                }
            }
            (Progress::Stage { text }, bar) => match bar {
                // The bar would overwrite a message that is shown only once.
                Some(bar) if text.starts_with("warning: ") || text.starts_with("also: ") => bar.println(text),
                Some(bar) => bar.set_message(text.clone()),
                None => output::note(text),
            },
            (Progress::Step { .. } | Progress::Done | Progress::Failed { .. }, _) => {}
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
