//! Reads `report.json` and verifies it against the predictions beside it.

use std::collections::HashSet;

use slipway_contract::metrics::{Subject, all};
use slipway_contract::{API_VERSION, EvaluationReport};

use super::error::shown;
use super::{Evaluation, EvaluationError};

/// The most bytes of a report. Reports have a few kilobytes. With ten thousand long class names they have a few hundred.
pub(super) const MAX_REPORT_BYTES: u64 = 16 * 1024 * 1024;

/// The most classes of a report. The limit keeps the tables by class small.
const MAX_CLASSES: usize = 10_000;

/// The accepted difference between a stated and a computed figure, relative to its size if that is above one. It allows for
/// another order of summation, not for another result.
const TOLERANCE: f64 = 1e-6;

/// Parses a report and makes all checks that need no predictions.
pub(super) fn parse(json: &[u8]) -> Result<EvaluationReport, EvaluationError> {
    let bytes = json.len() as u64;
    if bytes > MAX_REPORT_BYTES {
        return Err(EvaluationError::TooLarge {
            file: super::REPORT_FILE,
            unit: "bytes",
            came: bytes,
            most: MAX_REPORT_BYTES,
        });
    }
    let report: EvaluationReport = serde_json::from_slice(json)?;
    match mistake(&report) {
        Some(mistake) => Err(EvaluationError::ReportValue(mistake)),
        None => Ok(report),
    }
}

fn mistake(report: &EvaluationReport) -> Option<String> {
    let EvaluationReport {
        api_version,
        kind,
        rows,
        classes,
        metrics,
        seconds,
        artifact: _,
        data: _,
        evaluator: _,
        device: _,
    } = report;
    if api_version != API_VERSION || kind != "EvaluationReport" {
        let came = shown(&format!("{api_version} {kind}"));
        return Some(format!("expected `{API_VERSION} EvaluationReport`, found {came}"));
    }
    if *rows == 0 {
        return Some("no rows were evaluated, expected at least one; use test data with rows".to_owned());
    }
    if classes.len() > MAX_CLASSES {
        return Some(format!("{} classes, expected at most {MAX_CLASSES}", classes.len()));
    }
    let mut seen = HashSet::new();
    if let Some(class) = classes.iter().find(|class| !seen.insert(class.as_str())) {
        return Some(format!("the class {} occurs twice, expected every class once", shown(class)));
    }
    if metrics.is_empty() {
        return Some("no metric is stated, expected at least one".to_owned());
    }
    if let Some((metric, value)) = metrics.iter().find(|(_, value)| !value.is_finite()) {
        return Some(format!("{metric} is {value}, expected a number"));
    }
    (!seconds.is_finite()).then(|| format!("`seconds` is {seconds}, expected a number"))
}

/// Recomputes every figure of the report.
pub(super) fn verify(evaluation: &Evaluation) -> Result<(), EvaluationError> {
    let (rows, every) = (evaluation.rows(), all(evaluation.table.len()));
    for (metric, &stated) in &evaluation.report.metrics {
        if metric.subject() == Subject::Artifact || metric.column().is_some() {
            let mistake = format!(
                "{metric} is stated, but a report may only contain metrics that are computed from \
             predictions alone"
            );
            return Err(EvaluationError::ReportValue(mistake));
        }
        let computed = metric.over(rows, &every).map_err(|why| EvaluationError::Unfounded {
            metric: Box::new(metric.clone()),
            stated,
            why,
        })?;
        let Some(computed) = computed else {
            return Err(EvaluationError::Undefined { metric: Box::new(metric.clone()), stated });
        };
        let agrees = (computed - stated).abs() <= TOLERANCE * stated.abs().max(1.0);
        // A comparison with NaN is false, so NaN on either side is a disagreement.
        if !agrees {
            return Err(EvaluationError::Disagreement { metric: Box::new(metric.clone()), stated, computed });
        }
    }
    Ok(())
}
