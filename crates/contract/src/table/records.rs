//! Reads comma-separated values with a header (RFC 4180) in any dialect, record by record, within limits.

use std::cell::RefCell;
use std::io::{Cursor, Read};
use std::rc::Rc;

use csv::{ByteRecord, StringRecord};

use super::decode::{Decoder, encoding_of_mark};
use super::lines::Lines;
use super::{
    MAX_FILE_BYTES, MAX_RECORD_BYTES, OTHER_ENCODING, fault, fault_at, nul_in_row, unusable_header, wrong_delimiter,
};
use crate::{Dialect, Encoding, Fault};

/// The byte order mark that some programs write before UTF-8 text.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes that the parser received, and the lines up to the end of the last record.
struct Seen {
    lines: Lines,
    /// The bytes that the parser received. Those from `next` on are not counted yet.
    bytes: Vec<u8>,
    next: usize,
    /// The number of counted bytes.
    counted: u64,
}

impl Seen {
    fn of(dialect: Dialect) -> Self {
        Self { lines: Lines::of(&dialect), bytes: Vec::new(), next: 0, counted: 0 }
    }

    fn left(&self) -> &[u8] {
        &self.bytes[self.next..]
    }

    /// Counts line ends up to the next record, and returns its line.
    fn begin(&mut self) -> u64 {
        let ends = self.lines.skip_ends(&self.bytes[self.next..]);
        self.forward(ends);
        self.lines.line()
    }

    /// Counts up to an offset of the file.
    fn pass_to(&mut self, place: u64) {
        let count = usize::try_from(place.saturating_sub(self.counted)).unwrap_or(usize::MAX).min(self.left().len());
        self.lines.pass(&self.bytes[self.next..self.next + count]);
        self.forward(count);
    }

    fn forward(&mut self, count: usize) {
        self.next += count;
        self.counted += count as u64;
        if self.next == self.bytes.len() {
            self.bytes.clear();
            self.next = 0;
        }
    }

    /// Adds bytes that were read.
    fn add(&mut self, read: &[u8]) {
        if self.next > 0 {
            self.bytes.drain(..self.next);
            self.next = 0;
        }
        self.bytes.extend_from_slice(read);
    }
}

/// A reader that returns an error beyond a limit, so that a file that is too long is not taken for a complete one.
struct Bounded<R> {
    reader: R,
    left: u64,
    seen: Rc<RefCell<Seen>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| too_large("the uncompressed file has", MAX_FILE_BYTES))?;
        let mut seen = self.seen.borrow_mut();
        seen.add(&buffer[..read]);
        // The bytes that are not counted yet belong to one record, except for the rest of a buffer.
        if seen.left().len() as u64 > MAX_RECORD_BYTES {
            return Err(too_large("one row has", MAX_RECORD_BYTES));
        }
        Ok(read)
    }
}

fn too_large(what: &str, most: u64) -> std::io::Error {
    std::io::Error::other(format!("{what} more than {most} bytes"))
}

/// The text of a file, whose first bytes were read before.
type Text<R> = Decoder<std::io::Chain<Cursor<Vec<u8>>, R>>;

/// A table whose header has been read.
pub struct Records<R> {
    /// The file's name in messages.
    pub name: String,
    /// The names of its columns, without white space around them.
    pub header: Vec<String>,
    dialect: Dialect,
    reader: csv::Reader<Bounded<Text<R>>>,
    seen: Rc<RefCell<Seen>>,
    row: StringRecord,
}

/// The next record of a table.
pub enum Row<'table> {
    /// A record with as many values as the header has names, and the line in which it begins, counted from one.
    Values(u64, &'table StringRecord),
    /// A record that cannot be read. The following records can be read.
    Broken(Fault),
}

impl<R: Read> Records<R> {
    /// Reads the header of a decompressed table in a dialect. `name` is the file's name in messages.
    pub fn open(mut reader: R, name: &str, dialect: &Dialect) -> Result<Self, Fault> {
        let mut start = Vec::with_capacity(BYTE_ORDER_MARK.len());
        let read = (&mut reader).take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut start);
        read.map_err(|error| unreadable(name, &error))?;
        let mark = start.clone();
        match (encoding_of_mark(&start), dialect.encoding) {
            (Some(Encoding::Utf8), Encoding::Utf8) => start.clear(),
            (Some(Encoding::Utf16), Encoding::Utf16) => drop(start.drain(..2)),
            (None, Encoding::Utf16) => return Err(unmarked(name)),
            (None, _) => {}
            (Some(found), expected) => return Err(other_mark(name, found, expected)),
        }
        let decoder = Decoder::new(Cursor::new(start).chain(reader), dialect.encoding, &mark);
        let seen = Rc::new(RefCell::new(Seen::of(*dialect)));
        let bounded = Bounded { reader: decoder, left: MAX_FILE_BYTES, seen: Rc::clone(&seen) };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(dialect.delimiter.byte())
            .quote(dialect.quote.byte())
            .from_reader(bounded);
        let (name, dialect) = (name.to_owned(), *dialect);
        let mut table = Self { name, header: Vec::new(), dialect, reader, seen, row: StringRecord::new() };
        let mut header_line = 1;
        if let Some((line, is_text)) = table.read()? {
            if !is_text {
                return Err(table.not_text(line));
            }
            table.header = table.row.iter().map(|name| name.trim().to_owned()).collect();
            header_line = line;
        }
        if let Some(fault) = wrong_delimiter(&table.header, &table.name, header_line, dialect.delimiter) {
            return Err(fault);
        }
        match unusable_header(&table.name, &table.header) {
            Some(fault) => Err(fault),
            None => Ok(table),
        }
    }

    /// Reads a record into `row`. Returns its line and whether it is text; `None` at the end of the file. After an error, nothing
    /// more can be read.
    fn read(&mut self) -> Result<Option<(u64, bool)>, Fault> {
        let mut record = std::mem::take(&mut self.row).into_byte_record();
        // The parser skips line ends only when it reads the next record. Until then they may not have been read.
        let is_there = self.fill(&mut record)?;
        if !is_there {
            return Ok(None);
        }
        let line = {
            let mut seen = self.seen.borrow_mut();
            let line = seen.begin();
            seen.pass_to(self.reader.position().byte());
            if let Some(opened) = seen.lines.open_quote() {
                return Err(never_closed(&self.name, opened));
            }
            line
        };
        let text = StringRecord::from_byte_record(record);
        Ok(Some((line, text.map(|row| self.row = row).is_ok())))
    }

    fn fill(&mut self, record: &mut ByteRecord) -> Result<bool, Fault> {
        self.reader.read_byte_record(record).map_err(|error| {
            let csv::ErrorKind::Io(cause) = error.kind() else { return fault(&self.name, error.to_string()) };
            let mut seen = self.seen.borrow_mut();
            let line = seen.begin();
            seen.pass_to(u64::MAX);
            let broken = unreadable(&self.name, cause);
            match seen.lines.open_quote() {
                Some(opened) if opened >= line => broken.line(opened).help(OPEN_QUOTE),
                _ => broken,
            }
        })
    }

    /// The record that was read last.
    pub fn record(&self) -> &StringRecord {
        &self.row
    }

    /// The next record; `None` at the end of the file. After an error, nothing more can be read.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Fault> {
        let Some((line, is_text)) = self.read()? else { return Ok(None) };
        if !is_text {
            return Ok(Some(Row::Broken(self.not_text(line))));
        }
        if self.row.as_slice().as_bytes().contains(&0) {
            return Ok(Some(Row::Broken(nul_in_row(&self.name, line))));
        }
        if self.row.len() != self.header.len() {
            let last = self.seen.borrow().lines.last_line();
            return Ok(Some(Row::Broken(self.unequal_lengths(line, last))));
        }
        Ok(Some(Row::Values(line, &self.row)))
    }

    /// Calls `visit` with every record and its line in the file. Returns the fault of the first record that cannot be read.
    pub fn each(mut self, mut visit: impl FnMut(u64, &StringRecord) -> Result<(), String>) -> Result<(), Fault> {
        let name = self.name.clone();
        while let Some(row) = self.next_row()? {
            match row {
                Row::Values(line, values) => visit(line, values).map_err(|message| fault_at(&name, line, message))?,
                Row::Broken(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// The fault of a record with more or fewer values than the header, from `line` to `last`.
    fn unequal_lengths(&self, line: u64, last: u64) -> Fault {
        let (len, expected) = (self.row.len(), self.header.len());
        let fault =
            fault_at(&self.name, line, format!("line {line}: {len} values, expected {expected} as in the header"));
        if last > line {
            return fault
                .help(format!("the row continues to line {last} inside quotes: check for a quote that is not closed"));
        }
        let delimiter = self.dialect.delimiter.noun();
        match self.row.iter().nth(expected) {
            Some("") if len == expected + 1 => fault.help(format!(
                "the line ends with a {delimiter}: remove it, or add a {delimiter} at the end of the header"
            )),
            Some(_) => fault.help(format!("write a text that contains a {delimiter} in quotes")),
            None => fault,
        }
    }

    /// The fault of bytes that are no text in the encoding.
    fn not_text(&self, line: u64) -> Fault {
        let encoding = self.dialect.encoding.title();
        fault_at(&self.name, line, format!("line {line}: bytes that are not {encoding}")).help(OTHER_ENCODING)
    }
}

/// The help text for a quote that is not closed.
const OPEN_QUOTE: &str = "close the text with another quote; inside a quoted text, write a quote twice";

fn never_closed(file: &str, opened: u64) -> Fault {
    let message = format!("the quote that opens a text on line {opened} is never closed");
    fault_at(file, opened, message).help(OPEN_QUOTE)
}

fn unreadable(file: &str, error: &std::io::Error) -> Fault {
    fault(file, format!("cannot be read: {error}"))
}

/// The fault of a file that begins with the byte order mark of another encoding.
fn other_mark(file: &str, found: Encoding, expected: Encoding) -> Fault {
    let (found_title, expected) = (found.title(), expected.title());
    let message = format!("line 1: found the byte order mark of {found_title}, expected {expected}");
    fault_at(file, 1, message).help(format!("set `spec.data.dialect.encoding: {}`", found.name()))
}

/// The fault of a file without the byte order mark that its encoding needs.
fn unmarked(file: &str) -> Fault {
    let message = "line 1: found no byte order mark, expected that of UTF-16";
    fault_at(file, 1, message).help(OTHER_ENCODING)
}
