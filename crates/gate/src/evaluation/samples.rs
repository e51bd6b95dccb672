//! Reads samples of data for the checks of drift and leakage: whole columns of numbers or texts from a parquet file.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::EvaluationError;
use super::cell::Kind;
use super::source::{Column, Source, finite, too_large};
use super::table::text;

/// The file's name in errors.
const FILE: &str = "the sample";

/// The most cells of a sample.
const MAX_CELLS: u64 = 50_000_000;

/// The most bytes of all texts together.
const MAX_TEXT: u64 = 256 * 1024 * 1024;

/// Rows of data, stored by column.
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
    /// SHA-256 over the values of one row in these columns. Rows with equal values have equal digests.
    pub fn digest_of(&self, row: usize, columns: &[&String]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for name in columns {
            match self.columns.get(*name) {
                // Adding zero turns -0.0 into 0.0. Both compare as equal.
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

/// Reads the columns of texts, numbers and truth values of a parquet file. Other columns are left out.
pub fn read_samples(parquet: &[u8]) -> Result<Samples, EvaluationError> {
    // As for predictions, a panic of the parquet reader means that the file is broken.
    catch_unwind(AssertUnwindSafe(|| read_columns(Bytes::copy_from_slice(parquet))))
        .unwrap_or(Err(EvaluationError::Broken))
}

fn read_columns(parquet: Bytes) -> Result<Samples, EvaluationError> {
    let source = Source::parquet(parquet, FILE)?;
    let rows = source.claimed_rows().unwrap_or(u64::MAX);
    let cells = rows.saturating_mul(source.columns.len() as u64);
    if cells > MAX_CELLS {
        return Err(too_large(FILE, "cells", cells, MAX_CELLS));
    }
    let mut samples = Samples { rows: usize::try_from(rows).unwrap_or(usize::MAX), columns: BTreeMap::new() };
    let mut bytes = 0;
    for (name, column) in &source.columns {
        if let Some(values) = read_one(&source, column, rows, &mut bytes)? {
            samples.columns.insert(name.clone(), values);
        }
    }
    Ok(samples)
}

fn read_one(
    source: &Source,
    column: &Column,
    rows: u64,
    bytes: &mut u64,
) -> Result<Option<SampleColumn>, EvaluationError> {
    match column.kind {
        Kind::Text | Kind::Truth | Kind::Written => {
            let mut texts = Vec::new();
            source.each(column, rows, |row, cell| {
                let text = text(column, row, cell)?;
                *bytes += text.len() as u64;
                if *bytes > MAX_TEXT {
                    return Err(too_large(FILE, "bytes of texts", *bytes, MAX_TEXT));
                }
                texts.push(text.into_owned());
                Ok(())
            })?;
            Ok(Some(SampleColumn::Texts(texts)))
        }
        Kind::Whole | Kind::Coded(_) | Kind::Float => {
            let mut numbers = Vec::new();
            source.each(column, rows, |row, cell| {
                numbers.push(finite(column, row, cell)?);
                Ok(())
            })?;
            Ok(Some(SampleColumn::Numbers(numbers)))
        }
        Kind::Half | Kind::Other(_) => Ok(None),
    }
}
