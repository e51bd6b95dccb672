//! A file of comma-separated values with a header (RFC 4180), read record by record within bounds.

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

use slipway_contract::{Fault, FaultKind};

use super::file::{DataFile, LARGEST_FILE, Source};

/// Columns a table may have.
const MOST_COLUMNS: usize = 20_000;
/// Bytes one record may have. A few kilobytes of gzip can hold a field of gigabytes, and a record is read as a whole.
const LARGEST_RECORD: u64 = 16 << 20;
/// Separators that are recognised, to say that they are not read, with their names.
const OTHER_SEPARATORS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")];

/// A reader that fails beyond a bound, instead of ending there as if all was read.
struct Bounded<R> {
    reader: R,
    left: u64,
    /// Bytes read since the last whole record; the loop over the records puts it back to zero.
    record: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let too_large = |what: &str, most: u64| std::io::Error::other(format!("{what} more than {most} bytes"));
        let left = self.left.checked_sub(read as u64).ok_or_else(|| too_large("unpacked, it has", LARGEST_FILE))?;
        self.left = left;
        self.record.set(self.record.get() + read as u64);
        if self.record.get() > LARGEST_RECORD {
            return Err(too_large("one row has", LARGEST_RECORD));
        }
        Ok(read)
    }
}

/// A table whose header has been read.
pub(super) struct CsvReader {
    /// The file's path as the specification names it.
    pub(super) name: String,
    /// The names of its columns.
    pub(super) header: Vec<String>,
    reader: csv::Reader<Bounded<Box<dyn Read>>>,
    record: Rc<Cell<u64>>,
}

impl CsvReader {
    /// Opens the file that the specification names under `key`.
    pub(super) fn open(source: &Source, key: &str, file: &str) -> Result<Self, Fault> {
        let DataFile { reader, name, .. } = source.read(key, file)?;
        let record = Rc::new(Cell::new(0));
        let bounded = Bounded { reader, left: LARGEST_FILE, record: Rc::clone(&record) };
        let mut reader = csv::ReaderBuilder::new().from_reader(bounded);
        let header = reader.headers().map_err(|error| broken(&name, &error))?;
        let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        if header.len() > MOST_COLUMNS {
            return Err(fault(&name, format!("{} columns, expected at most {MOST_COLUMNS}", header.len())));
        }
        Ok(Self { name, header, reader, record })
    }

    /// Shows every record with the number of its line in the file, or says what is wrong with it.
    pub(super) fn each(
        mut self,
        mut visit: impl FnMut(u64, &csv::StringRecord) -> Result<(), String>,
    ) -> Result<(), Fault> {
        let mut row = csv::StringRecord::new();
        self.record.set(0);
        while self.reader.read_record(&mut row).map_err(|error| broken(&self.name, &error))? {
            self.record.set(0);
            let line = row.position().map_or(0, csv::Position::line);
            visit(line, &row).map_err(|message| fault(&self.name, message))?;
        }
        Ok(())
    }
}

/// A fault of a file's content.
pub(super) fn fault(file: &str, message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Data, message).file(file)
}

/// What the parser says about a file.
fn broken(file: &str, error: &csv::Error) -> Fault {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or_else(String::new, |pos| format!("line {}: ", pos.line()));
            fault(file, format!("{line}{len} values, expected {expected_len} as in the header"))
        }
        csv::ErrorKind::Io(error) => fault(file, format!("cannot be read: {error}")),
        csv::ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or_else(String::new, |pos| format!("line {}: ", pos.line()));
            fault(file, format!("{line}bytes that are not UTF-8")).help("save the table as UTF-8")
        }
        _ => fault(file, error.to_string()),
    }
}

/// The place of a column. `key` is the key of the specification that asks for it.
pub(super) fn position(header: &[String], column: &str, key: &str, file: &str) -> Result<usize, Fault> {
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(fault(file, format!("the column `{column}` stands twice in the header"))),
        (None, _) => Err(no_such_column(header, column, key, file)),
    }
}

fn no_such_column(header: &[String], column: &str, key: &str, file: &str) -> Fault {
    if let [only] = header
        && let Some((_, name)) = OTHER_SEPARATORS.iter().find(|(separator, _)| only.contains(*separator))
    {
        let message = format!("the header is one column with {name} in it, expected columns separated by commas");
        return fault(file, message).help("write the table with commas between its columns");
    }
    let names = header.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("`, `");
    let more = if header.len() > 12 { ", …" } else { "" };
    let message = format!("`{file}` has no column `{column}`; it has `{names}`{more}");
    let fault = Fault::new(FaultKind::Specification, message).key(key);
    let alike = header.iter().find(|name| name.to_lowercase() == column.to_lowercase());
    match alike {
        Some(name) => fault.help(format!("did you mean `{name}`?")),
        None => fault,
    }
}
