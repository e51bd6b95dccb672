//! Metrics of units of rows: a value of each query or series, computed from its rows together, and the mean of these values.

use std::collections::HashMap;

use super::{Attribute, Rows, Sums, Unmeasurable};

/// The most characters of a value that a message shows. An untrusted author may have chosen the value.
const MAX_SHOWN: usize = 60;

/// A unit of a metric: all rows with one value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit<'metric> {
    /// The column.
    pub column: &'metric str,
    /// The name of one unit in messages.
    pub singular: &'static str,
    /// The name of several units in messages.
    pub plural: &'static str,
    /// Whether a part of a unit has no value, because the rank of a row depends on all other rows of its query.
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

/// The mean of a value of each unit, as sums over rows. The first row of a unit adds the unit's value, and all others add
/// nothing. Resampling must therefore keep units whole, and draw each with one weight for all of its rows. A unit without a value
/// does not count. If no unit has a value, the mean is undefined.
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

/// A value of the predictions, shortened and escaped for a message.
pub(super) fn shown(value: &str) -> String {
    let cut: String = value.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    format!("`{}`", cut.replace('`', "'"))
}
