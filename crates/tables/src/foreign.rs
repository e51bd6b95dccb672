//! Recognises files of other programs by their first bytes, so that the message names the program and not a broken line.

use slipway_contract::Fault;
use slipway_contract::table;

/// Number of bytes that suffice to recognise a file.
pub(crate) const MAX_MAGIC: usize = 16;

const SAVE_AS_CSV: &str = "open it in the spreadsheet program and save the sheet as `CSV UTF-8`";
const WRITE_PARQUET: &str = "write the table as Parquet, for example with `DataFrame.to_parquet`";
const UNPACK: &str = "unpack it, or pack it with gzip or zstd";

/// First bytes of files that are not tables in a supported format, what such a file is, and what to do.
const FORMATS: [(&[u8], &str, &str); 13] = [
    (b"PK\x03\x04", "a ZIP archive, such as an Excel workbook (`.xlsx`)", SAVE_AS_CSV),
    (b"PK\x05\x06", "an empty ZIP archive", SAVE_AS_CSV),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (`.xls`)", SAVE_AS_CSV),
    (b"ARROW1\0\0", "an Arrow (Feather) file", WRITE_PARQUET),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", WRITE_PARQUET),
    (b"Obj\x01", "an Avro file", WRITE_PARQUET),
    (b"SQLite format 3\0", "an SQLite database", WRITE_PARQUET),
    (b"\x80\x04\x95", "a Python pickle", WRITE_PARQUET),
    (b"\x80\x05\x95", "a Python pickle", WRITE_PARQUET),
    (b"%PDF-", "a PDF document", "export the table as CSV where it comes from"),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
];
/// The begin of an HTML page, in lower case.
const PAGES: [&[u8]; 2] = [b"<!doctype html", b"<html"];

/// The fault of a file that another program wrote, by its first bytes; `None` if they show no such program.
pub(crate) fn fault(start: &[u8], name: &str) -> Option<Fault> {
    let lower = start.trim_ascii_start().to_ascii_lowercase();
    let (what, help) = if PAGES.iter().any(|page| lower.starts_with(page)) {
        ("an HTML page", "download the file itself; a page in its place often asks to sign in")
    } else {
        let (_, what, help) = FORMATS.iter().find(|(magic, ..)| start.starts_with(magic))?;
        (*what, *help)
    };
    Some(table::fault(name, format!("found {what}, expected a table (CSV, JSON lines or Parquet)")).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_programs_are_named() {
        for (start, what) in [
            (b"PK\x03\x04\x14\0\x06\0".as_slice(), "an Excel workbook (`.xlsx`)"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an old Excel workbook"),
            (b"\n<!DOCTYPE html><ht", "an HTML page"),
            (b"SQLite format 3\0", "an SQLite database"),
            (b"BZh91AY&SY", "a bzip2 archive"),
        ] {
            let fault = fault(start, "t.csv").expect("a file of another program");
            assert!(fault.message.contains(what) && fault.message.contains("expected a table"), "{}", fault.message);
            assert!(fault.help.is_some());
        }
    }

    #[test]
    fn tables_are_not_taken_for_files_of_other_programs() {
        for start in ["a,b\n1,2\n", "PK,b\n1,2", "<5,b\n1,2", "{\"a\": 1}", "PAR1", "\u{1f}\u{8b}", ""] {
            assert!(fault(start.as_bytes(), "t.csv").is_none(), "{start:?}");
        }
    }
}
