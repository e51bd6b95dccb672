//! The rows of a Parquet file: a batch of each column at a time, put together row by row.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use csv::StringRecord;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use slipway_contract::Fault;
use slipway_contract::table::{self, MAX_FILE_BYTES, MAX_RECORD_BYTES, Place};

use super::values::{Kind, kind_of, text_of_float, text_of_whole};
use super::{ColumnPages, PageError, Room};
use crate::Step;

/// The rows that are read at a time.
const BATCH: usize = 1_024;
/// The most bytes of the metadata at a file's end. They are read as a whole.
const MAX_FOOTER: u64 = 64 << 20;

/// The rows of a Parquet file.
pub(crate) struct ParquetRows {
    name: String,
    pub(crate) header: Vec<String>,
    file: Arc<File>,
    reader: SerializedFileReader<File>,
    room: Room,
    /// The type of each column; `None` for those that are not read.
    kinds: Vec<Option<Kind>>,
    group: usize,
    columns: Vec<Batches>,
    /// The rows of the group that are not read yet.
    left: u64,
    /// The rows of the batch, and the next of them.
    batch: usize,
    next: usize,
    row_number: u64,
    bytes: u64,
    pub(crate) row: StringRecord,
}

impl ParquetRows {
    /// Opens a file. Columns of types that are not read are only accepted in `ignored`.
    pub(crate) fn open(file: File, name: &str, ignored: &[String]) -> Result<Self, Fault> {
        let footer = footer_bytes(&file);
        if footer.is_some_and(|bytes| bytes > MAX_FOOTER) {
            return Err(table::fault(name, format!("the metadata have more than {MAX_FOOTER} bytes")));
        }
        let opened = caught(name, || {
            let reader = SerializedFileReader::new(file.try_clone()?)?;
            Ok((reader, Arc::new(file)))
        });
        let (reader, file) = opened?;
        let (mut header, mut kinds) = (Vec::new(), Vec::new());
        for column in reader.metadata().file_metadata().schema_descr().columns() {
            let column_name = column.path().parts().first().cloned().unwrap_or_default();
            let kind = match kind_of(column) {
                Ok(kind) => Some(kind),
                Err(_) if ignored.contains(&column_name) => None,
                Err(found) => return Err(unread(name, &column_name, &found)),
            };
            // A list or a structure that is ignored may have several columns of one name.
            if kind.is_some() || header.last() != Some(&column_name) {
                header.push(column_name);
                kinds.push(kind);
            } else {
                kinds.push(None);
            }
        }
        if kinds.len() != header.len() {
            return Err(table::fault(name, "an ignored column is a structure of several columns")
                .help("remove the column from the file"));
        }
        if let Some(fault) = table::unusable_header(name, &header) {
            return Err(fault);
        }
        Ok(Self {
            name: name.to_owned(),
            header,
            file,
            reader,
            room: Room::default(),
            kinds,
            group: 0,
            columns: Vec::new(),
            left: 0,
            batch: 0,
            next: 0,
            row_number: 0,
            bytes: 0,
            row: StringRecord::new(),
        })
    }

    /// Reads the next row into `row`.
    pub(crate) fn advance(&mut self) -> Result<Step, Fault> {
        if self.next == self.batch {
            let name = self.name.clone();
            if !caught(&name, || self.fill())? {
                return Ok(Step::End);
            }
        }
        let place = self.next;
        self.next += 1;
        self.row_number += 1;
        let number = Place::Row(self.row_number);
        self.row.clear();
        let mut length = 0;
        for (column, batches) in self.header.iter().zip(&self.columns) {
            let text = batches.text(place).map_err(|found| {
                let message = format!("{number}, column `{}`: {found}", table::shown(column));
                table::fault_at(&self.name, number, message)
            });
            let text = match text {
                Ok(text) => text,
                Err(fault) => return Ok(Step::Broken(fault)),
            };
            length += text.len() as u64;
            if length > MAX_RECORD_BYTES {
                return Err(table::fault(&self.name, format!("{number} has more than {MAX_RECORD_BYTES} bytes")));
            }
            self.row.push_field(&text);
        }
        self.bytes += length;
        if self.bytes > MAX_FILE_BYTES {
            return Err(table::fault(&self.name, format!("the rows have more than {MAX_FILE_BYTES} bytes as text")));
        }
        if self.row.as_slice().contains('\0') {
            let message = format!("{number} contains NUL characters, expected text");
            return Ok(Step::Broken(table::fault_at(&self.name, number, message)));
        }
        Ok(Step::Row(number))
    }

    /// Reads the next batch of every column; `false` at the end of the file.
    fn fill(&mut self) -> ParquetResult<bool> {
        while self.left == 0 {
            if self.group == self.reader.metadata().num_row_groups() {
                return self.is_complete().then_some(false).ok_or_else(|| unequal("rows than stated"));
            }
            let group = self.reader.metadata().row_group(self.group);
            self.left = u64::try_from(group.num_rows()).map_err(|_| unequal("rows than none"))?;
            self.columns =
                (0..self.kinds.len()).map(|place| self.open_column(group, place)).collect::<Result<_, _>>()?;
            self.group += 1;
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(BATCH);
        for column in &mut self.columns {
            if column.read(wanted)? != wanted {
                return Err(unequal("rows than stated"));
            }
        }
        self.left -= wanted as u64;
        (self.batch, self.next) = (wanted, 0);
        if self.left == 0 {
            // A column with more values than the group has rows is damaged.
            for column in &mut self.columns {
                if !column.is_at_end()? {
                    return Err(unequal("rows than stated"));
                }
            }
        }
        Ok(true)
    }

    /// Whether the row groups had as many rows as the file states.
    fn is_complete(&self) -> bool {
        u64::try_from(self.reader.metadata().file_metadata().num_rows()) == Ok(self.row_number)
    }

    fn open_column(&self, group: &RowGroupMetaData, place: usize) -> ParquetResult<Batches> {
        let Some(kind) = self.kinds[place] else { return Ok(Batches::Nothing) };
        if group.num_columns() != self.kinds.len() {
            return Err(unequal("columns than its schema"));
        }
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let pages = Box::new(ColumnPages::open(&self.file, group.column(place), rows, &self.room)?);
        let column = group.schema_descr().column(place);
        Ok(match kind {
            Kind::Truth => Batches::Truth(Batch::of(ColumnReaderImpl::new(column, pages))),
            Kind::Whole32(_) => Batches::Whole32(Batch::of(ColumnReaderImpl::new(column, pages)), kind),
            Kind::Whole64(_) => Batches::Whole64(Batch::of(ColumnReaderImpl::new(column, pages)), kind),
            Kind::Single => Batches::Single(Batch::of(ColumnReaderImpl::new(column, pages))),
            Kind::Double => Batches::Double(Batch::of(ColumnReaderImpl::new(column, pages))),
            Kind::Text => Batches::Text(Batch::of(ColumnReaderImpl::new(column, pages))),
        })
    }
}

/// A batch of one column.
struct Batch<T: DataType> {
    reader: ColumnReaderImpl<T>,
    levels: Vec<i16>,
    values: Vec<T::T>,
    /// For each row the index of its value; `None` if it has none.
    of_row: Vec<Option<usize>>,
}

impl<T: DataType> Batch<T> {
    fn of(reader: ColumnReaderImpl<T>) -> Self {
        Self { reader, levels: Vec::new(), values: Vec::new(), of_row: Vec::new() }
    }

    /// Reads up to so many rows, and returns their number.
    fn read(&mut self, wanted: usize) -> ParquetResult<usize> {
        self.of_row.clear();
        self.values.clear();
        while self.of_row.len() < wanted {
            self.levels.clear();
            let before = self.values.len();
            let left = wanted - self.of_row.len();
            let (records, present, _) =
                self.reader.read_records(left, Some(&mut self.levels), None, &mut self.values)?;
            if records == 0 {
                break;
            }
            if present == records {
                self.of_row.extend((before..before + records).map(Some));
            } else {
                let mut next = before;
                for level in &self.levels {
                    let is_present = *level > 0;
                    self.of_row.push(is_present.then_some(next));
                    next += usize::from(is_present);
                }
            }
        }
        Ok(self.of_row.len())
    }

    fn value(&self, row: usize) -> Option<&T::T> {
        self.values.get((*self.of_row.get(row)?)?)
    }
}

/// A batch of one column of any type.
enum Batches {
    Truth(Batch<BoolType>),
    Whole32(Batch<Int32Type>, Kind),
    Whole64(Batch<Int64Type>, Kind),
    Single(Batch<FloatType>),
    Double(Batch<DoubleType>),
    Text(Batch<ByteArrayType>),
    /// An ignored column. Its values count as missing.
    Nothing,
}

impl Batches {
    fn read(&mut self, wanted: usize) -> ParquetResult<usize> {
        match self {
            Self::Truth(batch) => batch.read(wanted),
            Self::Whole32(batch, _) => batch.read(wanted),
            Self::Whole64(batch, _) => batch.read(wanted),
            Self::Single(batch) => batch.read(wanted),
            Self::Double(batch) => batch.read(wanted),
            Self::Text(batch) => batch.read(wanted),
            Self::Nothing => Ok(wanted),
        }
    }

    /// Whether the column has no more values in its row group.
    fn is_at_end(&mut self) -> ParquetResult<bool> {
        fn of<T: DataType>(batch: &mut Batch<T>) -> ParquetResult<bool> {
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            Ok(batch.reader.read_records(1, Some(&mut levels), None, &mut values)?.0 == 0)
        }
        match self {
            Self::Truth(batch) => of(batch),
            Self::Whole32(batch, _) => of(batch),
            Self::Whole64(batch, _) => of(batch),
            Self::Single(batch) => of(batch),
            Self::Double(batch) => of(batch),
            Self::Text(batch) => of(batch),
            Self::Nothing => Ok(true),
        }
    }

    /// The text of a row; or what was found in its place.
    fn text(&self, row: usize) -> Result<std::borrow::Cow<'_, str>, &'static str> {
        const NO_DATE: &str = "found a date beyond the year 9999, expected a date";
        let whole = |value: Option<i64>, kind: Kind| match (value, kind) {
            (Some(value), Kind::Whole32(whole) | Kind::Whole64(whole)) => text_of_whole(value, whole).ok_or(NO_DATE),
            _ => Ok(String::new()),
        };
        let text = match self {
            Self::Text(batch) => {
                let bytes = batch.value(row).map_or(&[][..], ByteArray::data);
                return std::str::from_utf8(bytes).map(Into::into).map_err(|_| "found bytes that are not UTF-8");
            }
            Self::Truth(batch) => batch.value(row).map(bool::to_string).unwrap_or_default(),
            Self::Whole32(batch, Kind::Whole32(super::values::Whole::Unsigned)) => {
                batch.value(row).map(|value| value.cast_unsigned().to_string()).unwrap_or_default()
            }
            Self::Whole32(batch, kind) => whole(batch.value(row).map(|value| i64::from(*value)), *kind)?,
            Self::Whole64(batch, kind) => whole(batch.value(row).copied(), *kind)?,
            Self::Single(batch) => batch.value(row).map(|value| text_of_float((*value).into())).unwrap_or_default(),
            Self::Double(batch) => batch.value(row).map(|value| text_of_float(*value)).unwrap_or_default(),
            Self::Nothing => String::new(),
        };
        Ok(text.into())
    }
}

/// The bytes of the metadata, as the file's last eight bytes state them (Parquet format, "File Format").
fn footer_bytes(file: &File) -> Option<u64> {
    use std::os::unix::fs::FileExt as _;
    let length = file.metadata().ok()?.len();
    let mut end = [0; 8];
    file.read_exact_at(&mut end, length.checked_sub(8)?).ok()?;
    let stated = u32::from_le_bytes([end[0], end[1], end[2], end[3]]);
    Some(stated.into())
}

fn unequal(what: &str) -> ParquetError {
    ParquetError::General(format!("a row group has other {what}"))
}

/// Calls a function of the parquet reader. It panics on some damaged files.
fn caught<T>(name: &str, read: impl FnOnce() -> ParquetResult<T>) -> Result<T, Fault> {
    const HELP: &str = "write the file again, with pandas, polars or pyarrow";
    let unreadable = |error: ParquetError| {
        let why = match error {
            ParquetError::External(cause) => match cause.downcast::<PageError>() {
                Ok(refusal) => return table::fault(name, refusal.to_string()),
                Err(cause) => cause.to_string(),
            },
            error => error.to_string(),
        };
        table::fault(name, format!("not a readable Parquet file: {}", table::shown(&why))).help(HELP)
    };
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(unreadable),
        Err(_) => Err(table::fault(name, "not a readable Parquet file: its reader failed on it").help(HELP)),
    }
}

fn unread(file: &str, column: &str, found: &str) -> Fault {
    let message = format!(
        "column `{}` contains {found}, expected numbers, texts, truth values, dates or times",
        table::shown(column)
    );
    table::fault(file, message).help("convert the column, or list it in `spec.data.ignore`")
}
