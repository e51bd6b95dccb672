//! A predictions file of either format: its columns by name, and their values one by one.

use std::collections::HashMap;

use bytes::Bytes;

use super::EvaluationError;
use super::cell::{Cell, Kind};
use super::csv_file::CsvFile;
use super::error::shown;
use super::parquet_file::ParquetFile;

/// A column of a file.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its place in the file.
    pub(super) index: usize,
    pub(super) name: String,
    /// The type of its values.
    pub(super) kind: Kind,
    /// The file's name in errors.
    pub(super) file: &'static str,
}

impl Column {
    /// The error for a value in a row. `row` is counted from zero.
    pub(super) fn refuse(&self, row: u64, came: impl Into<String>, expected: impl Into<String>) -> EvaluationError {
        EvaluationError::Value {
            file: self.file,
            row: row + 1,
            column: cut(&self.name),
            came: came.into(),
            expected: expected.into(),
        }
    }

    /// The error for a row without a value. `row` is counted from zero.
    pub(super) fn without_value(&self, row: u64) -> EvaluationError {
        self.refuse(row, "no value", "a value in every row")
    }

    /// The error for a column with values of another type.
    pub(super) fn unlike(&self, expected: &str) -> EvaluationError {
        let expected = match self.kind {
            Kind::Half => "floats of 32 or 64 bits, which have enough digits; in pandas `.astype(\"float32\")`",
            _ => expected,
        };
        refuse_column(self.file, &self.name, format!("contains {}", self.kind), expected)
    }

    /// The column, if its values are numbers.
    pub(super) fn of_numbers(&self) -> Result<&Self, EvaluationError> {
        if self.kind.is_number() { Ok(self) } else { Err(self.unlike("numbers")) }
    }
}

enum Format {
    Parquet(ParquetFile),
    Csv(CsvFile),
}

/// A file of rows in memory.
pub(super) struct Source {
    /// The file's name in errors.
    pub(super) file: &'static str,
    pub(super) columns: HashMap<String, Column>,
    format: Format,
}

impl Source {
    /// Opens a parquet file. The columns are read later, one by one.
    pub(super) fn parquet(bytes: Bytes, file: &'static str) -> Result<Self, EvaluationError> {
        let parquet = ParquetFile::open(bytes)?;
        Ok(Self { file, columns: by_name(file, parquet.columns(file)?)?, format: Format::Parquet(parquet) })
    }

    /// Reads a CSV file that must have `expected` rows.
    pub(super) fn csv(bytes: &[u8], file: &'static str, expected: u64) -> Result<Self, EvaluationError> {
        let csv = CsvFile::open(bytes, file, expected)?;
        Ok(Self { file, columns: by_name(file, csv.columns(file))?, format: Format::Csv(csv) })
    }

    /// The number of rows that a parquet file claims. `None` for CSV, whose rows are counted when it is opened.
    pub(super) fn claimed_rows(&self) -> Option<u64> {
        match &self.format {
            Format::Parquet(parquet) => Some(parquet.claimed_rows()),
            Format::Csv(_) => None,
        }
    }

    /// The column of this name, or an error.
    pub(super) fn required(&self, name: &str) -> Result<&Column, EvaluationError> {
        self.columns.get(name).ok_or_else(|| {
            let mut present: Vec<String> = self.columns.keys().map(|name| shown(name)).collect();
            present.sort();
            present.truncate(10);
            let expected = format!("it in addition to {}", present.join(", "));
            refuse_column(self.file, name, "is missing", expected)
        })
    }

    /// Calls `visit` with every value of a column and its row, counted from zero. Rejects missing values and any other number of
    /// rows.
    pub(super) fn each(
        &self,
        column: &Column,
        expected: u64,
        visit: impl FnMut(u64, Cell<'_>) -> Result<(), EvaluationError>,
    ) -> Result<(), EvaluationError> {
        let count = match &self.format {
            Format::Parquet(parquet) => parquet.each(column, expected, visit)?,
            Format::Csv(csv) => csv.each(column, visit)?,
        };
        same_rows(self.file, &format!("column `{}`", cut(&column.name)), count, expected)
    }

    /// The values of a column of finite numbers.
    pub(super) fn numbers(&self, column: &Column, expected: u64) -> Result<Vec<f64>, EvaluationError> {
        let column = column.of_numbers()?;
        let mut numbers = Vec::new();
        self.each(column, expected, |row, cell| {
            numbers.push(finite(column, row, cell)?);
            Ok(())
        })?;
        Ok(numbers)
    }
}

/// The finite number that a value represents, or an error.
pub(super) fn finite(column: &Column, row: u64, cell: Cell<'_>) -> Result<f64, EvaluationError> {
    match cell.number() {
        Some(number) if number.is_finite() => Ok(number),
        _ => {
            let came = match cell {
                Cell::Written(text) => shown(text),
                _ => cell.number().map_or_else(|| "no number".to_owned(), |number| number.to_string()),
            };
            Err(column.refuse(row, came, "a finite number"))
        }
    }
}

fn by_name(file: &'static str, columns: Vec<Column>) -> Result<HashMap<String, Column>, EvaluationError> {
    let mut named = HashMap::with_capacity(columns.len());
    for column in columns {
        if let Some(earlier) = named.insert(column.name.clone(), column) {
            return Err(refuse_column(file, &earlier.name, "occurs twice", "every column once"));
        }
    }
    Ok(named)
}

/// Rejects a number of rows that differs from the report's.
pub(super) fn same_rows(file: &'static str, place: &str, came: u64, expected: u64) -> Result<(), EvaluationError> {
    if came == expected {
        return Ok(());
    }
    Err(EvaluationError::Rows { file, place: place.to_owned(), came, expected })
}

/// The error for a whole column.
pub(super) fn refuse_column(
    file: &'static str,
    column: &str,
    came: impl Into<String>,
    expected: impl Into<String>,
) -> EvaluationError {
    EvaluationError::Column { file, column: cut(column), came: came.into(), expected: expected.into() }
}

/// A column's name, shortened and escaped, because its author may be untrusted.
fn cut(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_debug).collect()
}

/// The error for a count that exceeds the limit for data in memory.
pub(super) fn too_large(file: &'static str, unit: &'static str, came: u64, most: u64) -> EvaluationError {
    EvaluationError::TooLarge { file, unit, came, most }
}
