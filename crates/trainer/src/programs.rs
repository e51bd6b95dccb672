//! Models that a program of a team trains: prepares the data that the program gets, and scores the predictions that it makes. The
//! program gets no labels of test rows, so its predictions cannot contain them.

use std::path::Path;
use std::time::Instant;

use slipway_contract::metrics::{Estimates, Predictions, Table};
use slipway_contract::{API_VERSION, EvaluationReport, Fault, FaultKind, Job, ScoredArtifact, ScoringJob, TrainingJob};

use crate::data::{self, Half, Rows, Target, ValidatedData};
use crate::job::JobContext;
use crate::progress::Reporter;
use crate::{baselines, evaluation, failure, output, predictions, samples, trained_baselines, training};

/// The name of the evaluation whose faults do not end a job.
const CHAMPION: &str = "champion";

/// Checks the data of a model, and writes the test rows without their labels.
pub(crate) fn prepare(job: &TrainingJob, context: &JobContext<'_>) -> Result<(), Fault> {
    if let Some(problem) = job.model.problems().into_iter().next() {
        return Err(problem);
    }
    Reporter::stage("reading data");
    let source = context.folder.join(&job.source);
    let ValidatedData { faults, warnings, .. } = data::validate(job, &source, None);
    warnings.iter().for_each(training::warn);
    output::write_json(&context.output.join(Job::WARNINGS), &warnings)?;
    if !faults.is_empty() {
        return Err(training::refuse(faults, context));
    }
    data::write_features(&job.model, &source, &context.output.join(Job::TEST_ROWS))?;
    output::write(&context.output.join(Job::RESOLVED), training::resolved_text(&job.model).as_bytes())
}

/// Writes an evaluation folder for each artifact.
pub(crate) fn score(job: &ScoringJob, context: &JobContext<'_>) -> Result<(), Fault> {
    Reporter::stage("comparing the predictions with the labels");
    let source = context.folder.join(&job.source);
    let reading = TrainingJob { model: job.model.clone(), source: job.source.clone(), expects: Vec::new() };
    let ValidatedData { training, test, faults, .. } = data::validate(&reading, &source, None);
    if let Some(fault) = faults.into_iter().next() {
        return Err(fault);
    }
    let (Some(training), Some(test)) = (training, test) else {
        return Err(Fault::new(FaultKind::Internal, "the rows cannot be used, and nothing says why"));
    };
    for artifact in &job.artifacts {
        match one(job, artifact, (&training, &test), &source, context) {
            // If the champion's predictions do not fit these rows, the gate decides.
            Err(fault) if artifact.name == CHAMPION => {
                let fault = Fault { kind: FaultKind::Artifact, ..fault };
                output::write_json(&context.output.join("champion-fault.json"), &fault)?;
            }
            done => done?,
        }
    }
    samples::write(&job.model, &job.source, &job.samples, context, |half| {
        samples::digests(if half == Half::Train { &training } else { &test })
    })
}

fn one(
    job: &ScoringJob,
    artifact: &ScoredArtifact,
    (training, test): (&Rows, &Rows),
    source: &Path,
    context: &JobContext<'_>,
) -> Result<(), Fault> {
    let begun = Instant::now();
    let read = data::read_predictions(&context.folder.join(&artifact.predictions), test.len(), test.classes())?;
    let rows = (0..test.len()).map(|row| format!("test-{row:06}")).collect();
    let table = match &test.target {
        Target::Classes { labels, classes } => Table::Classes(Predictions {
            rows,
            classes: classes.clone(),
            labels: labels.iter().map(|label| u32::try_from(*label).unwrap_or(u32::MAX)).collect(),
            predictions: data::as_classes(&read.predictions, classes)?,
            scores: read.scores,
        }),
        Target::Numbers(labels) => Table::Numbers(Estimates {
            rows,
            labels: labels.clone(),
            predictions: data::as_numbers(&read.predictions)?,
            quantiles: std::collections::BTreeMap::new(),
        }),
    };
    let model = &job.model;
    let metrics = evaluation::measure(model, &table)?;
    let folder = context.output.join(&artifact.name);
    std::fs::create_dir_all(&folder).map_err(|error| failure::of_file(&folder, &error))?;
    predictions::write(&folder.join("predictions.parquet"), &table, &data::read_attributes(model, source)?)?;
    let report = EvaluationReport {
        api_version: API_VERSION.to_owned(),
        kind: "EvaluationReport".to_owned(),
        artifact: artifact.artifact.clone(),
        data: data::digest(model, source, &[Half::Test])?,
        evaluator: evaluation::evaluator(model.spec.task).to_owned(),
        rows: table.len() as u64,
        metrics,
        classes: test.classes().to_vec(),
        device: "cpu".to_owned(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    if artifact.name == evaluation::CANDIDATE {
        let trained = trained_baselines::evaluate(model, &job.source, &folder, context)?;
        let constant = baselines::of_labels(model, &training.target, &table);
        baselines::write(&folder, &report, constant.into_iter().chain(trained).collect())?;
    }
    output::write_json(&folder.join("report.json"), &report)
}
