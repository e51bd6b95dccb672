//! Labels as users write them: missing labels, labels that look alike, and numeric labels that suggest regression.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

use super::number::canonical;
use super::{MAX_CLASSES, Place, fault_at, shown};
use crate::{Fault, FaultKind};

/// More than this many numeric labels are probably a number to predict.
const MANY_NUMBERS: usize = 20;
/// Whole numbers are nevertheless classes if there are at most this many, each with at least this many rows.
const MAX_NUMBERED: usize = 100;
const ROWS_OF_A_CLASS: u64 = 20;
/// The most labels that a message names.
const MAX_NAMED: usize = 10;

/// Spellings of a missing label, in lower case. They are no names of classes in any language.
const MISSING: [&str; 8] = ["nan", "-nan", "+nan", "<na>", "#n/a", "#na", "nat", "(null)"];
/// Spellings that usually stand for a missing label, but may be names.
const DOUBTFUL: [&str; 10] = ["NA", "N/A", "n/a", "null", "NULL", "None", "?", "-", "--", "\\N"];

/// A label with the number of its rows.
pub type Counted = (String, u64);

/// Whether a label is missing: the cell is empty, or it contains a spelling for a missing value.
pub fn is_missing(label: &str) -> bool {
    let label = label.trim();
    label.is_empty() || MISSING.contains(&label.to_lowercase().as_str())
}

/// The message for a row without a label.
pub fn no_label(place: impl Into<Place>, column: &str) -> String {
    let place = place.into();
    format!("{place} has no label: the column `{column}` is empty")
}

/// The fault of a row with a missing label.
pub fn missing_label(file: &str, place: impl Into<Place>, column: &str, label: &str) -> Fault {
    let place = place.into();
    let message = if label.trim().is_empty() {
        no_label(place, column)
    } else {
        format!("{place} has no label: `{}` in the column `{column}` means a missing value", shown(label))
    };
    fault_at(file, place, message).help("write the label of the row, or remove the row")
}

/// The fault of test rows with a label that no training row has. `known` are the labels of the training rows. `rows` rows have
/// this label, the first at `place`.
pub fn unknown_label(file: &str, place: impl Into<Place>, label: &str, rows: u64, known: &[String]) -> Fault {
    let place = place.into();
    let more = match rows {
        0 | 1 => String::new(),
        rows => format!(" (and {})", crate::counted(rows - 1, "more row")),
    };
    let message = format!("{place} has the label `{}`, which no training row has{more}", shown(label));
    let unknown = fault_at(file, place, message);
    let learnt: Vec<&str> = known.iter().map(String::as_str).collect();
    match alike_or_near(label, &learnt) {
        Some((other, true)) => unknown.help(format!(
            "the training rows have {}: use one spelling of the label everywhere",
            with_code_points(other, label)
        )),
        Some((other, false)) => unknown.help(format!("did you mean `{}`?", shown(other))),
        None => unknown.help("add training rows with this label, or remove the test rows that have it"),
    }
}

/// A key that is equal for labels that look alike to people: the same number, or the same letters regardless of case, Unicode
/// form and white space.
fn likeness(label: &str) -> String {
    if let Some(number) = canonical(label) {
        return format!("#{number}");
    }
    let letters: String = label.nfkc().flat_map(char::to_lowercase).nfkc().filter(|c| !is_invisible(*c)).collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a character is invisible.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
        || (c.is_control() && !c.is_whitespace())
}

/// Whether two labels look alike to people.
pub fn are_alike(one: &str, other: &str) -> bool {
    likeness(one) == likeness(other)
}

/// The known name that is most likely meant: one that looks alike (true), or one that differs in few letters (false).
pub fn alike_or_near<'known>(name: &str, known: &[&'known str]) -> Option<(&'known str, bool)> {
    let meant = likeness(name);
    let others = || known.iter().copied().filter(|other| *other != name).take(MAX_CLASSES);
    if let Some(other) = others().find(|other| likeness(other) == meant) {
        return Some((other, true));
    }
    let length = meant.chars().count();
    let most = length / 3;
    // Long texts are not mistyped names, and comparing them takes time proportional to the square of their length.
    if most == 0 || length > 60 || meant.starts_with('#') {
        return None;
    }
    let near = others()
        .filter(|other| other.len() <= 4 * 60)
        .map(|other| (strsim::osa_distance(&meant, &likeness(other)), other));
    near.filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| (other, false))
}

/// A suggestion for an unknown class.
pub fn did_you_mean(name: &str, known: &[&str]) -> Option<String> {
    alike_or_near(name, known).map(|(other, _)| format!("did you mean {}?", with_code_points(other, name)))
}

/// A label for a message. If it looks the same as `other`, its code points are added.
fn with_code_points(label: &str, other: &str) -> String {
    let visible = |text: &str| text.nfkc().filter(|c| !is_invisible(*c)).collect::<String>();
    let (seen, of_other) = (visible(label), visible(other));
    if seen != of_other || label.is_ascii() {
        return format!("`{}`", shown(label));
    }
    let numbered: String = label
        .chars()
        .take(60)
        .map(|c| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() })
        .collect();
    format!("`{}` (written `{numbered}`)", shown(label))
}

/// The warnings about labels that look alike: one message for each group, with every spelling and the number of its rows.
pub fn alike_labels(classes: &[Counted]) -> Vec<String> {
    let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, (label, _)) in classes.iter().enumerate() {
        groups.entry(likeness(label)).or_default().push(place);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().filter(|places| places.len() > 1).collect();
    groups.sort();
    groups.iter().map(|places| alike_message(places, classes)).collect()
}

fn alike_message(places: &[usize], classes: &[Counted]) -> String {
    let spellings = places.iter().take(MAX_NAMED).map(|place| {
        let (label, rows) = &classes[*place];
        let other = places.iter().find(|other| *other != place).map_or("", |other| &classes[*other].0);
        let is_same = |other: &&usize| *other != place && looks_as(label, &classes[**other].0);
        let other = places.iter().find(is_same).map_or(other, |other| &classes[*other].0);
        format!("{} ({rows} {})", with_code_points(label, other), if *rows == 1 { "row" } else { "rows" })
    });
    let spellings: Vec<String> = spellings.collect();
    let more = places.len() - spellings.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("the labels {}{more} look the same, but they are {} classes", spellings.join(" and "), places.len())
}

fn looks_as(one: &str, other: &str) -> bool {
    one.nfkc().filter(|c| !is_invisible(*c)).eq(other.nfkc().filter(|c| !is_invisible(*c)))
}

/// The help text for [`alike_labels`].
pub const ONE_WAY: &str = "use one spelling of each label in the training rows and in the test rows";

/// The warnings about labels that may stand for a missing label, with the number of their rows.
pub fn doubtful_labels(classes: &[Counted]) -> Vec<String> {
    let doubtful = classes.iter().filter(|(label, _)| DOUBTFUL.contains(&label.as_str()));
    doubtful
        .map(|(label, rows)| {
            let have = if *rows == 1 { "training row has" } else { "training rows have" };
            format!("{rows} {have} the label `{label}`, which usually means a missing value")
        })
        .collect()
}

/// The fault of training rows with a single class.
pub fn one_label(names: &str) -> Fault {
    let message = format!("all rows have one label ({names}), expected at least two classes");
    Fault::new(FaultKind::Data, message).key("spec.data.train")
}

/// The fault of more classes than a model may have.
pub fn too_many_classes(classes: usize) -> Fault {
    let message = format!("the training rows have {classes} classes, expected at most {MAX_CLASSES}");
    let fault = Fault::new(FaultKind::Data, message).key("spec.data.label");
    fault.help("check whether the label is a numeric target, or an identifier of each row")
}

/// The first labels, for a message.
pub fn first_of(classes: &[String]) -> String {
    let first: Vec<String> = classes.iter().take(8).map(|class| shown(class)).collect();
    format!("`{}`{}", first.join("`, `"), if classes.len() > first.len() { ", …" } else { "" })
}

/// Whether the labels look like a number to predict instead of a few classes.
pub fn many_numbers(classes: &[String]) -> bool {
    classes.len() > MANY_NUMBERS && classes.iter().all(|class| class.parse::<f64>().is_ok())
}

/// Whether the labels of `rows` rows are probably a number to predict: many numbers, unless they are whole and each has enough
/// rows for a class.
pub fn are_measured(classes: &[String], rows: u64) -> bool {
    let whole = classes.iter().all(|class| class.parse::<i64>().is_ok());
    let plenty = classes.len() <= MAX_NUMBERED && rows / classes.len().max(1) as u64 >= ROWS_OF_A_CLASS;
    many_numbers(classes) && !(whole && plenty)
}

/// The question to the user if [`many_numbers`] are labels.
pub const REGRESSION: &str = "check whether the labels are numeric targets; predicting numbers is regression";

/// Sorts classes: as numbers if all are whole numbers, otherwise as texts.
pub fn sort_classes(classes: &mut [String]) {
    classes.sort();
    if classes.iter().all(|class| class.parse::<i64>().is_ok()) {
        classes.sort_by_key(|class| class.parse::<i64>().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(labels: &[(&str, u64)]) -> Vec<Counted> {
        labels.iter().map(|(label, rows)| ((*label).to_owned(), *rows)).collect()
    }

    #[test]
    fn labels_that_people_take_for_one_are_reported_with_the_rows_of_each() {
        let of = |labels: &[(&str, u64)]| alike_labels(&counted(labels));
        assert_eq!(
            of(&[("No", 4), ("Yes", 120), ("maybe", 2), ("no", 1), ("yes", 3)]),
            [
                "the labels `No` (4 rows) and `no` (1 row) look the same, but they are 2 classes",
                "the labels `Yes` (120 rows) and `yes` (3 rows) look the same, but they are 2 classes",
            ]
        );
        for pair in [
            ["0", "0.0"],
            ["1", "01"],
            ["1e3", "1000"],
            ["True", "true"],
            ["caf\u{e9}", "cafe\u{301}"],
            ["ＹＥＳ", "yes"],
            ["a b", "a  b"],
            ["a b", "a\u{a0}b"],
            ["cat", "cat\u{200b}"],
            ["ﬁne", "fine"],
        ] {
            assert_eq!(of(&[(pair[0], 1), (pair[1], 2)]).len(), 1, "{pair:?}");
        }
        for pair in [["1", "-1"], ["9007199254740993", "9007199254740992"], ["cat", "cats"], ["é", "e"], ["0", "O"]] {
            assert_eq!(of(&[(pair[0], 1), (pair[1], 2)]), [""; 0], "{pair:?}");
        }
        assert_eq!(
            of(&[("caf\u{e9}", 5), ("cafe\u{301}", 1)]),
            ["the labels `café` (written `caf\\u{e9}`) (5 rows) and `cafe\u{301}` (written `cafe\\u{301}`) (1 row) \
                 look the same, but they are 2 classes"]
        );
    }

    #[test]
    fn a_label_that_is_missing_is_no_class_and_one_that_may_be_is_warned_of() {
        for label in ["", "  ", "NaN", "nan", "-nan", "<NA>", "#N/A", "NaT"] {
            assert!(is_missing(label), "{label}");
        }
        for label in ["NA", "none", "None", "null", "0", "Nan's", "unknown"] {
            assert!(!is_missing(label), "{label}");
        }
        let said = doubtful_labels(&counted(&[("None", 3), ("none", 4), ("NA", 1)]));
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[1], "1 training row has the label `NA`, which usually means a missing value");
    }

    #[test]
    fn a_label_that_is_only_spelt_otherwise_is_named() {
        let known: Vec<String> = ["0.0", "Yes", "caf\u{e9}", "setosa"].map(str::to_owned).to_vec();
        for (label, expected) in [
            ("0", "`0.0`"),
            ("yes", "`Yes`"),
            ("CAFÉ", "`café`"),
            ("cafe\u{301}", "`café` (written `caf\\u{e9}`)"),
            ("setsoa", "did you mean `setosa`?"),
            ("1", "add training rows"),
        ] {
            let help = unknown_label("t.csv", 2, label, 1, &known).help.unwrap_or_default();
            assert!(help.contains(expected), "{label}: {help}");
        }
        let fault = unknown_label("t.csv", 7, "emu", 3, &known);
        assert_eq!(fault.message, "line 7 has the label `emu`, which no training row has (and 2 more rows)");
        assert_eq!((fault.line, fault.file.as_deref()), (Some(7), Some("t.csv")));
    }

    #[test]
    fn measured_numbers_are_distinguished_from_classes_that_are_numbered() {
        let numbers = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        assert!(are_measured(&numbers(50), 100) && !are_measured(&numbers(50), 5_000));
        assert!(!are_measured(&numbers(20), 20) && are_measured(&numbers(101), 1_000_000));
        let fractions: Vec<String> = (0..30).map(|number| format!("{number}.5")).collect();
        assert!(are_measured(&fractions, 1_000_000));
    }
}
