//! Finds classes that a metric names and that no row has, so that the check does not pass without them.

use slipway_contract::Metric;
use slipway_contract::metrics::{Predictions, Table};

use crate::evaluation::{Evaluation, listed};

/// The classes that a metric needs rows of and that none of these rows has, as a phrase; `None` if there are none. The
/// computation of the metric reports a class that the evaluation does not contain.
pub(super) fn without_rows(metric: &Metric, candidate: &Evaluation, rows: &[u32]) -> Option<String> {
    let Table::Classes(table) = &candidate.table else { return None };
    if rows.is_empty() || (metric.needs_rows_of(&table.classes).is_empty() && !metric.needs_two_classes()) {
        return None;
    }
    let missing = metric.lacks_rows_of(&table.classes, &counts(table, rows)?);
    (!missing.is_empty()).then(|| listed(&missing, "or"))
}

/// The reason why a metric is not judged without rows of these classes.
pub(super) fn reason(missing: &str) -> String {
    format!("no row has the label {missing}; add test rows with it, or name a metric without it")
}

/// The number of rows of each class. `None` if a label is not one of the classes, which the computation of the metric reports.
fn counts(table: &Predictions, rows: &[u32]) -> Option<Vec<u64>> {
    let mut counts = vec![0; table.classes.len()];
    for row in rows {
        *counts.get_mut(table.labels[*row as usize] as usize)? += 1;
    }
    Some(counts)
}
