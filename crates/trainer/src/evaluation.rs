//! Evaluates artifacts on a model's test rows. All artifacts use the same rows, so that they can be compared row by row.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use slipway_contract::metrics::Predictions;
use slipway_contract::{API_VERSION, Architecture, EvaluationJob, EvaluationReport, Fault, FaultKind, Metric, Model};
use tch::{Kind, Tensor};

use crate::artifact::{self, Loaded};
use crate::data::{self, Half, Rows};
use crate::job::JobContext;
use crate::progress::Reporter;
use crate::{device, latency, output, predictions, samples};

/// Rows per batch of predictions.
const BATCH: i64 = 256;
/// Version of the evaluator. Reports are comparable only if their versions are equal.
const EVALUATOR: &str = "classification/1";

/// Evaluates the candidate, the artifacts of other seeds, and the champion if there is one.
pub(crate) fn evaluate(job: &EvaluationJob, context: &JobContext<'_>) -> Result<(), Fault> {
    Reporter::stage("evaluating the candidate");
    let candidate = one(job, &job.candidate, "candidate", context)?;
    for (index, seed) in job.seeds.iter().enumerate() {
        Reporter::stage(&format!("evaluating other seed {} of {}", index + 1, job.seeds.len()));
        one(job, seed, &format!("seed-{index}"), context)?;
    }
    samples::write(job, &candidate, context)?;
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
    let begun = Instant::now();
    let loaded = artifact::load(&context.folder.join(weights), context.device)?;
    let source = context.folder.join(&job.source);
    let rows = rows_for(&job.model, &source, &loaded)?;
    let table = predict(&rows, &loaded, context.device)?;
    let metrics = measure(&job.model, &table)?;
    let data = data::digest(&job.model, &source, &[Half::Test])?;
    // The folder is created only now, so that a champion that cannot be evaluated leaves no partial folder.
    let folder = context.output.join(name);
    std::fs::create_dir_all(&folder).map_err(|error| crate::failure::of_file(&folder, &error))?;
    predictions::write(&folder.join("predictions.parquet"), &table, &data::read_attributes(&job.model, &source)?)?;
    if job.latencies && name == "candidate" {
        Reporter::stage("timing predictions of single rows");
        let latencies = latency::measure(&loaded, &rows, context.device);
        output::write_json(&folder.join("latencies.json"), &latencies)?;
    }
    let report = EvaluationReport {
        api_version: API_VERSION.to_owned(),
        kind: "EvaluationReport".to_owned(),
        artifact: loaded.digest,
        data,
        evaluator: EVALUATOR.to_owned(),
        rows: table.len() as u64,
        metrics,
        classes: table.classes,
        device: device::name(context.device).to_owned(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    output::write_json(&folder.join("report.json"), &report)?;
    Ok(loaded.architecture)
}

/// The metrics of the model's specification, and always accuracy.
fn measure(model: &Model, table: &Predictions) -> Result<BTreeMap<Metric, f64>, Fault> {
    let mut values = BTreeMap::new();
    for (index, metric) in model.spec.evaluation.metrics.iter().cloned().chain([Metric::Accuracy]).enumerate() {
        let value = metric.of(table).filter(|value| value.is_finite());
        let value = value.ok_or_else(|| {
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
    if let Some(columns) = &architecture.columns
        && let Some((missing, present)) = data::missing_columns(model, source, columns)?
    {
        let message = format!("the artifact learnt from the column `{}`, and {present}", missing.join("`, `"));
        return Err(Fault::new(FaultKind::Artifact, message));
    }
    let rows = data::read_known(model, source, Half::Test, &architecture.classes, architecture.columns.as_deref())?;
    if rows.shape == architecture.input {
        return Ok(rows);
    }
    let message =
        format!("the artifact expects rows of shape {}, but the test rows have {}", architecture.input, rows.shape);
    Err(Fault::new(FaultKind::Artifact, message))
}

fn predict(rows: &Rows, loaded: &Loaded, device: tch::Device) -> Result<Predictions, Fault> {
    let architecture = &loaded.architecture;
    let _guard = tch::no_grad_guard();
    let classes = i64::try_from(architecture.classes.len()).unwrap_or(i64::MAX);
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let mut scores: Vec<f32> = Vec::new();
    let mut predicted: Vec<i64> = Vec::new();
    let mut start = 0;
    while start < count {
        let indices = Tensor::arange_start(start, (start + BATCH).min(count), (Kind::Int64, tch::Device::Cpu));
        let softmax = scores_of(loaded, &rows.batch(&indices), classes, device);
        predicted.extend(values::<i64>(&softmax.argmax(1, false))?);
        scores.extend(values::<f32>(&softmax.view([-1]))?);
        start += BATCH;
    }
    if scores.iter().any(|score| !score.is_finite()) {
        return Err(Fault::new(FaultKind::Artifact, "the artifact predicts scores that are not finite numbers"));
    }
    let index = |class: &i64| u32::try_from(*class).unwrap_or(u32::MAX);
    Ok(Predictions {
        rows: (0..rows.len()).map(|row| format!("test-{row:06}")).collect(),
        classes: rows.classes.clone(),
        labels: rows.labels.iter().map(index).collect(),
        predictions: predicted.iter().map(index).collect(),
        scores: Some(scores),
    })
}

/// Computes the scores of the known classes from rows, as a server of the artifact does.
pub(crate) fn scores_of(loaded: &Loaded, batch: &Tensor, classes: i64, device: tch::Device) -> Tensor {
    let batch = loaded.preprocessing.apply(&batch.to_device(device));
    // Outputs beyond the known classes (a last layer that is too wide) cannot be the label.
    let outputs = loaded.network.forward(&batch, false).narrow(1, 0, classes);
    outputs.softmax(1, Kind::Float).to_device(tch::Device::Cpu).contiguous()
}

fn values<T: tch::kind::Element>(tensor: &Tensor) -> Result<Vec<T>, Fault>
where
    Vec<T>: for<'a> TryFrom<&'a Tensor, Error = tch::TchError>,
{
    Vec::<T>::try_from(tensor).map_err(|error| crate::failure::of_torch(&error))
}
