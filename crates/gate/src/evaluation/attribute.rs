//! Reads attributes of rows: the columns that a policy groups by, as texts, with each distinct value stored once.

use std::collections::{BTreeSet, HashMap};

use slipway_contract::EvaluationReport;
use slipway_contract::metrics::{Attribute, Attributes};

use super::EvaluationError;
use super::cell::Kind;
use super::source::{Column, Source, too_large};
use super::table::text;

/// The most bytes of one value, and of all distinct values of a column together.
const MAX_VALUE_BYTES: usize = 1_024;
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Reads the columns of `wanted` that exist. Numbers and truth values are converted to text.
pub(super) fn read(
    source: &Source,
    wanted: &BTreeSet<String>,
    report: &EvaluationReport,
) -> Result<Attributes, EvaluationError> {
    let present = wanted.iter().filter_map(|name| Some((name, source.columns.get(name)?)));
    present.map(|(name, column)| Ok((name.clone(), read_one(source, column, report.rows)?))).collect()
}

fn read_one(source: &Source, column: &Column, rows: u64) -> Result<Attribute, EvaluationError> {
    if let Kind::Half | Kind::Other(_) = column.kind {
        return Err(column.unlike("text, a number or a truth value"));
    }
    let mut values = Values::default();
    source.each(column, rows, |row, cell| values.push(column, row, &text(column, row, cell)?))?;
    Ok(values.attribute)
}

#[derive(Default)]
struct Values {
    attribute: Attribute,
    places: HashMap<String, u32>,
    bytes: u64,
}

impl Values {
    fn push(&mut self, column: &Column, row: u64, value: &str) -> Result<(), EvaluationError> {
        let place = if let Some(place) = self.places.get(value) {
            *place
        } else {
            self.bytes += value.len() as u64;
            if value.len() > MAX_VALUE_BYTES {
                let came = format!("a value of {} bytes", value.len());
                return Err(column.refuse(row, came, format!("at most {MAX_VALUE_BYTES} bytes")));
            }
            if self.bytes > MAX_BYTES {
                return Err(too_large(column.file, "bytes of attributes", self.bytes, MAX_BYTES));
            }
            // There are at most as many values as rows, and the number of rows fits.
            let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
            self.places.insert(value.to_owned(), place);
            self.attribute.values.push(value.to_owned());
            place
        };
        self.attribute.of_row.push(place);
        Ok(())
    }
}
