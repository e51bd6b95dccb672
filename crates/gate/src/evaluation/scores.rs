//! Reads the `score_<class>` columns: the model's score for every class.

use std::collections::HashSet;

use slipway_contract::EvaluationReport;

use super::EvaluationError;
use super::source::{Source, refuse_column, too_large};

/// The most scores (rows times classes) of a predictions file: two gigabytes in memory.
const MAX_SCORES: u64 = 500_000_000;

/// The accepted difference of a row's sum of scores from one. It covers the rounding of 32-bit floats over many classes. Without
/// this rule a score of one for every class would give a perfect log loss.
const SUM_TOLERANCE: f64 = 1e-3;

/// The scores row by row, if the file has any. It must then have them for every class.
pub(super) fn read(source: &Source, report: &EvaluationReport) -> Result<Option<Vec<f32>>, EvaluationError> {
    let wanted: Vec<String> = report.classes.iter().map(|class| format!("score_{class}")).collect();
    let known: HashSet<&str> = wanted.iter().map(String::as_str).collect();
    let stated: Vec<&String> = source.columns.keys().filter(|name| name.starts_with("score_")).collect();
    if stated.is_empty() {
        return Ok(None);
    }
    if let Some(foreign) = stated.iter().filter(|name| !known.contains(name.as_str())).min() {
        let came = "is for a class that is not in report.json";
        return Err(refuse_column(source.file, foreign, came, "one column for each of its classes"));
    }
    let cells = report.rows.saturating_mul(wanted.len() as u64);
    if cells > MAX_SCORES {
        return Err(too_large(source.file, "scores", cells, MAX_SCORES));
    }
    let mut by_class = Vec::with_capacity(wanted.len());
    for name in &wanted {
        by_class.push(scores_of(source, name, report)?);
    }
    let rows = by_class.first().map_or(0, Vec::len);
    let mut scores = Vec::with_capacity(rows * wanted.len());
    for row in 0..rows {
        let sum: f64 = by_class.iter().map(|column| f64::from(column[row])).sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(EvaluationError::Value {
                file: source.file,
                row: row as u64 + 1,
                column: "score_…".to_owned(),
                came: format!("the scores sum to {sum:.4}"),
                expected: "a sum of 1; end the model with a softmax".to_owned(),
            });
        }
        scores.extend(by_class.iter().map(|column| column[row]));
    }
    Ok(Some(scores))
}

fn scores_of(source: &Source, name: &str, report: &EvaluationReport) -> Result<Vec<f32>, EvaluationError> {
    let Some(column) = source.columns.get(name) else {
        return Err(refuse_column(source.file, name, "is missing", "score columns for all classes or for none"));
    };
    let column = column.of_numbers()?;
    let mut scores = Vec::new();
    source.each(column, report.rows, |row, cell| {
        let score = cell.number().unwrap_or(f64::NAN);
        if !(0.0..=1.0).contains(&score) {
            return Err(column.refuse(row, format!("score {score}"), "a number from 0 to 1"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a score keeps seven digits, as the metrics define it")]
        scores.push(score as f32);
        Ok(())
    })?;
    Ok(scores)
}
