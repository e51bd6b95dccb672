//! Chooses the column to predict and the columns to learn from, once and in front of the author, with a reason for each column
//! that is left out. The rules follow from what the trainer can read: finite numbers in every row.

use slipway_contract::table::is_unnamed;

use super::table::{Column, Profile};

/// Common names of the predicted column.
const LABELS: [&str; 6] = ["label", "target", "class", "outcome", "y", "labels"];
/// Names of identifiers, and endings of such names.
const IDENTIFIERS: [&str; 8] = ["id", "uuid", "guid", "index", "idx", "rowid", "row_id", "key"];
const ENDINGS: [&str; 7] = ["_id", "-id", " id", ".id", "_uuid", "_key", "_guid"];
/// Number of rows from which ascending numbers count as row numbers.
const MIN_COUNTED: usize = 20;

/// A column that the model does not learn from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) name: String,
    pub(super) reason: String,
}

/// Returns the most likely label: the only column with such a name, or else the last column, if it contains a few classes.
pub(super) fn likely_label(profile: &Profile) -> Option<&str> {
    let holds_classes = |column: &&Column| {
        column.missing == 0
            && column.values.as_ref().is_some_and(|values| values.len() > 1)
            && !is_unnamed(&column.name)
    };
    let is_called_so = |column: &&Column| LABELS.contains(&column.name.to_lowercase().as_str());
    let mut called: Vec<&Column> = profile.columns.iter().filter(is_called_so).filter(holds_classes).collect();
    let found = match called.len() {
        0 => profile.columns.last().filter(holds_classes)?,
        1 => called.remove(0),
        _ => return None,
    };
    Some(&found.name)
}

/// Returns the columns to learn from, and the other columns except the label.
pub(super) fn choose(profile: &Profile, label: &str) -> (Vec<String>, Vec<LeftOut>) {
    let names = profile.names();
    let (mut features, mut left_out) = (Vec::new(), Vec::new());
    for column in profile.columns.iter().filter(|column| column.name != label) {
        let is_twice = names.get(column.name.as_str()).is_some_and(|times| *times > 1);
        match why_not(column, is_twice, profile.rows) {
            None => features.push(column.name.clone()),
            Some(reason) => left_out.push(LeftOut { name: column.name.clone(), reason }),
        }
    }
    (features, left_out)
}

fn why_not(column: &Column, is_twice: bool, rows: usize) -> Option<String> {
    let Column { name, text, missing, code, counts_rows, values, .. } = column;
    if is_unnamed(name) {
        Some("it has no name; it probably contains the row numbers of a data frame".to_owned())
    } else if is_twice {
        Some("its name occurs twice in the header".to_owned())
    } else if name.chars().any(char::is_control) {
        Some("its name contains a control character".to_owned())
    } else if is_identifier(name) {
        Some("its name is that of an identifier, which does not help to predict new rows".to_owned())
    } else if let Some((line, value)) = text {
        Some(format!("`{value}` on line {line} is not a finite number, which the trainer requires"))
    } else if *missing > 0 {
        Some(format!("{missing} of {rows} rows have no value, but the trainer requires one in every row"))
    } else if let Some(code) = code {
        Some(format!("`{code}` is a code rather than a number"))
    } else if *counts_rows && rows >= MIN_COUNTED {
        Some("it counts the rows".to_owned())
    } else if values.as_ref().is_some_and(|values| values.len() < 2) {
        Some("it has the same value in every row".to_owned())
    } else {
        None
    }
}

fn is_identifier(name: &str) -> bool {
    let lower = name.to_lowercase();
    let camel = name.len() > 2 && (name.ends_with("Id") || name.ends_with("ID"));
    IDENTIFIERS.contains(&lower.as_str()) || camel || ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(table: &str) -> Profile {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        std::fs::write(&path, table).expect("written");
        Profile::of(&path, "t.csv").expect("a table")
    }

    /// A table of 24 rows; `row` makes the values.
    fn table(header: &str, row: impl Fn(usize) -> String) -> Profile {
        let rows: Vec<String> = (0..24).map(row).collect();
        profile(&format!("{header}\n{}\n", rows.join("\n")))
    }

    #[test]
    fn types_are_inferred_and_what_is_left_out_has_its_reason() {
        let seen = table("customer_id,orderId,zip,colour,joined,age,bonus,n,flat,x,x,,y", |row| {
            let (gap, colour) = (if row == 3 { "" } else { "1.5" }, ["red", "blue"][row % 2]);
            format!(
                "{row},7,0{row}123,{colour},2026-01-{:02},{},{gap},{},5,1,2,{row},{}",
                row + 1,
                row * row,
                row + 9,
                row % 2
            )
        });
        let (features, left_out) = choose(&seen, "y");
        assert_eq!(features, ["age"]);
        let said: Vec<String> = left_out.iter().map(|left| format!("{}: {}", left.name, left.reason)).collect();
        for (index, expected) in [
            "customer_id: its name is that of an identifier",
            "orderId: its name is that of an identifier",
            "zip: `00123` is a code",
            "colour: `red` on line 2 is not a finite number",
            "joined: `2026-01-01` on line 2",
            "bonus: 1 of 24 rows have no value",
            "n: it counts the rows",
            "flat: it has the same value",
            "x: its name occurs twice",
            "x: its name occurs twice",
            ": it has no name",
        ]
        .iter()
        .enumerate()
        {
            assert!(said[index].starts_with(expected), "expected `{expected}`, came `{}`", said[index]);
        }
    }

    #[test]
    fn spellings_of_missing_values_are_no_numbers() {
        for missing in ["NA", "NaN", "nan", "?", "null", "inf", "-inf", "1,5", "1_000", "0x1F", "1e999"] {
            let seen =
                table("a,b,y", |row| format!("{row}.5,\"{}\",{}", if row == 2 { missing } else { "7" }, row % 2));
            let (features, left_out) = choose(&seen, "y");
            assert_eq!((features.len(), left_out.len()), (1, 1), "{missing}: {left_out:?}");
        }
    }

    #[test]
    fn the_label_is_guessed_by_its_name_or_as_the_last_column_with_classes() {
        let of = |header: &str| {
            likely_label(&table(header, |row| format!("{}.5,{},{}", row, row % 3, row % 2))).map(str::to_owned)
        };
        assert_eq!(of("a,Target,c").as_deref(), Some("Target"));
        assert_eq!(of("a,b,churned").as_deref(), Some("churned"));
        assert_eq!(of("a,label,y"), None, "two are called so");
        let numbers = table("y,price", |row| format!("{},{row}.25", row % 2));
        assert_eq!(likely_label(&numbers), Some("y"));
        assert_eq!(likely_label(&table("a,price", |row| format!("{row}.5,{row}.25"))), None);
    }
}
