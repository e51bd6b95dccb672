//! The header of a table: the positions of columns, and the faults of names.

use super::labels::alike_or_near;
use super::{MAX_COLUMNS, OTHER_ENCODING, fault, fault_at, shown};
use crate::{Delimiter, Fault, FaultKind};

/// The names that pandas, polars, R and people give to row numbers, in lower case.
const ROW_NUMBERS: [&str; 12] = [
    "index",
    "level_0",
    "idx",
    "row",
    "row_nr",
    "row_number",
    "rownum",
    "rownames",
    "row.names",
    "row_names",
    "...1",
    "x",
];

/// The fault of a header with too many columns or with NUL bytes; `None` if it is usable.
pub fn unusable_header(file: &str, header: &[String]) -> Option<Fault> {
    if header.len() > MAX_COLUMNS {
        return Some(fault(file, format!("{} columns, expected at most {MAX_COLUMNS}", header.len())));
    }
    let nul = header.iter().any(|name| name.contains('\0'));
    nul.then(|| fault(file, "the header contains NUL bytes, expected text").help(OTHER_ENCODING))
}

/// The fault of a file without a header.
pub fn empty(file: &str) -> Fault {
    fault(file, "the file is empty, expected a header and rows below it")
}

/// The index of a column. `key` is the key of the specification that names the column.
pub fn position(header: &[String], column: &str, key: &str, file: &str) -> Result<usize, Fault> {
    if header.is_empty() {
        return Err(empty(file));
    }
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(fault(file, format!("the header contains the column `{column}` twice"))),
        (None, _) => Err(no_such_column(header, column, key, file)),
    }
}

/// The fault of a header that is one column with another separator in it, at the line of the header.
pub fn wrong_delimiter(header: &[String], file: &str, line: u64, expected: Delimiter) -> Option<Fault> {
    let (message, other) = other_delimiter(header, expected)?;
    let help = format!("set `spec.data.dialect.delimiter: {}`", other.written());
    Some(fault_at(file, line, format!("line {line}: {message}")).help(help))
}

/// The separator that a header of one column contains in place of the expected one, with the message about it.
pub fn other_delimiter(header: &[String], expected: Delimiter) -> Option<(String, Delimiter)> {
    let [only] = header else { return None };
    let is_found = |other: &Delimiter| *other != expected && only.contains(char::from(other.byte()));
    let other = Delimiter::ALL.into_iter().find(is_found)?;
    let (found, expected) = (other.plural(), expected.plural());
    Some((format!("the header is one column with {found} in it, expected columns separated by {expected}"), other))
}

fn no_such_column(header: &[String], column: &str, key: &str, file: &str) -> Fault {
    let names = header.iter().take(12).map(|name| shown(name)).collect::<Vec<_>>().join("`, `");
    let more = if header.len() > 12 { ", …" } else { "" };
    let message = format!("`{file}` has no column `{column}`; it has `{names}`{more}");
    let fault = Fault::new(FaultKind::Specification, message).key(key);
    let names: Vec<&str> = header.iter().map(String::as_str).collect();
    match alike_or_near(column, &names) {
        Some((name, _)) => fault.help(format!("did you mean `{}`?", shown(name))),
        None => fault,
    }
}

/// Whether a column has no name. pandas writes row numbers in such a column. They reveal the label if the rows are sorted by it.
pub fn is_unnamed(column: &str) -> bool {
    column.is_empty() || column.starts_with("Unnamed: ")
}

/// The fault of the first column without a name, if all columns would be features; `None` if all columns have names.
pub fn unnamed_column(header: &[String], file: &str) -> Option<Fault> {
    let place = header.iter().position(|name| is_unnamed(name))?;
    if place > 0 && place + 1 == header.len() && header[place].is_empty() {
        let message = format!("the header ends with a comma, which adds a last column ({}) without a name", place + 1);
        let help = "remove the comma at the end of every line, or list the columns in `spec.data.features`";
        return Some(fault(file, message).help(help));
    }
    let message =
        format!("column {} of the header has no name: it looks like the row numbers of a data frame", place + 1);
    Some(fault(file, message).help(
        "write the table without its index (pandas: `to_csv(…, index=False)`), or list the columns in `spec.data.features`",
    ))
}

/// Whether a column has a name that programs give to row numbers. `__index_level_0__` always contains them. For the other names
/// the values decide.
pub fn is_called_row_number(column: &str) -> bool {
    is_index_level(column) || ROW_NUMBERS.contains(&column.to_lowercase().as_str())
}

/// Whether a column has the name that pandas gives to the index of a data frame.
pub fn is_index_level(column: &str) -> bool {
    let level = column.strip_prefix("__index_level_").and_then(|rest| rest.strip_suffix("__"));
    level.is_some_and(|level| !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_column_is_found_once_or_said_to_be_missing_or_twice() {
        let said =
            |names: &[&str]| position(&header(names), "y", "spec.data.label", "t.csv").map_err(|f| f.to_string());
        assert_eq!(said(&["x", "y"]), Ok(1));
        for (names, expected) in
            [(&["y", "x", "y"][..], "twice"), (&["x", "Y"][..], "has no column `y`"), (&[][..], "the file is empty")]
        {
            assert!(said(names).expect_err("a fault").contains(expected), "{names:?}");
        }
    }

    #[test]
    fn a_header_with_another_delimiter_is_reported_with_its_line_and_the_key_to_write() {
        let fault = wrong_delimiter(&header(&["x;y"]), "t.csv", 3, Delimiter::Comma).expect("a fault");
        assert_eq!((fault.file.as_deref(), fault.line), (Some("t.csv"), Some(3)));
        assert_eq!(
            fault.message,
            "line 3: the header is one column with semicolons in it, expected columns separated by commas"
        );
        assert_eq!(fault.help.as_deref(), Some("set `spec.data.dialect.delimiter: \";\"`"));
        let fault = wrong_delimiter(&header(&["x,y"]), "t.csv", 1, Delimiter::Tab).expect("a fault");
        assert!(fault.message.ends_with("one column with commas in it, expected columns separated by tabs"), "{fault}");
        assert_eq!(wrong_delimiter(&header(&["x", "y;z"]), "t.csv", 1, Delimiter::Comma), None);
        assert_eq!(wrong_delimiter(&header(&["x"]), "t.csv", 1, Delimiter::Comma), None);
    }

    #[test]
    fn a_column_that_is_nearly_called_so_is_named() {
        let help = |column: &str| {
            position(&header(&["Customer ID", "churned", "région"]), column, "", "t.csv").expect_err("none").help
        };
        assert_eq!(help("customer id").as_deref(), Some("did you mean `Customer ID`?"));
        assert_eq!(help("churnde").as_deref(), Some("did you mean `churned`?"));
        assert_eq!(help("re\u{301}gion").as_deref(), Some("did you mean `région`?"));
        assert_eq!(help("weight"), None);
    }

    #[test]
    fn a_header_of_bytes_that_are_no_text_is_reported() {
        assert!(unusable_header("t.csv", &header(&["a\0b"])).is_some());
        assert!(unusable_header("t.csv", &header(&["a", ""])).is_none());
    }

    #[test]
    fn a_column_without_a_name_is_an_index_but_for_the_last_behind_a_comma() {
        let said = |names: &[&str]| unnamed_column(&header(names), "t.csv").map(|fault| fault.message);
        assert_eq!(said(&["a", "b"]), None);
        for names in [&["", "a"][..], &["Unnamed: 0", "a"], &["a", "Unnamed: 3"], &["", "a", ""]] {
            assert!(said(names).expect("a fault").contains("row numbers of a data frame"), "{names:?}");
        }
        let last = said(&["a", "b", ""]).expect("a fault");
        assert!(last.starts_with("the header ends with a comma") && !last.contains("data frame"), "{last}");
    }

    #[test]
    fn names_of_row_numbers_are_known() {
        assert!(is_index_level("__index_level_0__") && is_index_level("__index_level_12__"));
        assert!(!is_index_level("__index_level___") && !is_index_level("index"));
        for name in ["index", "Index", "level_0", "__index_level_1__", "X", "rownames"] {
            assert!(is_called_row_number(name), "{name}");
        }
        assert!(!is_called_row_number("age") && !is_called_row_number("level_1x"));
    }
}
