//! Tables of comma-separated values with a header (RFC 4180): numbers to learn from, one column to predict.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;

use slipway_contract::{CsvFile, Fault, FaultKind, Shape};
use tch::Tensor;

use super::file::{LARGEST_FILE, Source};
use super::{Half, Rows};

/// Rows and columns a table may have.
const MOST_ROWS: usize = 50_000_000;
const MOST_COLUMNS: usize = 20_000;

/// A reader that fails beyond a bound, instead of ending there as if all was read.
struct Bounded<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| std::io::Error::other(format!("more than {LARGEST_FILE} bytes, unpacked")))?;
        Ok(read)
    }
}

/// A table as it was read.
struct Table {
    columns: Vec<String>,
    values: Vec<f32>,
    labels: Vec<String>,
}

/// A table that says its own classes and, unless they are named, its own columns.
pub(super) fn read_new(
    source: &Source,
    file: &CsvFile,
    half: Half,
    label: &str,
    columns: Option<&[String]>,
) -> Result<Rows, Fault> {
    let table = read(source, file, half, label, columns)?;
    let names: BTreeSet<&String> = table.labels.iter().collect();
    let mut classes: Vec<String> = names.into_iter().cloned().collect();
    if classes.iter().all(|class| class.parse::<i64>().is_ok()) {
        classes.sort_by_key(|class| class.parse::<i64>().unwrap_or_default());
    }
    numbered(table, &classes, &file.file)
}

/// A table in terms of known columns and classes.
pub(super) fn read_known(
    source: &Source,
    file: &CsvFile,
    half: Half,
    label: &str,
    columns: &[String],
    classes: &[String],
) -> Result<Rows, Fault> {
    numbered(read(source, file, half, label, Some(columns))?, classes, &file.file)
}

fn numbered(table: Table, classes: &[String], file: &str) -> Result<Rows, Fault> {
    let index: HashMap<&str, i64> = classes.iter().map(String::as_str).zip(0..).collect();
    let mut labels = Vec::with_capacity(table.labels.len());
    for (row, label) in table.labels.iter().enumerate() {
        let Some(class) = index.get(label.as_str()) else {
            let message = format!("row {} has the label `{}`, which no training row has", row + 1, shortened(label));
            return Err(Fault::new(FaultKind::Data, message).file(file));
        };
        labels.push(*class);
    }
    let width = table.columns.len();
    let sizes = [i64::try_from(labels.len()).unwrap_or(i64::MAX), i64::try_from(width).unwrap_or(i64::MAX)];
    let features = Tensor::from_slice(&table.values).reshape(sizes);
    let shape = Shape(vec![u32::try_from(width).unwrap_or(u32::MAX)]);
    Ok(Rows { features, shape, labels, classes: classes.to_vec(), columns: Some(table.columns) })
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn read(source: &Source, file: &CsvFile, half: Half, label: &str, columns: Option<&[String]>) -> Result<Table, Fault> {
    let opened = source.read(&format!("spec.data.{}.file", half.key()), &file.file)?;
    let name = opened.name.clone();
    let fault = |message: String| Fault::new(FaultKind::Data, message).file(&name);
    let mut reader = csv::ReaderBuilder::new().from_reader(Bounded { reader: opened.reader, left: LARGEST_FILE });
    let broken = |error: &csv::Error| match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or_else(String::new, |pos| format!("line {}: ", pos.line()));
            fault(format!("{line}{len} values, expected {expected_len} as in the header"))
        }
        csv::ErrorKind::Io(error) => fault(format!("cannot be read: {error}")),
        _ => fault(error.to_string()),
    };
    let header: Vec<String> =
        reader.headers().map_err(|error| broken(&error))?.iter().map(|name| name.trim().to_owned()).collect();
    if header.len() > MOST_COLUMNS {
        return Err(fault(format!("{} columns, expected at most {MOST_COLUMNS}", header.len())));
    }
    let label_at = position(&header, label, "spec.data.label", &name)?;
    let columns: Vec<String> = match columns {
        Some(columns) => columns.to_vec(),
        None => header.iter().filter(|column| *column != label).cloned().collect(),
    };
    let places: Vec<usize> = columns
        .iter()
        .map(|column| position(&header, column, "spec.data.features", &name))
        .collect::<Result<_, _>>()?;
    let twice = (1..places.len()).find(|index| places[..*index].contains(&places[*index]));
    if let Some(index) = twice {
        let message = format!("the column `{}` is named twice", header[places[index]]);
        return Err(Fault::new(FaultKind::Specification, message).key("spec.data.features"));
    }
    if places.is_empty() || places.contains(&label_at) {
        let message = "the columns to learn from are none, or the label is among them";
        return Err(Fault::new(FaultKind::Specification, message).key("spec.data.features"));
    }
    let mut table = Table { columns, values: Vec::new(), labels: Vec::new() };
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| broken(&error))? {
        let row = table.labels.len() + 1;
        if row > MOST_ROWS {
            return Err(fault(format!("more than {MOST_ROWS} rows")));
        }
        for place in &places {
            let text = record.get(*place).unwrap_or_default();
            let value = text.trim().parse::<f32>().ok().filter(|value| value.is_finite());
            table.values.push(value.ok_or_else(|| {
                fault(format!("row {row}, column `{}`: `{}` is not a finite number", header[*place], shortened(text)))
            })?);
        }
        let label = record.get(label_at).unwrap_or_default().trim();
        if label.is_empty() {
            return Err(fault(format!("row {row} has no label: the column `{}` is empty", header[label_at])));
        }
        table.labels.push(label.to_owned());
    }
    if table.labels.is_empty() {
        return Err(fault("no rows, expected at least one below the header".to_owned()));
    }
    Ok(table)
}

fn position(header: &[String], column: &str, key: &str, file: &str) -> Result<usize, Fault> {
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => {
            Err(Fault::new(FaultKind::Data, format!("the column `{column}` stands twice in the header")).file(file))
        }
        (None, _) => {
            let names = header.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("`, `");
            let message = format!(
                "`{file}` has no column `{column}`; it has `{names}`{}",
                if header.len() > 12 { ", …" } else { "" }
            );
            Err(Fault::new(FaultKind::Specification, message).key(key))
        }
    }
}
