//! Reads the evaluation's own scores: columns of numbers or truth values that its evaluator computed for each row.

use std::collections::BTreeSet;

use slipway_contract::EvaluationReport;
use slipway_contract::metrics::RowScores;

use super::EvaluationError;
use super::cell::Kind;
use super::source::{Column, Source, finite, too_large};

/// The most columns of own scores that are read.
const MAX_COLUMNS: u64 = 100;

/// Reads the columns of `wanted` that exist.
pub(super) fn read(
    source: &Source,
    wanted: &BTreeSet<String>,
    report: &EvaluationReport,
) -> Result<RowScores, EvaluationError> {
    let columns = wanted.len() as u64;
    if columns > MAX_COLUMNS {
        return Err(too_large(source.file, "columns with scores of rows", columns, MAX_COLUMNS));
    }
    let present = wanted.iter().filter_map(|name| Some((name, source.columns.get(name)?)));
    present.map(|(name, column)| Ok((name.clone(), read_one(source, column, report.rows)?))).collect()
}

/// Truth values become one and zero.
fn read_one(source: &Source, column: &Column, rows: u64) -> Result<Vec<f64>, EvaluationError> {
    if column.kind != Kind::Truth && !column.kind.is_number() {
        return Err(column.unlike("numbers or truth values"));
    }
    let mut scores = Vec::new();
    source.each(column, rows, |row, cell| {
        let score = match cell.truth() {
            Some(truth) => f64::from(u8::from(truth)),
            None => finite(column, row, cell)?,
        };
        scores.push(score);
        Ok(())
    })?;
    Ok(scores)
}
