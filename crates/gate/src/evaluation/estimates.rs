//! Reads the rows of a regression model: label, prediction and quantiles as finite numbers.

use std::collections::BTreeMap;

use slipway_contract::EvaluationReport;
use slipway_contract::metrics::Estimates;

use super::EvaluationError;
use super::source::{Source, too_large};

/// The prefix of the names of quantile columns.
const QUANTILE: &str = "quantile_";

/// The most quantiles that a model may predict.
const MAX_QUANTILES: usize = 100;

/// Reads the columns of a regression model.
pub(super) fn read(
    source: &Source,
    rows: Vec<String>,
    report: &EvaluationReport,
) -> Result<Estimates, EvaluationError> {
    let numbers = |name: &str| source.numbers(source.required(name)?, report.rows);
    let (labels, predictions) = (numbers("label")?, numbers("prediction")?);
    let names: Vec<&String> = source.columns.keys().filter(|name| name.starts_with(QUANTILE)).collect();
    if names.len() > MAX_QUANTILES {
        return Err(too_large(source.file, "quantiles", names.len() as u64, MAX_QUANTILES as u64));
    }
    let quantiles: BTreeMap<String, Vec<f64>> =
        names.into_iter().map(|name| Ok((name.clone(), numbers(name)?))).collect::<Result<_, EvaluationError>>()?;
    Ok(Estimates { rows, labels, predictions, quantiles })
}
