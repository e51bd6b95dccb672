//! Reads the columns of a parquet file in small batches. The sizes that the file claims never decide how much memory is
//! allocated.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{BoolType, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::ColumnDescriptor;
use slipway_tables::parquet::{ColumnPages, Room};

use super::EvaluationError;
use super::cell::{Cell, Kind};
use super::source::{Column, refuse_column};

/// Values decoded at a time. The batch is small enough to take little memory, and large enough to be fast.
const BATCH: usize = 4_096;

/// A parquet file in memory.
pub(super) struct ParquetFile {
    bytes: Arc<Bytes>,
    reader: SerializedFileReader<Bytes>,
    room: Room,
}

impl ParquetFile {
    /// Reads the metadata at the file's end.
    pub(super) fn open(bytes: Bytes) -> Result<Self, EvaluationError> {
        let reader = SerializedFileReader::new(bytes.clone())?;
        Ok(Self { bytes: Arc::new(bytes), reader, room: Room::default() })
    }

    /// The number of rows that the file claims.
    pub(super) fn claimed_rows(&self) -> u64 {
        u64::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(u64::MAX)
    }

    /// Its columns. Nested columns are left out, because none of the expected columns is nested.
    pub(super) fn columns(&self, file: &'static str) -> Result<Vec<Column>, EvaluationError> {
        let mut columns = Vec::new();
        for (index, column) in self.reader.metadata().file_metadata().schema_descr().columns().iter().enumerate() {
            let [name] = column.path().parts() else {
                continue;
            };
            if column.max_rep_level() > 0 {
                return Err(refuse_column(file, name, "contains lists", "one value a row"));
            }
            columns.push(Column { index, name: name.clone(), kind: kind_of(column), file });
        }
        Ok(columns)
    }

    /// Calls `visit` with every value of a column and its row, counted from zero. Rejects missing values. Returns the number of
    /// rows. It stops soon after `expected` rows, because a few bytes can claim any number of equal rows.
    pub(super) fn each(
        &self,
        column: &Column,
        expected: u64,
        visit: impl FnMut(u64, Cell<'_>) -> Result<(), EvaluationError>,
    ) -> Result<u64, EvaluationError> {
        let descriptor = self.reader.metadata().file_metadata().schema_descr().column(column.index);
        let walk = Walk { file: self, column, expected };
        match (descriptor.physical_type(), is_unsigned(&descriptor)) {
            (Type::BYTE_ARRAY, _) => walk.each::<ByteArrayType>(|value| Cell::Text(value.data()), visit),
            (Type::INT32, false) => walk.each::<Int32Type>(|value| Cell::Whole((*value).into()), visit),
            (Type::INT32, true) => walk.each::<Int32Type>(|value| Cell::Whole(value.cast_unsigned().into()), visit),
            (Type::INT64, false) => walk.each::<Int64Type>(|value| Cell::Whole((*value).into()), visit),
            (Type::INT64, true) => walk.each::<Int64Type>(|value| Cell::Whole(value.cast_unsigned().into()), visit),
            (Type::FLOAT, _) => walk.each::<FloatType>(|value| Cell::Single(*value), visit),
            (Type::DOUBLE, _) => walk.each::<DoubleType>(|value| Cell::Double(*value), visit),
            (Type::BOOLEAN, _) => walk.each::<BoolType>(|value| Cell::Truth(*value), visit),
            _ => Err(column.unlike("text, numbers or truth values")),
        }
    }
}

fn is_unsigned(column: &ColumnDescriptor) -> bool {
    let logical = matches!(column.logical_type_ref(), Some(LogicalType::Integer(kind)) if !kind.is_signed);
    let converted = [ConvertedType::UINT_8, ConvertedType::UINT_16, ConvertedType::UINT_32, ConvertedType::UINT_64];
    logical || converted.contains(&column.converted_type())
}

fn kind_of(column: &ColumnDescriptor) -> Kind {
    use ConvertedType as Converted;
    match (column.physical_type(), column.converted_type()) {
        (Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY, Converted::DECIMAL) => Kind::Other("DECIMAL".to_owned()),
        (Type::BYTE_ARRAY, _) => Kind::Text,
        (
            Type::INT32 | Type::INT64,
            Converted::NONE
            | Converted::INT_8
            | Converted::INT_16
            | Converted::INT_32
            | Converted::INT_64
            | Converted::UINT_8
            | Converted::UINT_16
            | Converted::UINT_32
            | Converted::UINT_64,
        ) if !is_moment(column) => Kind::Whole,
        (Type::INT32 | Type::INT64, Converted::NONE) => Kind::Coded("TIMESTAMP".to_owned()),
        (Type::INT32 | Type::INT64, converted) => Kind::Coded(converted.to_string()),
        (Type::FLOAT | Type::DOUBLE, _) => Kind::Float,
        (Type::BOOLEAN, _) => Kind::Truth,
        (Type::FIXED_LEN_BYTE_ARRAY, _) if matches!(column.logical_type_ref(), Some(LogicalType::Float16)) => {
            Kind::Half
        }
        (other, _) => Kind::Other(other.to_string()),
    }
}

/// Whether the column has a logical type other than an integer. Timestamps in nanoseconds have a logical type but no converted
/// type.
fn is_moment(column: &ColumnDescriptor) -> bool {
    column.logical_type_ref().is_some_and(|logical| !matches!(logical, LogicalType::Integer(_)))
}

/// One pass over a column.
struct Walk<'file> {
    file: &'file ParquetFile,
    column: &'file Column,
    expected: u64,
}

impl Walk<'_> {
    fn each<T: DataType>(
        &self,
        cell: impl for<'value> Fn(&'value T::T) -> Cell<'value>,
        mut visit: impl FnMut(u64, Cell<'_>) -> Result<(), EvaluationError>,
    ) -> Result<u64, EvaluationError> {
        let Self { file: ParquetFile { bytes, reader, room }, column, expected } = self;
        let mut row = 0;
        let mut values = Vec::new();
        let mut levels = Vec::new();
        for group in reader.metadata().row_groups() {
            let chunk = group.column(column.index);
            let rows = usize::try_from(group.num_rows()).unwrap_or(0);
            let pages = ColumnPages::open(bytes, chunk, rows, room)?;
            let mut reader = ColumnReaderImpl::<T>::new(group.schema_descr().column(column.index), Box::new(pages));
            loop {
                values.clear();
                levels.clear();
                let (records, present, _) = reader.read_records(BATCH, Some(&mut levels), None, &mut values)?;
                if records == 0 {
                    break;
                }
                if present != records {
                    let before = levels.iter().take_while(|level| **level > 0).count() as u64;
                    return Err(column.without_value(row + before));
                }
                for value in &values {
                    visit(row, cell(value))?;
                    row += 1;
                }
                if row > *expected {
                    return Ok(row);
                }
            }
        }
        Ok(row)
    }
}
