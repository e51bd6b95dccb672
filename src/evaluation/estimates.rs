//! Reads a regressor's rows: label, prediction and quantiles as finite numbers.

use std::collections::BTreeMap;

use parquet::basic::Type;
use parquet::data_type::{DoubleType, FloatType};
use slipway_contract::EvaluationReport;
use slipway_contract::metrics::Estimates;

use super::EvaluationError;
use super::table::{Columns, Reader, same_rows, too_large};

/// How columns of quantiles are called, before the share.
const QUANTILE: &str = "quantile_";

/// Quantiles a model may predict.
const MOST_QUANTILES: usize = 100;

/// Reads the columns of a regressor.
pub(super) fn read(
    file: &Reader,
    columns: &Columns,
    rows: Vec<String>,
    report: &EvaluationReport,
) -> Result<Estimates, EvaluationError> {
    let labels = numbers(file, columns, "label", report)?;
    let predictions = numbers(file, columns, "prediction", report)?;
    let names: Vec<&String> = columns.0.keys().filter(|name| name.starts_with(QUANTILE)).collect();
    if names.len() > MOST_QUANTILES {
        return Err(too_large("quantiles", names.len() as u64, MOST_QUANTILES as u64));
    }
    let quantiles: BTreeMap<String, Vec<f64>> = names
        .into_iter()
        .map(|name| Ok((name.clone(), numbers(file, columns, name, report)?)))
        .collect::<Result<_, EvaluationError>>()?;
    Ok(Estimates { rows, labels, predictions, quantiles })
}

fn numbers(
    file: &Reader,
    columns: &Columns,
    name: &str,
    report: &EvaluationReport,
) -> Result<Vec<f64>, EvaluationError> {
    let (column, kind) = columns.required(name, &[Type::DOUBLE, Type::FLOAT])?;
    let mut numbers = Vec::new();
    let mut push = |row, number: f64| {
        if !number.is_finite() {
            return Err(column.refuse(row, number.to_string(), "a finite number"));
        }
        numbers.push(number);
        Ok(())
    };
    let count = if kind == Type::FLOAT {
        column.each::<FloatType>(file, report.rows, |row, number| push(row, f64::from(*number)))?
    } else {
        column.each::<DoubleType>(file, report.rows, |row, number| push(row, *number))?
    };
    same_rows(&format!("column `{name}`"), count, report.rows)?;
    Ok(numbers)
}
