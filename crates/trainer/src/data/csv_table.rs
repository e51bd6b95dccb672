//! Tables of comma-separated values with a header (RFC 4180): numbers to learn from, one column to predict.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::rc::Rc;

use slipway_contract::{CsvFile, Fault, FaultKind, Shape};
use tch::Tensor;

use super::file::{DataFile, LARGEST_FILE, Source};
use super::{Half, Rows};

/// Rows and columns a table may have.
const MOST_ROWS: usize = 50_000_000;
const MOST_COLUMNS: usize = 20_000;
/// Values a table may have in all: 4 GiB as 32-bit floats.
const MOST_VALUES: usize = 1 << 30;
/// Bytes one record may have. A few kilobytes of gzip can hold a field of gigabytes, and a record is read as a whole.
const LARGEST_RECORD: u64 = 16 << 20;

/// A reader that fails beyond a bound, instead of ending there as if all was read.
struct Bounded<R> {
    reader: R,
    left: u64,
    /// Bytes read since the last whole record; the loop over the records puts it back to zero.
    record: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let too_large = |what: &str, most: u64| std::io::Error::other(format!("{what} more than {most} bytes"));
        let left = self.left.checked_sub(read as u64).ok_or_else(|| too_large("unpacked, it has", LARGEST_FILE))?;
        self.left = left;
        self.record.set(self.record.get() + read as u64);
        if self.record.get() > LARGEST_RECORD {
            return Err(too_large("one row has", LARGEST_RECORD));
        }
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
    let mut opened = Opened::open(source, &format!("spec.data.{}.file", half.key()), &file.file)?;
    let name = opened.name.clone();
    let places = Places::find(std::mem::take(&mut opened.header), label, columns, &name)?;
    let mut table = Table { columns: places.names(), values: Vec::new(), labels: Vec::new() };
    opened.each(|row| places.add(row, &mut table))?;
    if table.labels.is_empty() {
        return Err(fault(&name, "no rows, expected at least one below the header"));
    }
    Ok(table)
}

/// The texts of some columns of a table. `asked` is the key that asks for them.
pub(super) fn read_texts(
    source: &Source,
    file: &str,
    key: &str,
    columns: &[String],
    asked: &str,
) -> Result<Vec<Vec<String>>, Fault> {
    let opened = Opened::open(source, key, file)?;
    let place = |column: &String| position(&opened.header, column, asked, &opened.name);
    let places: Vec<usize> = columns.iter().map(place).collect::<Result<_, _>>()?;
    let mut texts: Vec<Vec<String>> = vec![Vec::new(); columns.len()];
    opened.each(|row| {
        for (place, texts) in places.iter().zip(&mut texts) {
            texts.push(row.get(*place).unwrap_or_default().trim().to_owned());
        }
        let rows = texts.first().map_or(0, Vec::len);
        if rows > MOST_ROWS { Err(format!("more than {MOST_ROWS} rows")) } else { Ok(()) }
    })?;
    Ok(texts)
}

/// A table whose header has been read.
struct Opened {
    name: String,
    header: Vec<String>,
    reader: csv::Reader<Bounded<Box<dyn Read>>>,
    record: Rc<Cell<u64>>,
}

impl Opened {
    fn open(source: &Source, key: &str, file: &str) -> Result<Self, Fault> {
        let DataFile { reader, name, .. } = source.read(key, file)?;
        let record = Rc::new(Cell::new(0));
        let bounded = Bounded { reader, left: LARGEST_FILE, record: Rc::clone(&record) };
        let mut reader = csv::ReaderBuilder::new().from_reader(bounded);
        let header = reader.headers().map_err(|error| broken(&name, &error))?;
        let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        if header.len() > MOST_COLUMNS {
            return Err(fault(&name, format!("{} columns, expected at most {MOST_COLUMNS}", header.len())));
        }
        Ok(Self { name, header, reader, record })
    }

    /// Shows every row, or says what is wrong with it.
    fn each(mut self, mut visit: impl FnMut(&csv::StringRecord) -> Result<(), String>) -> Result<(), Fault> {
        let mut row = csv::StringRecord::new();
        self.record.set(0);
        while self.reader.read_record(&mut row).map_err(|error| broken(&self.name, &error))? {
            self.record.set(0);
            visit(&row).map_err(|message| fault(&self.name, message))?;
        }
        Ok(())
    }
}

fn fault(file: &str, message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Data, message).file(file)
}

/// What the parser says about a file.
fn broken(file: &str, error: &csv::Error) -> Fault {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or_else(String::new, |pos| format!("line {}: ", pos.line()));
            fault(file, format!("{line}{len} values, expected {expected_len} as in the header"))
        }
        csv::ErrorKind::Io(error) => fault(file, format!("cannot be read: {error}")),
        _ => fault(file, error.to_string()),
    }
}

/// Which columns of a table are used.
struct Places {
    header: Vec<String>,
    label: usize,
    features: Vec<usize>,
}

impl Places {
    /// The columns named, or all but the label.
    fn find(header: Vec<String>, label: &str, columns: Option<&[String]>, file: &str) -> Result<Self, Fault> {
        let label_at = position(&header, label, "spec.data.label", file)?;
        let others = || header.iter().filter(|column| *column != label).cloned().collect();
        let columns: Vec<String> = columns.map_or_else(others, <[String]>::to_vec);
        let find = |column: &String| position(&header, column, "spec.data.features", file);
        let features: Vec<usize> = columns.iter().map(find).collect::<Result<_, _>>()?;
        let refused = |message: String| Fault::new(FaultKind::Specification, message).key("spec.data.features");
        let twice = (1..features.len()).find(|index| features[..*index].contains(&features[*index]));
        if let Some(index) = twice {
            return Err(refused(format!("the column `{}` is named twice", header[features[index]])));
        }
        if features.is_empty() || features.contains(&label_at) {
            return Err(refused("the columns to learn from are none, or the label is among them".to_owned()));
        }
        Ok(Self { header, label: label_at, features })
    }

    fn names(&self) -> Vec<String> {
        self.features.iter().map(|place| self.header[*place].clone()).collect()
    }

    /// Adds a row to a table, or says what is wrong with it.
    fn add(&self, record: &csv::StringRecord, table: &mut Table) -> Result<(), String> {
        let row = table.labels.len() + 1;
        if row > MOST_ROWS || table.values.len() + self.features.len() > MOST_VALUES {
            return Err(format!("more than {MOST_ROWS} rows, or {MOST_VALUES} values in all"));
        }
        for place in &self.features {
            let text = record.get(*place).unwrap_or_default();
            let value = text.trim().parse::<f32>().ok().filter(|value| value.is_finite());
            let column = &self.header[*place];
            let value = value
                .ok_or_else(|| format!("row {row}, column `{column}`: `{}` is not a finite number", shortened(text)))?;
            table.values.push(value);
        }
        let label = record.get(self.label).unwrap_or_default().trim();
        if label.is_empty() {
            return Err(format!("row {row} has no label: the column `{}` is empty", self.header[self.label]));
        }
        table.labels.push(label.to_owned());
        Ok(())
    }
}

fn position(header: &[String], column: &str, key: &str, file: &str) -> Result<usize, Fault> {
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(fault(file, format!("the column `{column}` stands twice in the header"))),
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
