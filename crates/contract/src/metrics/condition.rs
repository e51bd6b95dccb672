//! Rows that meet a condition on columns, and the values in the condition that none of them has. The gate and the checks before
//! training share this code.

use super::Attribute;

/// The column of predictions. The model decides which of its values occur, not the test set.
pub const PREDICTION: &str = "prediction";

/// The values of a column that a condition lists.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'work> {
    /// The column.
    pub column: &'work str,
    /// The values.
    pub values: &'work [String],
    /// The values of the rows.
    pub found: &'work Attribute,
}

impl<'work> Wanted<'work> {
    /// For each row, whether it has one of the values.
    fn of_rows(&self) -> impl Iterator<Item = bool> {
        let is_wanted: Vec<bool> = self.found.values.iter().map(|value| self.values.contains(value)).collect();
        self.found.of_row.iter().map(move |value| is_wanted.get(*value as usize) == Some(&true))
    }

    /// The values that none of these rows has, each once.
    pub fn without_rows(&self, rows: &[u32]) -> Vec<&'work str> {
        let mut occurs = vec![false; self.found.values.len()];
        for row in rows {
            if let Some(occurs) = self.found.of_row.get(*row as usize).and_then(|value| occurs.get_mut(*value as usize))
            {
                *occurs = true;
            }
        }
        let present = || self.found.values.iter().zip(&occurs).filter(|(_, occurs)| **occurs).map(|(value, _)| value);
        let mut missing: Vec<&str> = Vec::new();
        for value in self.values {
            if !missing.contains(&value.as_str()) && !present().any(|present| present == value) {
                missing.push(value);
            }
        }
        missing
    }
}

/// The indexes of the rows, out of `rows`, that have one of the listed values in every column.
pub fn rows_meeting(wanted: &[Wanted<'_>], rows: usize) -> Vec<u32> {
    let mut meets = vec![true; rows];
    for wanted in wanted {
        meets.iter_mut().zip(wanted.of_rows()).for_each(|(meets, has)| *meets &= has);
    }
    (0..).zip(meets).filter_map(|(row, meets)| meets.then_some(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(values: &[&str], of_row: &[u32]) -> Attribute {
        Attribute { values: values.iter().map(|value| (*value).to_owned()).collect(), of_row: of_row.to_vec() }
    }

    #[test]
    fn values_are_searched_for_in_the_rows_that_meet_the_whole_condition() {
        let (region, sex) =
            (attribute(&["north", "west", "east"], &[0, 0, 1, 2]), attribute(&["f", "m"], &[0, 1, 1, 0]));
        let [regions, sexes] = [&["west", "north", "west", "south"][..], &["f"]]
            .map(|texts| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let wanted = [
            Wanted { column: "region", values: &regions, found: &region },
            Wanted { column: "sex", values: &sexes, found: &sex },
        ];
        assert_eq!(rows_meeting(&wanted[..1], 4), [0, 1, 2]);
        assert_eq!(wanted[0].without_rows(&[0, 1, 2]), ["south"]);
        let rows = rows_meeting(&wanted, 4);
        assert_eq!((rows.as_slice(), wanted[0].without_rows(&rows)), (&[0][..], vec!["west", "south"]));
        assert_eq!(wanted[1].without_rows(&rows), [""; 0]);
        assert_eq!((rows_meeting(&[], 2), rows_meeting(&wanted, 0)), (vec![0, 1], vec![]));
    }
}
