//! Selects the rows of a test set that may still judge once some are used up: queries and series are judged whole or not at all.

use slipway_contract::metrics::Attribute;

/// Adds the rows that share a unit with a row that is left out, in any column that names units, and the rows that share a unit
/// with those. A unit without some of its rows would have another metric.
pub(super) fn with_whole_units(mut left_out: Vec<bool>, units: &[&Attribute]) -> Vec<bool> {
    let columns: Vec<&Attribute> =
        units.iter().copied().filter(|column| column.of_row.len() == left_out.len()).collect();
    let mut members: Vec<Vec<Vec<u32>>> = columns.iter().map(|column| members_of(column)).collect();
    let mut rows: Vec<u32> = (0..).zip(&left_out).filter(|(_, is_out)| **is_out).map(|(row, _)| row).collect();
    while let Some(row) = rows.pop() {
        for (column, members) in columns.iter().zip(&mut members) {
            let unit = column.of_row[row as usize] as usize;
            // Each unit is taken once, so each row is read once per column.
            for member in std::mem::take(&mut members[unit]) {
                if !std::mem::replace(&mut left_out[member as usize], true) {
                    rows.push(member);
                }
            }
        }
    }
    left_out
}

/// The rows of each unit.
fn members_of(column: &Attribute) -> Vec<Vec<u32>> {
    let units = column.of_row.iter().max().map_or(0, |most| *most as usize + 1);
    let mut members = vec![Vec::new(); units];
    for (row, unit) in (0..).zip(&column.of_row) {
        members[*unit as usize].push(row);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(of_row: &[u32]) -> Attribute {
        Attribute { values: (0..9).map(|value| value.to_string()).collect(), of_row: of_row.to_vec() }
    }

    fn left_out(out: &[usize], columns: &[&[u32]]) -> Vec<usize> {
        let columns: Vec<Attribute> = columns.iter().map(|of_row| column(of_row)).collect();
        let rows = (0..6).map(|row| out.contains(&row)).collect();
        let left_out = with_whole_units(rows, &columns.iter().collect::<Vec<_>>());
        left_out.iter().enumerate().filter(|(_, is_out)| **is_out).map(|(row, _)| row).collect()
    }

    #[test]
    fn a_unit_is_left_out_whole_if_one_of_its_rows_is() {
        assert_eq!(left_out(&[1], &[&[0, 0, 1, 1, 2, 0]]), [0, 1, 5]);
        assert_eq!(left_out(&[], &[&[0, 0, 1, 1, 2, 0]]), [0_usize; 0]);
        assert_eq!(left_out(&[1, 4], &[]), [1, 4]);
    }

    #[test]
    fn units_of_one_column_that_cut_units_of_another_take_them_along() {
        // Row 0 adds row 1 by its query, row 1 adds row 2 by its series, and row 2 adds row 3 by its query.
        assert_eq!(left_out(&[0], &[&[0, 0, 1, 1, 2, 3], &[5, 6, 6, 7, 8, 4]]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_column_of_other_rows_cuts_nothing() {
        assert_eq!(left_out(&[0], &[&[0, 0]]), [0]);
    }
}
