//! Reads rows of data, as checks of drift and leakage compare them: whole columns of numbers or texts from a parquet file.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::basic::Type;
use parquet::data_type::{BoolType, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use sha2::{Digest, Sha256};

use super::EvaluationError;
use super::column::Column;
use super::table::{Columns, Reader, text, too_large};

/// Cells a sample may have.
const MOST_CELLS: u64 = 50_000_000;

/// Bytes of all texts together.
const MOST_TEXT: u64 = 256 * 1024 * 1024;

/// Rows of data by column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// Number of rows.
    pub rows: usize,
    /// Values by the name of their column.
    pub columns: BTreeMap<String, SampleColumn>,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleColumn {
    /// Finite numbers.
    Numbers(Vec<f64>),
    /// Texts and truth values.
    Texts(Vec<String>),
}

impl Samples {
    /// SHA-256 over the values of one row in these columns: the same for rows that are alike.
    pub fn digest_of(&self, row: usize, columns: &[&String]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for name in columns {
            match self.columns.get(*name) {
                // Zero has two signs that compare as equal.
                Some(SampleColumn::Numbers(values)) => hasher.update((values[row] + 0.0).to_bits().to_le_bytes()),
                Some(SampleColumn::Texts(values)) => {
                    hasher.update((values[row].len() as u64).to_le_bytes());
                    hasher.update(values[row].as_bytes());
                }
                None => {}
            }
        }
        hasher.finalize().into()
    }
}

/// Reads a parquet file's columns of texts, numbers and truth values; others are left out.
pub fn read_samples(parquet: &[u8]) -> Result<Samples, EvaluationError> {
    // As with predictions, a panic of the parquet reader is the file's fault.
    catch_unwind(AssertUnwindSafe(|| read_columns(Bytes::copy_from_slice(parquet))))
        .unwrap_or(Err(EvaluationError::Broken))
}

fn read_columns(parquet: Bytes) -> Result<Samples, EvaluationError> {
    let file = SerializedFileReader::new(parquet)?;
    let columns = Columns::of(&file)?;
    let rows = u64::try_from(file.metadata().file_metadata().num_rows()).unwrap_or(u64::MAX);
    let cells = rows.saturating_mul(columns.0.len() as u64);
    if cells > MOST_CELLS {
        return Err(too_large("cells", cells, MOST_CELLS));
    }
    let mut samples = Samples { rows: usize::try_from(rows).unwrap_or(usize::MAX), columns: BTreeMap::new() };
    let mut bytes = 0;
    for (name, &(index, kind)) in &columns.0 {
        let column = Column { index, name: name.clone() };
        let Some(values) = read_one(&file, &column, kind, rows, &mut bytes)? else {
            continue;
        };
        let count = match &values {
            SampleColumn::Numbers(values) => values.len(),
            SampleColumn::Texts(values) => values.len(),
        };
        super::table::same_rows(&format!("column `{name}`"), count as u64, rows)?;
        samples.columns.insert(name.clone(), values);
    }
    Ok(samples)
}

fn read_one(
    file: &Reader,
    column: &Column,
    kind: Type,
    rows: u64,
    bytes: &mut u64,
) -> Result<Option<SampleColumn>, EvaluationError> {
    let mut numbers = Vec::new();
    let mut texts = Vec::new();
    let mut number = |row, value: f64| {
        if !value.is_finite() {
            return Err(column.refuse(row, value.to_string(), "a finite number"));
        }
        numbers.push(value);
        Ok(())
    };
    match kind {
        Type::FLOAT => column.each::<FloatType>(file, rows, |row, value| number(row, f64::from(*value)))?,
        Type::DOUBLE => column.each::<DoubleType>(file, rows, |row, value| number(row, *value))?,
        Type::INT32 => column.each::<Int32Type>(file, rows, |row, value| number(row, f64::from(*value)))?,
        #[expect(clippy::cast_precision_loss, reason = "numbers beyond 2^53 are compared as the nearest ones")]
        Type::INT64 => column.each::<Int64Type>(file, rows, |row, value| number(row, *value as f64))?,
        Type::BOOLEAN => column.each::<BoolType>(file, rows, |_, value| {
            texts.push(value.to_string());
            Ok(())
        })?,
        Type::BYTE_ARRAY => column.each::<ByteArrayType>(file, rows, |row, value| {
            let value = text(column, row, value)?;
            *bytes += value.len() as u64;
            if *bytes > MOST_TEXT {
                return Err(too_large("bytes of texts", *bytes, MOST_TEXT));
            }
            texts.push(value.to_owned());
            Ok(())
        })?,
        _ => return Ok(None),
    };
    let is_text = matches!(kind, Type::BOOLEAN | Type::BYTE_ARRAY);
    Ok(Some(if is_text { SampleColumn::Texts(texts) } else { SampleColumn::Numbers(numbers) }))
}
