//! Comma-separated values with a header (RFC 4180), read record by record within bounds.

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

use super::{LARGEST_FILE, LARGEST_RECORD, fault, not_utf8, nul_in_row, unequal_lengths, unusable_header};
use crate::Fault;

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
pub struct Records<R> {
    /// How messages call the file.
    pub name: String,
    /// The names of its columns, without white space around them.
    pub header: Vec<String>,
    reader: csv::Reader<Bounded<R>>,
    record: Rc<Cell<u64>>,
}

impl<R: Read> Records<R> {
    /// Reads the header of an unpacked table. `name` is how messages call the file.
    pub fn open(reader: R, name: &str) -> Result<Self, Fault> {
        let record = Rc::new(Cell::new(0));
        let bounded = Bounded { reader, left: LARGEST_FILE, record: Rc::clone(&record) };
        let mut reader = csv::ReaderBuilder::new().from_reader(bounded);
        let header = reader.headers().map_err(|error| broken(name, &error))?;
        let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        match unusable_header(name, &header) {
            Some(fault) => Err(fault),
            None => Ok(Self { name: name.to_owned(), header, reader, record }),
        }
    }

    /// Shows every record with the number of its line in the file, or says what is wrong with it.
    pub fn each(mut self, mut visit: impl FnMut(u64, &csv::StringRecord) -> Result<(), String>) -> Result<(), Fault> {
        let mut row = csv::StringRecord::new();
        self.record.set(0);
        while self.reader.read_record(&mut row).map_err(|error| broken(&self.name, &error))? {
            self.record.set(0);
            let line = row.position().map_or(0, csv::Position::line);
            if row.as_slice().as_bytes().contains(&0) {
                return Err(nul_in_row(&self.name, line));
            }
            visit(line, &row).map_err(|message| fault(&self.name, message))?;
        }
        Ok(())
    }
}

/// What the parser says about a file.
fn broken(file: &str, error: &csv::Error) -> Fault {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            unequal_lengths(file, pos.as_ref().map(csv::Position::line), *len, *expected_len)
        }
        csv::ErrorKind::Io(error) => fault(file, format!("cannot be read: {error}")),
        csv::ErrorKind::Utf8 { pos, .. } => not_utf8(file, pos.as_ref().map(csv::Position::line)),
        _ => fault(file, error.to_string()),
    }
}
