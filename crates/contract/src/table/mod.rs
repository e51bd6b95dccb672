//! What is said of a table that cannot be learnt from, and what a table may have: the same words and bounds for whoever reads
//! one, be it the trainer or `slipway init`.

mod records;

use crate::{Fault, FaultKind};

pub use records::Records;

/// Classes that a model may tell apart.
pub const MOST_CLASSES: usize = 10_000;
/// The most bytes one file may hold, unpacked.
pub const LARGEST_FILE: u64 = 4 << 30;
/// Columns a table may have.
const MOST_COLUMNS: usize = 20_000;
/// Bytes one record may have. A few kilobytes of gzip can hold a field of gigabytes, and a record is read as a whole.
const LARGEST_RECORD: u64 = 16 << 20;
/// How a pointer of Git LFS begins (git-lfs/docs/spec.md, "The Pointer").
pub const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1";
/// How a file begins that gzip has packed.
pub const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Separators that are recognised, to say that they are not read, with their names.
const OTHER_SEPARATORS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")];
/// More numbers than this as labels are a number to be predicted, more likely than not.
const MANY_NUMBERS: usize = 20;

/// A fault of a file's content.
pub fn fault(file: &str, message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Data, message).file(file)
}

/// The file is kept elsewhere.
pub fn lfs_pointer(file: &str) -> Fault {
    fault(file, "a Git LFS pointer came, expected the data that it stands for")
        .help("Slipway reads git's own objects: commit the data themselves (gzip is unpacked)")
}

/// There is a header, or not even that.
pub fn no_rows(file: &str) -> Fault {
    fault(file, "no rows, expected at least one below the header")
}

/// Bytes that are no text. `line` is where, if that is known.
fn not_utf8(file: &str, line: Option<u64>) -> Fault {
    let line = line.map_or_else(String::new, |line| format!("line {line}: "));
    fault(file, format!("{line}bytes that are not UTF-8")).help("save the table as UTF-8")
}

/// A text that is none: UTF-16 without its mark, or a program's own format.
fn nul_in_row(file: &str, line: u64) -> Fault {
    fault(file, format!("line {line} holds NUL bytes, expected text")).help("save the table as UTF-8")
}

/// A record with more or fewer values than the header.
fn unequal_lengths(file: &str, line: Option<u64>, len: u64, expected: u64) -> Fault {
    let line = line.map_or_else(String::new, |line| format!("line {line}: "));
    fault(file, format!("{line}{len} values, expected {expected} as in the header"))
}

/// More columns than a table may have, or a header that is no text; `None` if it is well.
fn unusable_header(file: &str, header: &[String]) -> Option<Fault> {
    if header.len() > MOST_COLUMNS {
        return Some(fault(file, format!("{} columns, expected at most {MOST_COLUMNS}", header.len())));
    }
    let nul = header.iter().any(|name| name.contains('\0'));
    nul.then(|| fault(file, "the header holds NUL bytes, expected text").help("save the table as UTF-8"))
}

/// There is not even a header.
pub fn empty(file: &str) -> Fault {
    fault(file, "the file is empty, expected a header and rows below it")
}

/// The place of a column. `key` is the key of the specification that asks for it.
pub fn position(header: &[String], column: &str, key: &str, file: &str) -> Result<usize, Fault> {
    if header.is_empty() {
        return Err(empty(file));
    }
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(fault(file, format!("the column `{column}` stands twice in the header"))),
        (None, _) => Err(wrong_delimiter(header, file).unwrap_or_else(|| no_such_column(header, column, key, file))),
    }
}

/// A header that is one column with another separator in it.
pub fn wrong_delimiter(header: &[String], file: &str) -> Option<Fault> {
    let [only] = header else { return None };
    let (_, name) = OTHER_SEPARATORS.iter().find(|(separator, _)| only.contains(*separator))?;
    let message = format!("the header is one column with {name} in it, expected columns separated by commas");
    Some(fault(file, message).help("write the table with commas between its columns"))
}

fn no_such_column(header: &[String], column: &str, key: &str, file: &str) -> Fault {
    let names = header.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("`, `");
    let more = if header.len() > 12 { ", …" } else { "" };
    let message = format!("`{file}` has no column `{column}`; it has `{names}`{more}");
    let fault = Fault::new(FaultKind::Specification, message).key(key);
    match header.iter().find(|name| name.to_lowercase() == column.to_lowercase()) {
        Some(name) => fault.help(format!("did you mean `{name}`?")),
        None => fault,
    }
}

/// Whether a column of the header has no name: it is the row numbers that pandas writes, which tell the label as soon as the
/// rows are sorted by it.
pub fn is_unnamed(column: &str) -> bool {
    column.is_empty() || column.starts_with("Unnamed: ")
}

/// What is said of a row without a label.
pub fn no_label(line: u64, column: &str) -> String {
    format!("line {line} has no label: the column `{column}` is empty")
}

/// What is said of a test row whose label no training row has; `known` are the labels that do.
pub fn unknown_label(file: &str, line: u64, label: &str, known: &[String]) -> Fault {
    let shown: String = label.chars().filter(|c| !c.is_control()).take(60).collect();
    let unknown = fault(file, format!("line {line} has the label `{shown}`, which is none of those learnt"));
    match known.iter().find(|other| are_alike(label, other)) {
        Some(other) => unknown.help(format!("the training rows have `{other}`: write a label in one way everywhere")),
        None => unknown,
    }
}

/// Whether two labels are one to people: the same number, or the same letters in upper or lower case.
fn are_alike(one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let same_number = number(one).zip(number(other)).is_some_and(|(one, other)| one.total_cmp(&other).is_eq());
    same_number || one.to_lowercase() == other.to_lowercase()
}

/// Rows of one class teach nothing.
pub fn one_label(names: &str) -> Fault {
    let message = format!("all rows have one label ({names}), expected at least two classes");
    Fault::new(FaultKind::Data, message).key("spec.data.train")
}

/// More labels than a model can tell apart.
pub fn too_many_classes(classes: usize) -> Fault {
    let message = format!("the training rows have {classes} classes, expected at most {MOST_CLASSES}");
    let fault = Fault::new(FaultKind::Data, message).key("spec.data.label");
    fault.help("is the label a number to be predicted, or a name of each row?")
}

/// The first labels, for a message.
pub fn first_of(classes: &[String]) -> String {
    let first: Vec<&str> = classes.iter().take(8).map(String::as_str).collect();
    format!("`{}`{}", first.join("`, `"), if classes.len() > first.len() { ", …" } else { "" })
}

/// Whether the labels look like a number to be predicted instead of a few classes.
pub fn many_numbers(classes: &[String]) -> bool {
    classes.len() > MANY_NUMBERS && classes.iter().all(|class| class.parse::<f64>().is_ok())
}

/// What is asked where [`many_numbers`] are labels.
pub const REGRESSION: &str = "are the labels numbers to be predicted? That is regression";

/// Classes in their order: as numbers where all are whole numbers, else as texts.
pub fn sort_classes(classes: &mut [String]) {
    classes.sort();
    if classes.iter().all(|class| class.parse::<i64>().is_ok()) {
        classes.sort_by_key(|class| class.parse::<i64>().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_column_is_found_once_or_said_to_be_missing_twice_or_hidden_by_a_separator() {
        let said =
            |names: &[&str]| position(&header(names), "y", "spec.data.label", "t.csv").map_err(|f| f.to_string());
        assert_eq!(said(&["x", "y"]), Ok(1));
        for (names, expected) in [
            (&["y", "x", "y"][..], "stands twice"),
            (&["x;y"][..], "semicolons"),
            (&["x", "Y"][..], "has no column `y`"),
        ] {
            assert!(said(names).expect_err("a fault").contains(expected), "{names:?}");
        }
    }

    #[test]
    fn a_label_that_is_only_spelt_otherwise_is_named() {
        let known = header(&["0.0", "Yes", "café"]);
        for (label, expected) in [("0", Some("`0.0`")), ("yes", Some("`Yes`")), ("CAFÉ", Some("`café`")), ("1", None)]
        {
            let help = unknown_label("t.csv", 2, label, &known).help;
            assert_eq!(help.is_some(), expected.is_some(), "{label}");
            assert!(expected.is_none_or(|expected| help.unwrap_or_default().contains(expected)), "{label}");
        }
        assert!(position(&[], "y", "", "t.csv").expect_err("empty").to_string().contains("the file is empty"));
    }

    #[test]
    fn a_header_of_bytes_that_are_no_text_is_told() {
        assert!(unusable_header("t.csv", &header(&["a\0b"])).is_some());
        assert!(unusable_header("t.csv", &header(&["a", ""])).is_none());
    }
}
