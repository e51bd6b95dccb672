//! Reads a predictions file into a table, and rejects everything that the metrics cannot be computed from.

use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use slipway_contract::EvaluationReport;
use slipway_contract::metrics::{Attribute, Attributes, Predictions, Table};

use super::cell::{Cell, Kind};
use super::classes::Classes;
use super::error::shown;
use super::source::{Column, Source, same_rows, too_large};
use super::{CSV_FILE, Columns, Evaluation, EvaluationError, PREDICTIONS_FILE, PredictionsFile};
use super::{attribute, estimates, row_scores, scores};

/// The most bytes of a predictions file.
pub(super) const MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// The most rows of a predictions file.
pub(super) const MAX_ROWS: u64 = 50_000_000;

/// The most bytes of one row's name, and of all names together.
const MAX_NAME_BYTES: usize = 1_024;
const MAX_NAMES_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Reads the table of a report, and the wanted columns that exist.
pub(super) fn read(
    predictions: PredictionsFile<'_>,
    report: EvaluationReport,
    columns: &Columns,
) -> Result<Evaluation, EvaluationError> {
    let (file, bytes) = match predictions {
        PredictionsFile::Parquet(bytes) => (PREDICTIONS_FILE, bytes.len() as u64),
        PredictionsFile::Csv(bytes) => (CSV_FILE, bytes.len() as u64),
    };
    if bytes > MAX_BYTES {
        return Err(too_large(file, "bytes", bytes, MAX_BYTES));
    }
    if report.rows > MAX_ROWS {
        return Err(too_large(super::REPORT_FILE, "rows", report.rows, MAX_ROWS));
    }
    // The parquet reader has panicked on broken files before (index and slice bounds). The closure shares no state with Slipway,
    // so a panic is converted into an error about the file.
    catch_unwind(AssertUnwindSafe(|| {
        let source = match predictions {
            PredictionsFile::Parquet(bytes) => Source::parquet(Bytes::copy_from_slice(bytes), file)?,
            PredictionsFile::Csv(bytes) => Source::csv(bytes, file, report.rows)?,
        };
        read_table(&source, report, columns)
    }))
    .unwrap_or(Err(EvaluationError::Broken))
}

fn read_table(source: &Source, report: EvaluationReport, columns: &Columns) -> Result<Evaluation, EvaluationError> {
    if let Some(claimed) = source.claimed_rows() {
        same_rows(source.file, "the file", claimed, report.rows)?;
    }
    let rows = names(source, source.required("row")?, &report)?;
    let has_labels = ["label", "prediction"].iter().any(|name| source.columns.contains_key(*name));
    let table = if !report.classes.is_empty() {
        Table::Classes(read_classes(source, rows, &report)?)
    } else if has_labels {
        Table::Numbers(estimates::read(source, rows, &report)?)
    } else {
        Table::Unlabelled(rows)
    };
    let of_classes = of_classes(&table, &columns.attributes);
    let others = columns.attributes.iter().filter(|name| !of_classes.contains_key(*name)).cloned().collect();
    let mut attributes = attribute::read(source, &others, &report)?;
    attributes.extend(of_classes);
    let row_scores = row_scores::read(source, &columns.row_scores, &report)?;
    Ok(Evaluation { report, table, attributes, row_scores })
}

/// Labels and predicted classes as attributes. Their values are all classes, even those without a row, so that a check of every
/// class can find a missing one.
fn of_classes(table: &Table, wanted: &BTreeSet<String>) -> Attributes {
    let Table::Classes(table) = table else { return Attributes::new() };
    let own = [("label", &table.labels), ("prediction", &table.predictions)].into_iter();
    let attribute = |of_row: &Vec<u32>| Attribute { values: table.classes.clone(), of_row: of_row.clone() };
    own.filter(|(name, _)| wanted.contains(*name)).map(|(name, of_row)| (name.to_owned(), attribute(of_row))).collect()
}

fn read_classes(source: &Source, rows: Vec<String>, report: &EvaluationReport) -> Result<Predictions, EvaluationError> {
    let classes = Classes::of(&report.classes);
    let indices = |name: &str| class_indices(source, source.required(name)?, &classes, report);
    let (labels, predictions) = (indices("label")?, indices("prediction")?);
    let scores = scores::read(source, report)?;
    Ok(Predictions { rows, classes: report.classes.clone(), labels, predictions, scores })
}

fn names(source: &Source, column: &Column, report: &EvaluationReport) -> Result<Vec<String>, EvaluationError> {
    let again = |row, name: &str| column.refuse(row, format!("{} again", shown(name)), "every name once");
    let mut names: Vec<String> = Vec::new();
    let mut bytes = 0;
    source.each(column, report.rows, |row, cell| {
        // If pandas converted the numbers to floats, the name is that of the original whole number.
        let name = match (cell, cell.whole()) {
            (Cell::Single(_) | Cell::Double(_), Some(whole)) => whole.to_string().into(),
            _ => text(column, row, cell)?,
        };
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            let came = format!("a name of {} bytes", name.len());
            return Err(column.refuse(row, came, format!("1 to {MAX_NAME_BYTES}")));
        }
        // Check this early: a few bytes can claim any number of rows with one name.
        if names.last().is_some_and(|last| *last == *name) {
            return Err(again(row, &name));
        }
        bytes += name.len() as u64;
        if bytes > MAX_NAMES_BYTES {
            return Err(too_large(source.file, "bytes of row names", bytes, MAX_NAMES_BYTES));
        }
        names.push(name.into_owned());
        Ok(())
    })?;
    let mut seen = HashSet::with_capacity(names.len());
    match names.iter().zip(0..).find(|(name, _)| !seen.insert(name.as_str())) {
        Some((name, row)) => Err(again(row, name)),
        None => Ok(names),
    }
}

fn class_indices(
    source: &Source,
    column: &Column,
    classes: &Classes<'_>,
    report: &EvaluationReport,
) -> Result<Vec<u32>, EvaluationError> {
    if let Kind::Coded(_) | Kind::Half | Kind::Other(_) = column.kind {
        return Err(column.unlike("classes: texts, whole numbers or truth values"));
    }
    let mut indices = Vec::new();
    source.each(column, report.rows, |row, cell| {
        if let Some(index) = classes.find(cell) {
            indices.push(index);
            return Ok(());
        }
        let came = match cell {
            Cell::Text(bytes) => String::from_utf8_lossy(bytes),
            cell => cell.text().unwrap_or_default(),
        };
        let expected = format!("one of the {} classes of report.json", classes.len());
        Err(column.refuse(row, shown(&came), expected))
    })?;
    Ok(indices)
}

/// A value as text, or an error if it is not UTF-8.
pub(super) fn text<'value>(
    column: &Column,
    row: u64,
    cell: Cell<'value>,
) -> Result<std::borrow::Cow<'value, str>, EvaluationError> {
    cell.text().ok_or_else(|| column.refuse(row, "bytes that are not UTF-8", "UTF-8"))
}
