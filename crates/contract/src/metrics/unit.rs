//! Metrics of units of rows: a value of each query or series, computed from its rows together, and the mean of those values.

use std::collections::HashMap;

use super::{Attribute, Rows, Sums, Unmeasurable};

/// Characters of a value of the predictions that a message shows: a stranger may have chosen it.
const MAX_SHOWN: usize = 60;

/// What a metric takes together as one: all rows of one value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit<'metric> {
    /// The column.
    pub column: &'metric str,
    /// What messages call one of them.
    pub singular: &'static str,
    /// What messages call several of them.
    pub plural: &'static str,
    /// Whether a unit that is cut into parts has no value: the rank of a row depends on all others of its query.
    pub indivisible: bool,
}

/// The attribute in a column.
pub(super) fn attribute<'table>(rows: Rows<'table>, column: &str) -> Result<&'table Attribute, Unmeasurable> {
    rows.attributes.get(column).ok_or_else(|| Unmeasurable::NoColumn(column.to_owned()))
}

/// The numbers in a column.
pub(super) fn numbers<'table>(rows: Rows<'table>, column: &str) -> Result<&'table [f64], Unmeasurable> {
    rows.row_scores.get(column).map(Vec::as_slice).ok_or_else(|| Unmeasurable::NoColumn(column.to_owned()))
}

/// The mean of a value of each unit, as sums over rows: the first row of a unit stands for it and adds its value, all others
/// add nothing. Resampling therefore has to keep units whole, and to draw each with one weight for all of its rows. A unit
/// without a value counts for nothing; without any that counts the mean is undefined.
pub(super) fn mean_of_units<'table>(
    units: &Attribute,
    of: &[u32],
    mut value: impl FnMut(&str, &[u32]) -> Result<Option<f64>, Unmeasurable>,
) -> Result<Sums<'table>, Unmeasurable> {
    let mut order: Vec<(u32, u32)> = of.iter().map(|row| (units.of_row[*row as usize], *row)).collect();
    order.sort_unstable();
    let mut values: HashMap<usize, f64> = HashMap::new();
    let mut rows = Vec::new();
    for unit in order.chunk_by(|one, other| one.0 == other.0) {
        rows.clear();
        rows.extend(unit.iter().map(|(_, row)| *row));
        if let Some(value) = value(&units.values[unit[0].0 as usize], &rows)? {
            values.insert(rows[0] as usize, value);
        }
    }
    let terms = move |row: usize, add: &mut dyn FnMut(usize, f64)| {
        if let Some(value) = values.get(&row) {
            add(0, *value);
            add(1, 1.0);
        }
    };
    Ok(Sums::new(2, terms, |sums| (sums[1] > 0.0).then(|| sums[0] / sums[1])))
}

/// A value of the predictions as a message may show it.
pub(super) fn shown(value: &str) -> String {
    let cut: String = value.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    format!("`{}`", cut.replace('`', "'"))
}
