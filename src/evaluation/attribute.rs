//! Reads attributes of rows: columns by which a policy groups, as texts, each different one kept once.

use std::collections::{BTreeSet, HashMap};

use parquet::basic::Type;
use parquet::data_type::{BoolType, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use slipway_contract::EvaluationReport;
use slipway_contract::metrics::{Attribute, Attributes};

use super::EvaluationError;
use super::column::Column;
use super::table::{Columns, Reader, refuse_column, same_rows, text, too_large};

/// Bytes of one value, and of all different values of a column together.
const MOST_VALUE_BYTES: usize = 1_024;
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Reads those columns of `wanted` that are there. Numbers and truth values become their text.
pub(super) fn read(
    file: &Reader,
    columns: &Columns,
    wanted: &BTreeSet<String>,
    report: &EvaluationReport,
) -> Result<Attributes, EvaluationError> {
    let present = wanted.iter().filter_map(|name| Some((name, columns.0.get(name)?)));
    present
        .map(|(name, &(index, kind))| {
            let column = Column { index, name: name.clone() };
            let attribute = read_one(file, &column, kind, report.rows)?;
            same_rows(&format!("column `{name}`"), attribute.of_row.len() as u64, report.rows)?;
            Ok((name.clone(), attribute))
        })
        .collect()
}

fn read_one(file: &Reader, column: &Column, kind: Type, rows: u64) -> Result<Attribute, EvaluationError> {
    let mut values = Values::default();
    match kind {
        Type::BYTE_ARRAY => {
            column.each::<ByteArrayType>(file, rows, |row, value| values.push(column, row, text(column, row, value)?))
        }
        Type::BOOLEAN => column.each::<BoolType>(file, rows, |row, value| values.push(column, row, &value.to_string())),
        Type::INT32 => column.each::<Int32Type>(file, rows, |row, value| values.push(column, row, &value.to_string())),
        Type::INT64 => column.each::<Int64Type>(file, rows, |row, value| values.push(column, row, &value.to_string())),
        Type::FLOAT => column.each::<FloatType>(file, rows, |row, value| values.push(column, row, &value.to_string())),
        Type::DOUBLE => {
            column.each::<DoubleType>(file, rows, |row, value| values.push(column, row, &value.to_string()))
        }
        other => Err(refuse_column(&column.name, format!("has type {other}"), "text, a number or a truth value")),
    }?;
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
            if value.len() > MOST_VALUE_BYTES {
                let came = format!("a value of {} bytes", value.len());
                return Err(column.refuse(row, came, format!("at most {MOST_VALUE_BYTES}")));
            }
            if self.bytes > MOST_BYTES {
                return Err(too_large("bytes of attributes", self.bytes, MOST_BYTES));
            }
            // There are no more values than rows, whose numbers fit.
            let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
            self.places.insert(value.to_owned(), place);
            self.attribute.values.push(value.to_owned());
            place
        };
        self.attribute.of_row.push(place);
        Ok(())
    }
}
