//! Tables of comma-separated values: numbers to learn from, one column to predict.

use std::collections::{BTreeSet, HashMap};

use slipway_contract::table::{self, fault, position};
use slipway_contract::{CsvFile, Fault, FaultKind, Shape};
use tch::Tensor;

use super::csv_file;
use super::file::Source;
use super::{Half, Rows};

/// Rows a table may have.
const MOST_ROWS: usize = 50_000_000;
/// Values a table may have in all: 8 GiB as 64-bit floats.
const MOST_VALUES: usize = 1 << 30;

/// A table as it was read.
struct Table {
    columns: Vec<String>,
    values: Vec<f64>,
    labels: Vec<String>,
    /// The line of each row in the file.
    lines: Vec<u64>,
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
    table::sort_classes(&mut classes);
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
    for (label, line) in table.labels.iter().zip(&table.lines) {
        let Some(class) = index.get(label.as_str()) else {
            return Err(table::unknown_label(file, *line, label, classes));
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
    let mut opened = csv_file::open(source, &format!("spec.data.{}.file", half.key()), &file.file)?;
    let name = opened.name.clone();
    let places = Places::find(std::mem::take(&mut opened.header), label, columns, &name)?;
    let mut table = Table { columns: places.names(), values: Vec::new(), labels: Vec::new(), lines: Vec::new() };
    opened.each(|line, row| places.add(line, row, &mut table))?;
    if table.labels.is_empty() {
        return Err(table::no_rows(&name));
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
    let opened = csv_file::open(source, key, file)?;
    let place = |column: &String| position(&opened.header, column, asked, &opened.name);
    let places: Vec<usize> = columns.iter().map(place).collect::<Result<_, _>>()?;
    let mut texts: Vec<Vec<String>> = vec![Vec::new(); columns.len()];
    opened.each(|_, row| {
        for (place, texts) in places.iter().zip(&mut texts) {
            texts.push(row.get(*place).unwrap_or_default().trim().to_owned());
        }
        let rows = texts.first().map_or(0, Vec::len);
        if rows > MOST_ROWS { Err(format!("more than {MOST_ROWS} rows")) } else { Ok(()) }
    })?;
    Ok(texts)
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
        if columns.is_none() {
            every_column_has_a_name(&header, file)?;
        }
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

    /// Adds the row at a line to a table, or says what is wrong with it.
    fn add(&self, line: u64, record: &csv::StringRecord, table: &mut Table) -> Result<(), String> {
        if table.labels.len() == MOST_ROWS || table.values.len() + self.features.len() > MOST_VALUES {
            return Err(format!("more than {MOST_ROWS} rows, or {MOST_VALUES} values in all"));
        }
        for place in &self.features {
            let text = record.get(*place).unwrap_or_default();
            let value = text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
            let column = &self.header[*place];
            let value = value.ok_or_else(|| {
                format!("line {line}, column `{column}`: `{}` is not a finite number", shortened(text))
            })?;
            table.values.push(value);
        }
        let label = record.get(self.label).unwrap_or_default().trim();
        if label.is_empty() {
            return Err(table::no_label(line, &self.header[self.label]));
        }
        table.labels.push(label.to_owned());
        table.lines.push(line);
        Ok(())
    }
}

/// Refuses a table that has a column without a name where all columns are learnt from: it is the row numbers that pandas
/// writes, which tell the label as soon as the rows are sorted by it.
fn every_column_has_a_name(header: &[String], file: &str) -> Result<(), Fault> {
    let unnamed = header.iter().position(|name| table::is_unnamed(name));
    let Some(place) = unnamed else { return Ok(()) };
    let message =
        format!("column {} of the header has no name: it looks like the row numbers of a data frame", place + 1);
    Err(fault(file, message).help(
        "write the table without its index (pandas: `to_csv(…, index=False)`), or list the columns in `spec.data.features`",
    ))
}
