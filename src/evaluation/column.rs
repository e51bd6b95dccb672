//! Reads one column of a parquet file in small batches, so that what the file claims never decides what is allocated.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;

use super::EvaluationError;

/// Values decoded at a time: few enough to be cheap, many enough not to matter.
const BATCH: usize = 4_096;

/// A column of a file.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its place in the schema.
    pub(super) index: usize,
    /// Its name.
    pub(super) name: String,
}

impl Column {
    /// Shows every value with its row, from zero; refuses missing values. Answers the number of rows, or of those read
    /// when there were more than `expected`: a few bytes can claim any number of equal rows.
    pub(super) fn each<T: DataType>(
        &self,
        file: &SerializedFileReader<Bytes>,
        expected: u64,
        mut visit: impl FnMut(u64, &T::T) -> Result<(), EvaluationError>,
    ) -> Result<u64, EvaluationError> {
        let mut row = 0;
        let mut values = Vec::new();
        let mut levels = Vec::new();
        for group in 0..file.num_row_groups() {
            let group = file.get_row_group(group)?;
            let pages = KnownPages(group.get_column_page_reader(self.index)?);
            let descriptor = group.metadata().schema_descr().column(self.index);
            let mut reader = ColumnReaderImpl::<T>::new(descriptor, Box::new(pages));
            loop {
                values.clear();
                levels.clear();
                let (records, present, _) = reader.read_records(BATCH, Some(&mut levels), None, &mut values)?;
                if records == 0 {
                    break;
                }
                if present != records {
                    let before = levels.iter().take_while(|level| **level > 0).count() as u64;
                    return Err(self.refuse(row + before, "no value", "a value in every row"));
                }
                for value in &values {
                    visit(row, value)?;
                    row += 1;
                }
                if row > expected {
                    return Ok(row);
                }
            }
        }
        Ok(row)
    }

    /// The error for a value in a row counted from zero.
    pub(super) fn refuse(&self, row: u64, came: impl Into<String>, expected: impl Into<String>) -> EvaluationError {
        EvaluationError::Value { row: row + 1, column: self.name.clone(), came: came.into(), expected: expected.into() }
    }
}

/// Lets only those encodings through whose values cannot grow beyond the bytes that hold them. The delta encodings can:
/// each text may repeat all of the one before.
struct KnownPages(Box<dyn PageReader>);

impl PageReader for KnownPages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.0.get_next_page()?;
        match page.as_ref().map(Page::encoding) {
            None | Some(Encoding::PLAIN | Encoding::PLAIN_DICTIONARY | Encoding::RLE | Encoding::RLE_DICTIONARY) => {
                Ok(page)
            }
            Some(other) => {
                Err(ParquetError::NYI(format!("encoding {other} is not supported, expected PLAIN or RLE_DICTIONARY")))
            }
        }
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.0.skip_next_page()
    }
}

impl Iterator for KnownPages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
