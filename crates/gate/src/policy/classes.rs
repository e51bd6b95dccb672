//! Classes that a metric speaks of and that no row has: what is not known of them must not be passed over.

use slipway_contract::Metric;
use slipway_contract::metrics::{Predictions, Table};

use crate::evaluation::{Evaluation, listed};

/// The classes that a metric needs rows of and that none of these rows has, in words; `None` if there are none. A class that the
/// evaluation does not know is told of when the metric is computed.
pub(super) fn without_rows(metric: &Metric, candidate: &Evaluation, rows: &[u32]) -> Option<String> {
    let Table::Classes(table) = &candidate.table else { return None };
    if rows.is_empty() || (metric.needs_rows_of(&table.classes).is_empty() && !metric.needs_two_classes()) {
        return None;
    }
    let missing = metric.lacks_rows_of(&table.classes, &counts(table, rows)?);
    (!missing.is_empty()).then(|| listed(&missing, "or"))
}

/// Why a metric is not judged without rows of these classes.
pub(super) fn reason(missing: &str) -> String {
    format!("no row has the label {missing}; add test rows with it, or name a metric without it")
}

/// How many rows each class has; `None` if a label is none of the classes, which is told of when the metric is computed.
fn counts(table: &Predictions, rows: &[u32]) -> Option<Vec<u64>> {
    let mut counts = vec![0; table.classes.len()];
    for row in rows {
        *counts.get_mut(table.labels[*row as usize] as usize)? += 1;
    }
    Some(counts)
}
