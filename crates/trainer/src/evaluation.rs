//! Evaluates artifacts on a model's test rows. All artifacts use the same rows, so that they can be compared row by row.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use slipway_contract::metrics::Table;
use slipway_contract::{
    API_VERSION, Architecture, EvaluationJob, EvaluationReport, Fault, FaultKind, Metric, Model, Task,
};
use tch::{Kind, Tensor};

use crate::artifact::{self, Loaded};
use crate::baselines::{self, Baselines};
use crate::data::{self, Half, Rows};
use crate::job::JobContext;
use crate::progress::Reporter;
use crate::{device, latency, output, predictions, samples, trained_baselines};

/// Rows per batch of predictions.
const BATCH: i64 = 256;

/// The folder of the candidate's evaluation.
pub(crate) const CANDIDATE: &str = "candidate";

/// Version of the evaluator. Reports are comparable only if their versions are equal.
pub(crate) fn evaluator(task: Task) -> &'static str {
    match task {
        Task::Classification => "classification/1",
        Task::Regression => "regression/1",
    }
}

/// Evaluates the candidate, the artifacts of other seeds, and the champion if there is one.
pub(crate) fn evaluate(job: &EvaluationJob, context: &JobContext<'_>) -> Result<(), Fault> {
    Reporter::stage("evaluating the candidate");
    let candidate = one(job, &job.candidate, CANDIDATE, context)?;
    for (index, seed) in job.seeds.iter().enumerate() {
        Reporter::stage(&format!("evaluating other seed {} of {}", index + 1, job.seeds.len()));
        one(job, seed, &format!("seed-{index}"), context)?;
    }
    let source = context.folder.join(&job.source);
    samples::write(&job.model, &job.source, &job.samples, context, |half| {
        samples::digests(&data::read_known(&job.model, &source, half, &candidate)?)
    })?;
    let Some(champion) = &job.champion else { return Ok(()) };
    Reporter::stage("evaluating the champion");
    let evaluated = catch_unwind(AssertUnwindSafe(|| one(job, champion, "champion", context)));
    match evaluated.unwrap_or_else(|panic| Err(crate::failure::of_panic(&*panic))).map(drop) {
        // If the champion does not fit these rows, the gate decides. The job does not fail.
        Err(fault) if fault.kind != FaultKind::Memory => {
            let fault = Fault { kind: FaultKind::Artifact, ..fault };
            output::write_json(&context.output.join("champion-fault.json"), &fault)
        }
        ended => ended,
    }
}

/// Evaluates one artifact and returns its architecture.
fn one(job: &EvaluationJob, weights: &str, name: &str, context: &JobContext<'_>) -> Result<Architecture, Fault> {
    let folder = context.output.join(name);
    let source = context.folder.join(&job.source);
    let evaluated = of_artifact(&job.model, &source, &context.folder.join(weights), &folder, context.device)?;
    let Evaluated { loaded, rows, table, report } = evaluated;
    if job.latencies && name == CANDIDATE {
        Reporter::stage("timing predictions of single rows");
        let latencies = latency::measure(&loaded, &rows, context.device)?;
        output::write_json(&folder.join("latencies.json"), &latencies)?;
    }
    if name == CANDIDATE {
        let trained = trained_baselines::evaluate(&job.model, &job.source, &folder, context)?;
        if job.baselines {
            let constant = baselines_of(&job.model, &source, &loaded.architecture, &table);
            baselines::write(&folder, &report, constant.into_iter().chain(trained).collect())?;
        }
    }
    Ok(loaded.architecture)
}

/// An artifact that was evaluated on the test rows.
pub(crate) struct Evaluated {
    pub(crate) loaded: Loaded,
    pub(crate) rows: Rows,
    pub(crate) table: Table,
    pub(crate) report: EvaluationReport,
}

/// Evaluates an artifact on the test rows of a model, whose files are in `source`, and writes the evaluation folder.
pub(crate) fn of_artifact(
    model: &Model,
    source: &Path,
    weights: &Path,
    folder: &Path,
    device: tch::Device,
) -> Result<Evaluated, Fault> {
    let begun = Instant::now();
    let loaded = artifact::load(weights, device)?;
    let rows = rows_for(model, source, &loaded)?;
    let table = predict(&rows, &loaded, device)?;
    let metrics = measure(model, &table)?;
    let data = data::digest(model, source, &[Half::Test])?;
    // The folder is created only now, so that a champion that cannot be evaluated leaves no partial folder.
    std::fs::create_dir_all(folder).map_err(|error| crate::failure::of_file(folder, &error))?;
    predictions::write(&folder.join("predictions.parquet"), &table, &data::read_attributes(model, source)?)?;
    let report = EvaluationReport {
        api_version: API_VERSION.to_owned(),
        kind: "EvaluationReport".to_owned(),
        artifact: loaded.digest.clone(),
        data,
        evaluator: evaluator(model.spec.task).to_owned(),
        rows: table.len() as u64,
        metrics,
        classes: loaded.architecture.classes.clone(),
        device: device::name(device).to_owned(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    output::write_json(&folder.join("report.json"), &report)?;
    Ok(Evaluated { loaded, rows, table, report })
}

/// The baselines of the candidate. Without readable training rows there are none, and the evaluation continues.
fn baselines_of(model: &Model, source: &Path, architecture: &Architecture, table: &Table) -> Baselines {
    baselines::measure(model, source, architecture, table).unwrap_or_else(|fault| {
        Reporter::stage(&format!("warning: the report has no baselines: {}", fault.message));
        Baselines::new()
    })
}

/// The metrics of the model's specification, and always the one that every evaluation of its task states.
pub(crate) fn measure(model: &Model, table: &Table) -> Result<BTreeMap<Metric, f64>, Fault> {
    let mut values = BTreeMap::new();
    let always = model.spec.task.stated_metric();
    for (index, metric) in model.spec.evaluation.metrics.iter().cloned().chain([always]).enumerate() {
        let value = metric.of(table.view()).ok_or_else(|| {
            let message = format!("{metric} is undefined for these predictions");
            Fault::new(FaultKind::Specification, message).key(format!("spec.evaluation.metrics[{index}]"))
        })?;
        values.insert(metric, value);
    }
    Ok(values)
}

/// The test rows in terms of an artifact, which must fit them.
fn rows_for(model: &Model, source: &Path, loaded: &Loaded) -> Result<Rows, Fault> {
    let architecture = &loaded.architecture;
    if architecture.task != model.spec.task {
        let message = format!(
            "the artifact was trained for {}, and the task is {}",
            architecture.task.name(),
            model.spec.task.name()
        );
        return Err(Fault::new(FaultKind::Artifact, message));
    }
    if let Some(columns) = &architecture.columns
        && let Some((missing, present)) = data::missing_columns(model, source, columns)?
    {
        let message = format!("the artifact learnt from the column `{}`, and {present}", missing.join("`, `"));
        return Err(Fault::new(FaultKind::Artifact, message));
    }
    let mut rows = data::read_known(model, source, Half::Test, architecture)?;
    if let Some(encoder) = loaded.pipeline.encoder() {
        encoder.recode(&mut rows);
    }
    if rows.shape == architecture.input {
        return Ok(rows);
    }
    let message =
        format!("the artifact expects rows of shape {}, but the test rows have {}", architecture.input, rows.shape);
    Err(Fault::new(FaultKind::Artifact, message))
}

fn predict(rows: &Rows, loaded: &Loaded, device: tch::Device) -> Result<Table, Fault> {
    let _guard = tch::no_grad_guard();
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let mut answers = Vec::new();
    let mut start = 0;
    while start < count {
        let indices = Tensor::arange_start(start, (start + BATCH).min(count), (Kind::Int64, tch::Device::Cpu));
        let answer = answers_of(loaded, &rows.batch(&indices), device)?;
        if answer.isfinite().all().int64_value(&[]) != 1 {
            return Err(Fault::new(FaultKind::Artifact, "the artifact predicts values that are not finite numbers"));
        }
        answers.push(answer);
        start += BATCH;
    }
    let names = (0..rows.len()).map(|row| format!("test-{row:06}")).collect();
    loaded.head.table(&answers, rows, &(0..count).collect::<Vec<i64>>(), names)
}

/// Computes the answers for rows, as a server of the artifact does.
pub(crate) fn answers_of(loaded: &Loaded, batch: &Tensor, device: tch::Device) -> Result<Tensor, Fault> {
    let classes = loaded.architecture.classes.len();
    Ok(loaded.head.answers(&loaded.core.outputs(&loaded.pipeline, &batch.to_device(device), classes)?))
}
