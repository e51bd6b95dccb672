//! The limits of a table, and the messages about tables that cannot be used for training. The trainer and `slipway init` share
//! them.

pub mod date;
pub mod date_format;
mod decode;
mod header;
mod labels;
mod lines;
pub mod number;
mod number_help;
mod place;
mod records;
#[cfg(test)]
mod records_tests;
mod shards;

use crate::{Fault, FaultKind};

pub use decode::encoding_of_mark;
pub use header::{
    empty, is_called_row_number, is_index_level, is_unnamed, other_delimiter, position, unnamed_column,
    unusable_header, wrong_delimiter,
};
pub use labels::{
    Counted, ONE_WAY, REGRESSION, alike_labels, alike_or_near, are_alike, are_measured, did_you_mean, doubtful_labels,
    first_of, is_missing, many_numbers, missing_label, no_label, one_label, sort_classes, too_many_classes,
    unknown_label,
};
pub use lines::Lines;
pub use place::Place;
pub use records::{Records, Row};
pub use shards::{glob_matches, is_glob};

/// The most classes of a model.
pub const MAX_CLASSES: usize = 10_000;
/// The most bytes of one file, decompressed.
pub const MAX_FILE_BYTES: u64 = 4 << 30;
/// The most columns of a table.
const MAX_COLUMNS: usize = 20_000;
/// The most bytes of one record. A few kilobytes of gzip can contain a field of gigabytes, and a record is read as a whole.
pub const MAX_RECORD_BYTES: u64 = 16 << 20;
/// The beginning of a Git LFS pointer (git-lfs/docs/spec.md, "The Pointer").
pub const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1";
/// The magic bytes of gzip.
pub const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The help text for a table in an encoding that the model does not name.
const OTHER_ENCODING: &str = "save the table as UTF-8, or name its encoding: `spec.data.dialect.encoding` is `utf-8`, `utf-16`, \
                              `windows-1252` or `iso-8859-1`";
/// The most characters of a text that a message shows.
const MAX_SHOWN: usize = 60;

/// A fault of a file's content.
pub fn fault(file: &str, message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Data, message).file(file)
}

/// A fault of a file's content at a row. A number is a line, counted from one.
pub fn fault_at(file: &str, place: impl Into<Place>, message: impl Into<String>) -> Fault {
    let fault = fault(file, message);
    match place.into() {
        Place::Line(line) => fault.line(line),
        Place::Row(_) => fault,
    }
}

/// The fault of a Git LFS pointer in place of the data.
pub fn lfs_pointer(file: &str) -> Fault {
    fault(file, "found a Git LFS pointer, expected the data that it points to")
        .help("run `git lfs pull` to replace the pointer by the data")
}

/// The fault of a file without rows.
pub fn no_rows(file: &str) -> Fault {
    fault(file, "the table has no rows, expected at least one below the header")
}

/// The fault of a row that is not text, for example UTF-16 without its byte order mark or a program's own format.
fn nul_in_row(file: &str, line: u64) -> Fault {
    fault_at(file, line, format!("line {line} contains NUL bytes, expected text")).help(OTHER_ENCODING)
}

/// A text of a table as messages show it: its beginning on one line, with line breaks as `\n`.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut characters = text.chars().peekable();
    let mut count = 0;
    while let Some(c) = characters.next() {
        if count == MAX_SHOWN {
            shown.push('…');
            break;
        }
        match c {
            '\r' if characters.peek() == Some(&'\n') => continue,
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            c if c.is_control() => continue,
            c => shown.push(c),
        }
        count += 1;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_on_one_line_with_its_line_breaks() {
        assert_eq!(shown("a\nb\r\nc\rd\te\u{7}"), "a\\nb\\nc\\nd\\te");
        assert_eq!(shown(&"x".repeat(60)), "x".repeat(60));
        assert_eq!(shown(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }
}
