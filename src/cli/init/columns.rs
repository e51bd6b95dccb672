//! Chooses the column to predict and the columns to learn from, once and in front of the author, with a reason for each column
//! that is left out. The rules follow from what the trainer can read: numbers and categories, of which some may be missing.

use std::collections::BTreeSet;

use slipway_contract::table::{self, is_unnamed};
use slipway_contract::{Column as ColumnSpec, ColumnType};

use super::table::{Column, MAX_REMEMBERED, Profile};

/// Common names of the predicted column.
const LABELS: [&str; 6] = ["label", "target", "class", "outcome", "y", "labels"];
/// Names of identifiers, and endings of such names.
const IDENTIFIERS: [&str; 8] = ["id", "uuid", "guid", "index", "idx", "rowid", "row_id", "key"];
const ENDINGS: [&str; 7] = ["_id", "-id", " id", ".id", "_uuid", "_key", "_guid"];
/// Maximum number of different texts of a column that is taken for the label.
const MAX_CLASSES: usize = 20;
/// Number of rows from which ascending numbers count as row numbers.
const MIN_COUNTED: usize = 20;

/// A column that the model does not learn from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) name: String,
    /// Whether its name identifies it in the table.
    pub(super) is_named: bool,
    pub(super) reason: String,
}

/// Returns the most likely label: the only column with such a name, or else the last column, if it contains a few classes or only
/// numbers.
pub(super) fn likely_label(profile: &Profile) -> Option<&str> {
    let holds_classes = |column: &&Column| {
        let is_measured = column.text.is_none() && column.code.is_none() && column.spellings.is_empty();
        let has_few = column.values.as_ref().is_some_and(|values| (2..=MAX_CLASSES).contains(&values.len()));
        column.missing == 0 && (has_few || (is_measured && !column.counts_rows)) && !is_unnamed(&column.name)
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

/// A column that the model learns from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Feature {
    pub(super) name: String,
    /// How its values are read.
    pub(super) column: ColumnSpec,
    /// Whether every row has a value.
    pub(super) is_complete: bool,
}

impl Feature {
    /// Whether every value is a number, so that the column needs no type.
    pub(super) fn is_plain(&self) -> bool {
        self.is_complete && self.column == ColumnSpec::from(ColumnType::Number)
    }
}

/// Returns the columns to learn from, and the other columns except the label.
pub(super) fn choose(profile: &Profile, label: &str) -> (Vec<Feature>, Vec<LeftOut>) {
    let names = profile.names();
    let (mut features, mut left_out) = (Vec::new(), Vec::new());
    for column in profile.columns.iter().filter(|column| column.name != label) {
        let is_twice = names.get(column.name.as_str()).is_some_and(|times| *times > 1);
        let (name, is_complete) = (column.name.clone(), column.missing == 0);
        match why_not(column, is_twice, profile.rows).map_or_else(|| type_of(column, profile.rows), Err) {
            Ok(column) => features.push(Feature { name, column, is_complete }),
            Err(reason) => {
                let is_named = !is_twice && !is_unnamed(&name) && !name.chars().any(char::is_control);
                left_out.push(LeftOut { name, is_named, reason });
            }
        }
    }
    (features, left_out)
}

/// Returns the reason to leave a column out whatever its type.
fn why_not(column: &Column, is_twice: bool, rows: usize) -> Option<String> {
    let Column { name, counts_rows, values, .. } = column;
    if is_unnamed(name) {
        Some("it has no name; it probably contains the row numbers of a data frame".to_owned())
    } else if is_twice {
        Some("its name occurs twice in the header".to_owned())
    } else if name.chars().any(char::is_control) {
        Some("its name contains a control character".to_owned())
    } else if let Some(count) = values.as_ref().map(BTreeSet::len).filter(|count| is_group(name, *count, rows)) {
        Some(format!(
            "its {count} values name {rows} rows, so rows of one value are trained on and tested; to keep them apart, name \
             the whole table as `rows`, with `split: {{by: {{group: {name}}}, test: 0.2}}`"
        ))
    } else if is_identifier(name) {
        Some("its name is that of an identifier, which does not help to predict new rows".to_owned())
    } else if *counts_rows && rows >= MIN_COUNTED {
        Some("it counts the rows".to_owned())
    } else if values.as_ref().is_some_and(BTreeSet::is_empty) {
        Some("it has no value in any row".to_owned())
    } else if values.as_ref().is_some_and(|values| values.len() == 1) && column.missing == 0 {
        Some("it has the same value in every row".to_owned())
    } else {
        None
    }
}

/// Returns the type of a column, or the reason to leave it out. Numbers with leading zeros are codes, which are categories.
fn type_of(column: &Column, rows: usize) -> Result<ColumnSpec, String> {
    let Column { text, code, values, spellings, numbers, .. } = column;
    if text.is_none() && code.is_none() && *numbers > 0 {
        let missing = spellings.iter().cloned().collect();
        return Ok(ColumnSpec { missing, ..ColumnSpec::from(ColumnType::Number) });
    }
    let first = text.as_ref().map(|(place, value)| format!("`{value}` on {place}"));
    let first = first.or_else(|| code.as_ref().map(|code| format!("`{code}`"))).unwrap_or_default();
    if text.as_ref().is_some_and(|(_, value)| looks_like_date(value)) {
        return Err(format!("{first} looks like a date: make numbers of it, such as days since a fixed day"));
    }
    // A few such texts are categories, such as terms of `12 months` and `24 months`.
    if values.as_ref().is_none_or(|values| values.len() > MAX_CLASSES)
        && let Some(help) = text.as_ref().and_then(|(_, value)| table::number::decoration(value))
    {
        return Err(format!("{first} is a number with other characters: {help}"));
    }
    let Some(values) = values else {
        return Err(format!("it has more than {MAX_REMEMBERED} different values, or long ones ({first})"));
    };
    if values.len() * 2 > rows {
        return Err(format!("its values differ in most rows ({first}): an identifier or a text, most likely"));
    }
    if values.len() > 2 {
        return Ok(ColumnSpec::from(ColumnType::Category));
    }
    // Both values are listed, so that training does not depend on which rows it gets.
    Ok(ColumnSpec { values: Some(values.iter().cloned().collect()), ..ColumnSpec::from(ColumnType::Binary) })
}

/// Whether a text begins with a year, a month and a day (ISO 8601).
fn looks_like_date(text: &str) -> bool {
    let is_digit = |place: usize| text.as_bytes().get(place).is_some_and(u8::is_ascii_digit);
    let is_dash = |place: usize| matches!(text.as_bytes().get(place), Some(b'-' | b'/' | b'.'));
    (0..4).chain(5..7).chain(8..10).all(is_digit) && is_dash(4) && is_dash(7)
}

fn is_identifier(name: &str) -> bool {
    let lower = name.to_lowercase();
    let camel = name.len() > 2 && (name.ends_with("Id") || name.ends_with("ID"));
    IDENTIFIERS.contains(&lower.as_str()) || camel || ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// Whether a column names groups of rows, such as the customer of several orders.
fn is_group(name: &str, values: usize, rows: usize) -> bool {
    is_identifier(name) && values > 1 && values * 2 <= rows
}

#[cfg(test)]
mod tests {
    use super::super::table::Input;
    use super::*;

    fn profile(table: &str) -> Profile {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        std::fs::write(&path, table).expect("written");
        Profile::of(&Input::of(&path, "t.csv").expect("a table")).expect("a table")
    }

    #[test]
    fn an_identifier_that_repeats_is_reported_as_a_group_of_rows() {
        let profile = table("customer_id,age,y", |row| format!("c{},{},{}", row / 6, row * 37 % 24, row % 2));
        let (_, left_out) = choose(&profile, "y");
        let expected = "its 4 values name 24 rows, so rows of one value are trained on and tested";
        assert!(left_out[0].reason.starts_with(expected), "{}", left_out[0].reason);
        assert!(
            left_out[0].reason.contains("`split: {by: {group: customer_id}, test: 0.2}`"),
            "{}",
            left_out[0].reason
        );
    }

    /// A table of 24 rows; `row` makes the values.
    fn table(header: &str, row: impl Fn(usize) -> String) -> Profile {
        let rows: Vec<String> = (0..24).map(row).collect();
        profile(&format!("{header}\n{}\n", rows.join("\n")))
    }

    fn typed(features: &[Feature]) -> Vec<String> {
        let text = |feature: &Feature| serde_json::to_string(&feature.column).expect("a column");
        features.iter().map(|feature| format!("{}: {}", feature.name, text(feature))).collect()
    }

    #[test]
    fn types_are_inferred_and_what_is_left_out_has_its_reason() {
        let header = "customer_id,orderId,zip,colour,size,joined,age,bonus,income,n,flat,void,note,x,x,,rate,term,y";
        let seen = table(header, |row| {
            let (gap, colour) = (if row == 3 { "" } else { "1.5" }, ["red", "blue"][row % 2]);
            let income = if row == 5 { "NA".to_owned() } else { format!("{}", row * 100) };
            format!(
                "{row},7,0{}123,{colour},{},2026-01-{:02},{},{gap},{income},{},5,,words {row},1,2,{row},{row}%,{},{}",
                row % 3,
                ["S", "M", "L"][row % 3],
                row + 1,
                row * row,
                row + 9,
                ["12 months", "24 months", "36 months"][row % 3],
                row % 2
            )
        });
        let (features, left_out) = choose(&seen, "y");
        assert_eq!(
            typed(&features),
            [
                "zip: \"category\"",
                "colour: {\"type\":\"binary\",\"values\":[\"blue\",\"red\"]}",
                "size: \"category\"",
                "age: \"number\"",
                "bonus: \"number\"",
                "income: {\"type\":\"number\",\"missing\":[\"NA\"]}",
                "term: \"category\"",
            ]
        );
        let said: Vec<String> = left_out.iter().map(|left| format!("{}: {}", left.name, left.reason)).collect();
        for (index, expected) in [
            "customer_id: its name is that of an identifier",
            "orderId: its name is that of an identifier",
            "joined: `2026-01-01` on line 2 looks like a date",
            "n: it counts the rows",
            "flat: it has the same value",
            "void: it has no value",
            "note: its values differ in most rows",
            "x: its name occurs twice",
            "x: its name occurs twice",
            ": it has no name",
            "rate: `0%` on line 2 is a number with other characters: remove the percent sign in every row: `0`",
        ]
        .iter()
        .enumerate()
        {
            assert!(said[index].starts_with(expected), "expected `{expected}`, came `{}`", said[index]);
        }
    }

    #[test]
    fn a_table_of_numbers_with_gaps_is_typed() {
        let seen = table("a,b,y", |row| format!("{row}.5,{},{}", if row == 2 { "" } else { "7.5" }, row % 2));
        let (features, _) = choose(&seen, "y");
        assert_eq!(features.iter().map(Feature::is_plain).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn only_usual_spellings_of_missing_values_leave_a_column_a_number() {
        let of = |value: &str| {
            let seen =
                table("a,b,y", |row| format!("{row}.5,\"{}\",{}", if row == 2 { value } else { "7.5" }, row % 2));
            typed(&choose(&seen, "y").0).remove(1)
        };
        for missing in ["NA", "NaN", "nan", "?", "null"] {
            assert_eq!(of(missing), format!("b: {{\"type\":\"number\",\"missing\":[\"{missing}\"]}}"));
        }
        for text in ["inf", "1,5", "1_000", "0x1F", "1e999"] {
            assert!(of(text).starts_with("b: {\"type\":\"binary\""), "{text}: two texts, which the author sees");
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
        assert_eq!(likely_label(&table("a,price", |row| format!("{row}.5,{row}.25"))), Some("price"));
        assert_eq!(likely_label(&table("a,note", |row| format!("{row}.5,note {row}"))), None);
        assert_eq!(likely_label(&table("a,n", |row| format!("{row}.5,{row}"))), None, "it counts the rows");
    }
}
