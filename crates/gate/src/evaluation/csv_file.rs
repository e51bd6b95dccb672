//! Reads a whole CSV file into one buffer per column, so that columns can be read one by one.

use csv_core::{ReadRecordResult, Reader};
use slipway_contract::Delimiter;
use slipway_contract::counted;
use slipway_contract::table::{self, Lines};

use super::EvaluationError;
use super::cell::{Cell, Kind};
use super::source::{Column, same_rows, too_large};

/// The most bytes of a CSV file: a quarter of the limit for parquet files.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The most columns of a CSV file: one for each class that a report may name, and as many more.
const MAX_COLUMNS: usize = 20_000;

/// The most cells of a CSV file. Each takes four bytes besides its text.
const MAX_CELLS: u64 = 100_000_000;

/// The required column with the name of each row.
const ROW: &str = "row";

/// The prefix that pandas gives to an index without a name when it reads one back. In the file the name is empty.
const UNNAMED: &str = "Unnamed: ";

/// A CSV file in memory. Its first record names the columns.
pub(super) struct CsvFile(Vec<Cells>);

/// The cells of a column.
struct Cells {
    name: String,
    text: String,
    /// The end of each cell in the text.
    ends: Vec<u32>,
}

impl CsvFile {
    /// Reads a file that must have `expected` rows. Columns without a name are left out: they are unnamed indexes.
    pub(super) fn open(bytes: &[u8], file: &'static str, expected: u64) -> Result<Self, EvaluationError> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(too_large(file, "bytes", bytes.len() as u64, MAX_BYTES));
        }
        let mut records = Records::of(bytes);
        if !records.advance(file)? {
            return Err(EvaluationError::Csv {
                line: 1,
                why: "the file is empty, expected a line of column names".to_owned(),
            });
        }
        let width = records.len();
        let names = (0..width).map(|index| records.cell(index).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
        if let Some(why) = other_separator(&names) {
            return Err(EvaluationError::Csv { line: 1, why });
        }
        let (mut columns, mut kept) = (Vec::new(), Vec::new());
        for (index, name) in names.iter().enumerate() {
            if !name.is_empty() && !name.starts_with(UNNAMED) {
                columns.push(Cells { name: name.clone(), text: String::new(), ends: Vec::new() });
                kept.push(index);
            }
        }
        let mut rows = 0;
        while records.advance(file)? {
            rows += 1;
            if rows > expected {
                break;
            }
            let cells = rows.saturating_mul(width as u64);
            if cells > MAX_CELLS {
                return Err(too_large(file, "cells", cells, MAX_CELLS));
            }
            if records.len() != width {
                let cells = counted(records.len(), "cell");
                let why = format!("the line has {cells}, expected {width}, one for each column name");
                return Err(EvaluationError::Csv { line: records.line, why });
            }
            for (column, index) in columns.iter_mut().zip(&kept) {
                column.text.push_str(records.cell(*index)?);
                // The text is at most as long as the file, and the file's length fits.
                column.ends.push(u32::try_from(column.text.len()).unwrap_or(u32::MAX));
            }
        }
        same_rows(file, "the file", rows, expected)?;
        Ok(Self(columns))
    }

    pub(super) fn columns(&self, file: &'static str) -> Vec<Column> {
        let column =
            |(index, cells): (usize, &Cells)| Column { index, name: cells.name.clone(), kind: Kind::Written, file };
        self.0.iter().enumerate().map(column).collect()
    }

    /// Calls `visit` with every cell of a column and its row, counted from zero. Rejects empty cells. Returns the number of rows.
    pub(super) fn each(
        &self,
        column: &Column,
        mut visit: impl FnMut(u64, Cell<'_>) -> Result<(), EvaluationError>,
    ) -> Result<u64, EvaluationError> {
        let cells = &self.0[column.index];
        let mut start = 0;
        for (row, end) in (0..).zip(&cells.ends) {
            let end = *end as usize;
            if start == end {
                return Err(column.without_value(row));
            }
            visit(row, Cell::Written(&cells.text[start..end]))?;
            start = end;
        }
        Ok(cells.ends.len() as u64)
    }
}

/// The mistake if the header uses another separator than the comma: that separator stands beside the name of the row column.
fn other_separator(names: &[String]) -> Option<String> {
    let joined = names.join(",");
    let is_beside = |name: &str| name.split([';', '\t', '|']).any(|part| part.trim() == ROW);
    if names.iter().any(|name| name == ROW) || (names.len() > 1 && !is_beside(&joined)) {
        return None;
    }
    table::other_delimiter(&[joined], Delimiter::Comma).map(|(message, _)| message)
}

/// The records of a file, one at a time. The buffers grow only with the bytes that are read.
struct Records<'file> {
    reader: Reader,
    left: &'file [u8],
    text: Vec<u8>,
    ends: Vec<usize>,
    cells: usize,
    lines: Lines,
    /// The line in which the record begins, counted from one.
    line: u64,
}

impl<'file> Records<'file> {
    fn of(bytes: &'file [u8]) -> Self {
        let left = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (text, ends) = (vec![0; 4_096], vec![0; MAX_COLUMNS]);
        Self { reader: Reader::new(), left, text, ends, cells: 0, lines: Lines::default(), line: 1 }
    }

    /// Reads the next record. Returns false at the end.
    fn advance(&mut self, file: &'static str) -> Result<bool, EvaluationError> {
        self.left = &self.left[self.lines.skip_ends(self.left)..];
        self.line = self.lines.line();
        let (mut written, mut cells) = (0, 0);
        loop {
            let (result, read, wrote, ended) =
                self.reader.read_record(self.left, &mut self.text[written..], &mut self.ends[cells..]);
            self.lines.pass(&self.left[..read]);
            self.left = &self.left[read..];
            (written, cells) = (written + wrote, cells + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                // Double the buffer: a record has at most as many bytes as the file.
                ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len(), 0),
                ReadRecordResult::OutputEndsFull => {
                    return Err(too_large(file, "columns", cells as u64 + 1, MAX_COLUMNS as u64));
                }
                ReadRecordResult::Record => {
                    if let Some(line) = self.lines.open_quote() {
                        let why = "the quote that opens a text here is never closed".to_owned();
                        return Err(EvaluationError::Csv { line, why });
                    }
                    self.cells = cells;
                    return Ok(true);
                }
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    fn len(&self) -> usize {
        self.cells
    }

    fn cell(&self, index: usize) -> Result<&str, EvaluationError> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        std::str::from_utf8(&self.text[start..self.ends[index]]).map_err(|_| EvaluationError::Csv {
            line: self.line,
            why: format!("cell {} contains bytes that are not UTF-8, expected UTF-8", index + 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        CsvFile::open(text.as_bytes(), "predictions.csv", 2).map(|_| ()).expect_err("refused").to_string()
    }

    #[test]
    fn a_record_that_does_not_fit_has_the_line_that_an_editor_shows() {
        for (text, line) in [
            ("row,label\r\na,0\r\nb\r\n", 3),
            ("row,label\r\n\r\n\r\na,0\r\nb\r\n", 5),
            ("row,label\n\na,0\n\nb\n", 5),
            ("row,label\ra,0\rb\r", 3),
            ("\u{feff}row,label\r\n\"a\r\n\",0\r\nb\r\n", 4),
            ("\"row\",\"la\rbel\"\n\"a\n\n\",0\n\nb\n", 7),
        ] {
            let said = refusal(text);
            assert!(said.contains(&format!("line {line}")), "{text:?}: expected {line}, came {said}");
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_is_named_by_its_line() {
        let said = refusal("row,label\r\na,0\r\n\"b,1\r\nc,2\r\n");
        assert!(said.contains("line 3") && said.contains("never closed"), "{said}");
    }
}
