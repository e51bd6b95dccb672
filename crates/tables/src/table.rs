//! A table of any format in one file or in several, read row by row.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek as _};

use csv::StringRecord;
use slipway_contract::table::{self, LFS_POINTER, Place, Records};
use slipway_contract::{Fault, TableFormat};

use crate::Step;
use crate::foreign;
use crate::json_lines::JsonLines;
use crate::parquet::ParquetRows;
use crate::unpack::{Compression, unpack};

/// The magic bytes of Parquet.
pub(crate) const PARQUET: &[u8] = b"PAR1";

/// What to open, and how.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// The format.
    pub format: TableFormat,
    /// Columns that are not used. They may have types that are not read.
    pub ignored: &'a [String],
}

/// Opens a file by its name.
type Files<'files> = Box<dyn FnMut(&str) -> Result<File, Fault> + 'files>;

/// A table whose header has been read.
pub struct Table<'files> {
    header: Vec<String>,
    format: TableFormat,
    ignored: Vec<String>,
    /// Opens a file by its name.
    files: Files<'files>,
    first: String,
    name: String,
    left: VecDeque<String>,
    part: Part,
}

/// The next row of a table.
pub enum Row<'table> {
    /// A row with as many values as the header has names, and its place in its file.
    Values(Place, &'table StringRecord),
    /// A row that cannot be read. The following rows can be read.
    Broken(Fault),
}

enum Part {
    Csv(Box<Records<Box<dyn Read>>>),
    Lines(Box<JsonLines>),
    Parquet(Box<ParquetRows>),
}

impl<'files> Table<'files> {
    /// Opens a table of the files with these names, which `files` opens one after the other. Messages name the files so. There is
    /// at least one.
    pub fn open(
        names: Vec<String>,
        opening: Opening<'_>,
        mut files: impl FnMut(&str) -> Result<File, Fault> + 'files,
    ) -> Result<Self, Fault> {
        let mut left = VecDeque::from(names);
        let Some(name) = left.pop_front() else { return Err(table::fault("", "the table has no file")) };
        let Opening { format, ignored } = opening;
        let part = Part::open(files(&name)?, &name, format, ignored, None)?;
        let (header, ignored) = (part.header().to_vec(), ignored.to_vec());
        Ok(Self { header, format, ignored, files: Box::new(files), first: name.clone(), name, left, part })
    }

    /// The names of the columns, without white space around them. Empty if the file is empty.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The name of the file that is read now.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next row; `None` at the end of the last file. After an error, nothing more can be read.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Fault> {
        Ok(self.next_named()?.map(|(_, row)| row))
    }

    /// The next row with the name of its file; `None` at the end of the last file. After an error, nothing more can be read.
    pub fn next_named(&mut self) -> Result<Option<(&str, Row<'_>)>, Fault> {
        loop {
            match self.part.advance()? {
                Step::Row(place) => return Ok(Some((&self.name, Row::Values(place, self.part.row())))),
                Step::Broken(fault) => return Ok(Some((&self.name, Row::Broken(fault)))),
                Step::End => {
                    let Some(name) = self.left.pop_front() else { return Ok(None) };
                    self.open_next(name)?;
                }
            }
        }
    }

    /// Calls `visit` with every row and its place. Returns the fault of the first row that cannot be read.
    pub fn each(mut self, mut visit: impl FnMut(Place, &StringRecord) -> Result<(), String>) -> Result<(), Fault> {
        while let Some((name, row)) = self.next_named()? {
            match row {
                Row::Values(place, values) => {
                    visit(place, values).map_err(|message| table::fault_at(name, place, message))?;
                }
                Row::Broken(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    fn open_next(&mut self, name: String) -> Result<(), Fault> {
        let file = (self.files)(&name)?;
        let part = Part::open(file, &name, self.format, &self.ignored, Some(&self.header))?;
        if part.header() != self.header {
            let message = format!(
                "line 1: the columns are {}, expected those of `{}`: {}",
                table::first_of(part.header()),
                self.first,
                table::first_of(&self.header)
            );
            let place = if self.format == TableFormat::Parquet { Place::Row(1) } else { Place::Line(1) };
            let message = if place.line().is_none() { message.replacen("line 1: ", "", 1) } else { message };
            return Err(table::fault_at(&name, place, message)
                .help("the files of a glob have the same columns in the same order"));
        }
        (self.name, self.part) = (name, part);
        Ok(())
    }
}

impl Part {
    fn open(
        mut file: File,
        name: &str,
        format: TableFormat,
        ignored: &[String],
        header: Option<&[String]>,
    ) -> Result<Self, Fault> {
        let unreadable = |error: std::io::Error| table::fault(name, format!("cannot be read: {error}"));
        let mut start = Vec::with_capacity(LFS_POINTER.len());
        (&mut file).take(LFS_POINTER.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
        if start == LFS_POINTER {
            return Err(table::lfs_pointer(name));
        }
        if let Some(fault) = foreign::fault(&start, name) {
            return Err(fault);
        }
        file.rewind().map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let is_parquet = start.starts_with(PARQUET);
        match format {
            TableFormat::Parquet if is_parquet => {
                ParquetRows::open(file, name, ignored).map(|rows| Self::Parquet(Box::new(rows)))
            }
            TableFormat::Parquet => Err(table::fault(name, "the file does not begin as a Parquet file does (`PAR1`)")
                .help("set `format: csv` or `format: jsonl`, or write the table as Parquet; its pages are compressed, never the whole file")),
            TableFormat::Csv(_) | TableFormat::Jsonl if is_parquet => {
                Err(table::fault(name, "found a Parquet file, expected text").help("set `format: parquet`"))
            }
            TableFormat::Csv(dialect) => {
                let records = Records::open(unpack(file, size, Compression::of(&start)), name, &dialect)?;
                Ok(Self::Csv(Box::new(records)))
            }
            TableFormat::Jsonl => {
                let lines = JsonLines::open(unpack(file, size, Compression::of(&start)), name, header)?;
                Ok(Self::Lines(Box::new(lines)))
            }
        }
    }

    fn header(&self) -> &[String] {
        match self {
            Self::Csv(records) => &records.header,
            Self::Lines(lines) => &lines.header,
            Self::Parquet(rows) => &rows.header,
        }
    }

    fn row(&self) -> &StringRecord {
        match self {
            Self::Csv(records) => records.record(),
            Self::Lines(lines) => &lines.row,
            Self::Parquet(rows) => &rows.row,
        }
    }

    fn advance(&mut self) -> Result<Step, Fault> {
        match self {
            Self::Csv(records) => Ok(match records.next_row()? {
                None => Step::End,
                Some(table::Row::Values(line, _)) => Step::Row(line.into()),
                Some(table::Row::Broken(fault)) => Step::Broken(fault),
            }),
            Self::Lines(lines) => lines.advance(),
            Self::Parquet(rows) => rows.advance(),
        }
    }
}
