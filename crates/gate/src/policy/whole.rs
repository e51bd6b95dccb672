//! Checks the rows of metrics of queries or series: each unit must be whole in slices and groups, and all models must have the
//! same truth.

use slipway_contract::Metric;
use slipway_contract::metrics::Attribute;

use crate::evaluation::{Evaluation, Paired, shown};

use super::checks::MetricSubject;
use super::slices::{self, Slicing};

/// The accepted relative difference of two equal numbers. It allows for another order of summation.
const TOLERANCE: f64 = 1e-9;

/// Rejects a slice that would cut a query, and a group that would cut a query or a series, because its value depends on all its
/// rows.
pub(super) fn units_are_whole(subject: &MetricSubject, candidate: &Evaluation) -> Result<(), String> {
    let MetricSubject { metric, slicing, group_by, seeds: _ } = subject;
    let Some(unit) = metric.unit() else { return Ok(()) };
    // The computation of the metric reports a missing column.
    let Some(units) = candidate.attributes.get(unit.column) else { return Ok(()) };
    let sliced = slicing.iter().filter(|_| unit.indivisible).flat_map(Slicing::columns);
    for column in sliced.chain(group_by.as_deref()) {
        if let Some(place) = first_cut(units, slices::attribute(candidate, column)?.as_ref()) {
            let (one, name) = (unit.singular, shown(&units.values[place as usize]));
            return Err(format!(
                "the rows of the {one} {name} have different values of `{column}`, which would cut it; slice and group by \
                 columns that have one value for all rows of a {one}"
            ));
        }
    }
    Ok(())
}

/// The first unit whose rows have different values.
fn first_cut(units: &Attribute, values: &Attribute) -> Option<u32> {
    let mut value_of: Vec<Option<u32>> = vec![None; units.values.len()];
    let mut rows = units.of_row.iter().zip(&values.of_row);
    rows.find(|(unit, value)| value_of[**unit as usize].get_or_insert(**value) != *value).map(|(unit, _)| *unit)
}

/// Rejects a model whose evaluation has other queries, relevances, series or scales than the candidate's. These belong to the
/// data, and different ones would change the figure. A missing grouping column is taken from the candidate.
pub(super) fn truth_is_one(
    metric: &Metric,
    candidate: &Evaluation,
    other: &Paired<'_>,
    whose: &str,
) -> Result<(), String> {
    let differs = |row: usize, column: &str, came: &str, expected: &str| {
        let name = shown(&candidate.table.rows()[row]);
        Err(format!(
            "row {name} has {came} in the column `{column}` for {whose}, expected the candidate's {expected}; evaluate both on \
             the same data"
        ))
    };
    if let Some(column) = metric.unit().map(|unit| unit.column)
        && let (Some(ours), Some(theirs)) = (candidate.attributes.get(column), other.attributes.get(column))
    {
        let text = |attribute: &Attribute, row: usize| attribute.values[attribute.of_row[row] as usize].clone();
        if let Some(row) = (0..ours.of_row.len()).find(|row| text(ours, *row) != text(theirs, *row)) {
            return differs(row, column, &shown(&text(theirs, row)), &shown(&text(ours, row)));
        }
    }
    if let Some(column) = metric.truth_column()
        && let (Some(ours), Some(theirs)) = (candidate.row_scores.get(column), other.row_scores.get(column))
    {
        let same = |(our, their): (&f64, &f64)| (our - their).abs() <= TOLERANCE * our.abs().max(their.abs());
        if let Some(row) = ours.iter().zip(theirs).position(|pair| !same(pair)) {
            return differs(row, column, &theirs[row].to_string(), &ours[row].to_string());
        }
    }
    Ok(())
}
