//! Reads `predictions.parquet` into a table of predictions, and refuses whatever the metrics could not bear.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::basic::Type;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use slipway_contract::EvaluationReport;
use slipway_contract::metrics::{Attribute, Attributes, Predictions, Table};

use super::column::Column;
use super::error::shown;
use super::{EvaluationError, PREDICTIONS_FILE, attribute, estimates, scores};

/// Bytes a predictions file may have.
pub(super) const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Rows a predictions file may have.
pub(super) const MOST_ROWS: u64 = 50_000_000;

/// Bytes of one row's name, and of all names together.
const MOST_NAME_BYTES: usize = 1_024;
const MOST_NAMES_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// A parquet file in memory.
pub(super) type Reader = SerializedFileReader<Bytes>;

/// Reads the table that belongs to a report, and the attributes of its rows that are wanted and there.
pub(super) fn read(
    parquet: &[u8],
    report: &EvaluationReport,
    attributes: &BTreeSet<String>,
) -> Result<(Table, Attributes), EvaluationError> {
    let bytes = parquet.len() as u64;
    if bytes > MOST_BYTES {
        return Err(too_large("bytes", bytes, MOST_BYTES));
    }
    // The parquet reader has asserted on broken files before (index and slice bounds); such a file is the sender's fault,
    // and nothing of ours is shared with the closure, so a panic ends here as a refusal.
    catch_unwind(AssertUnwindSafe(|| read_table(Bytes::copy_from_slice(parquet), report, attributes)))
        .unwrap_or(Err(EvaluationError::Broken))
}

fn read_table(
    parquet: Bytes,
    report: &EvaluationReport,
    attributes: &BTreeSet<String>,
) -> Result<(Table, Attributes), EvaluationError> {
    let file = SerializedFileReader::new(parquet)?;
    let claimed = u64::try_from(file.metadata().file_metadata().num_rows()).unwrap_or(u64::MAX);
    if claimed > MOST_ROWS {
        return Err(too_many_rows(claimed));
    }
    same_rows("the file", claimed, report.rows)?;
    let columns = Columns::of(&file)?;
    let rows = names(&file, &columns.required("row", &[Type::BYTE_ARRAY])?.0, report)?;
    let table = if report.classes.is_empty() {
        Table::Numbers(estimates::read(&file, &columns, rows, report)?)
    } else {
        Table::Classes(read_classes(&file, &columns, rows, report)?)
    };
    let of_classes = of_classes(&table, attributes);
    let others = attributes.iter().filter(|name| !of_classes.contains_key(*name)).cloned().collect();
    let mut attributes = attribute::read(&file, &columns, &others, report)?;
    attributes.extend(of_classes);
    Ok((table, attributes))
}

/// Labels and predicted classes as attributes. Their values are all classes, also those that no row has: a check of every
/// class has to see that one is missing.
fn of_classes(table: &Table, wanted: &BTreeSet<String>) -> Attributes {
    let Table::Classes(table) = table else { return Attributes::new() };
    let own = [("label", &table.labels), ("prediction", &table.predictions)].into_iter();
    let attribute = |of_row: &Vec<u32>| Attribute { values: table.classes.clone(), of_row: of_row.clone() };
    own.filter(|(name, _)| wanted.contains(*name)).map(|(name, of_row)| (name.to_owned(), attribute(of_row))).collect()
}

fn read_classes(
    file: &Reader,
    columns: &Columns,
    rows: Vec<String>,
    report: &EvaluationReport,
) -> Result<Predictions, EvaluationError> {
    let classes: HashMap<&[u8], u32> = report.classes.iter().map(String::as_bytes).zip(0..).collect();
    let indices = |name: &str| {
        let (column, _) = columns.required(name, &[Type::BYTE_ARRAY])?;
        class_indices(file, &column, &classes, report)
    };
    let (labels, predictions) = (indices("label")?, indices("prediction")?);
    let scores = scores::read(file, columns, report)?;
    Ok(Predictions { rows, classes: report.classes.clone(), labels, predictions, scores })
}

/// The top-level columns of a file by name.
pub(super) struct Columns(pub(super) HashMap<String, (usize, Type)>);

impl Columns {
    /// The columns of a file.
    pub(super) fn of(file: &Reader) -> Result<Self, EvaluationError> {
        let mut columns = HashMap::new();
        for (index, column) in file.metadata().file_metadata().schema_descr().columns().iter().enumerate() {
            // A column within a group is nothing of ours, whatever it is called.
            let [name] = column.path().parts() else {
                continue;
            };
            if column.max_rep_level() > 0 {
                return Err(refuse_column(name, "holds lists", "one value a row"));
            }
            if columns.insert(name.clone(), (index, column.physical_type())).is_some() {
                return Err(refuse_column(name, "is there twice", "every column once"));
            }
        }
        Ok(Self(columns))
    }

    /// The column of this name, if it has one of these types.
    pub(super) fn required(&self, name: &str, expected: &[Type]) -> Result<(Column, Type), EvaluationError> {
        match self.0.get(name) {
            Some(&(index, came)) if expected.contains(&came) => Ok((Column { index, name: name.to_owned() }, came)),
            Some((_, came)) => {
                let expected =
                    if expected.contains(&Type::BYTE_ARRAY) { "text (BYTE_ARRAY)" } else { "FLOAT or DOUBLE" };
                Err(refuse_column(name, format!("has type {came}"), expected))
            }
            None => {
                let mut present: Vec<String> = self.0.keys().map(|name| shown(name)).collect();
                present.sort();
                present.truncate(10);
                let expected = format!("it beside {}", present.join(", "));
                Err(refuse_column(name, "is missing", expected))
            }
        }
    }
}

fn names(file: &Reader, column: &Column, report: &EvaluationReport) -> Result<Vec<String>, EvaluationError> {
    let again = |row, name: &str| column.refuse(row, format!("{} again", shown(name)), "every name once");
    let mut names: Vec<String> = Vec::new();
    let mut bytes = 0;
    let count = column.each::<ByteArrayType>(file, report.rows, |row, value| {
        let name = text(column, row, value)?;
        if name.is_empty() || name.len() > MOST_NAME_BYTES {
            let came = format!("a name of {} bytes", name.len());
            return Err(column.refuse(row, came, format!("1 to {MOST_NAME_BYTES}")));
        }
        // Seen at once, because one name can stand for any number of rows in a few bytes.
        if names.last().is_some_and(|last| last == name) {
            return Err(again(row, name));
        }
        bytes += name.len() as u64;
        if bytes > MOST_NAMES_BYTES {
            return Err(too_large("bytes of row names", bytes, MOST_NAMES_BYTES));
        }
        names.push(name.to_owned());
        Ok(())
    })?;
    same_rows("column `row`", count, report.rows)?;
    let mut seen = HashSet::with_capacity(names.len());
    match names.iter().zip(0..).find(|(name, _)| !seen.insert(name.as_str())) {
        Some((name, row)) => Err(again(row, name)),
        None => Ok(names),
    }
}

fn class_indices(
    file: &Reader,
    column: &Column,
    classes: &HashMap<&[u8], u32>,
    report: &EvaluationReport,
) -> Result<Vec<u32>, EvaluationError> {
    let mut indices = Vec::new();
    let count = column.each::<ByteArrayType>(file, report.rows, |row, value| match classes.get(value.data()) {
        Some(index) => {
            indices.push(*index);
            Ok(())
        }
        None => Err(column.refuse(
            row,
            shown(&String::from_utf8_lossy(value.data())),
            format!("one of the {} classes of report.json", classes.len()),
        )),
    })?;
    same_rows(&format!("column `{}`", column.name), count, report.rows)?;
    Ok(indices)
}

/// A value as text.
pub(super) fn text<'value>(
    column: &Column,
    row: u64,
    value: &'value ByteArray,
) -> Result<&'value str, EvaluationError> {
    std::str::from_utf8(value.data()).map_err(|_| column.refuse(row, "bytes that are no text", "UTF-8"))
}

/// Refuses another number of rows than the report states.
pub(super) fn same_rows(place: &str, came: u64, expected: u64) -> Result<(), EvaluationError> {
    if came == expected {
        return Ok(());
    }
    Err(EvaluationError::Rows { place: place.to_owned(), came, expected })
}

/// The error for a column as a whole.
pub(super) fn refuse_column(column: &str, came: impl Into<String>, expected: impl Into<String>) -> EvaluationError {
    EvaluationError::Column {
        column: column.chars().take(80).flat_map(char::escape_debug).collect(),
        came: came.into(),
        expected: expected.into(),
    }
}

/// The error for more than is held in memory.
pub(super) fn too_large(unit: &'static str, came: u64, most: u64) -> EvaluationError {
    EvaluationError::TooLarge { file: PREDICTIONS_FILE, unit, came, most }
}

/// The error for more rows than are read.
pub(super) fn too_many_rows(came: u64) -> EvaluationError {
    too_large("rows", came, MOST_ROWS)
}
