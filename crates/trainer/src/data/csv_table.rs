//! Tables of comma-separated values: numeric features, and one column to predict.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};
use slipway_contract::table::{self, Counted, Row, number, position};
use slipway_contract::{CsvFile, Fault, FaultKind, Shape};
use tch::Tensor;

use super::csv_file::{self, CsvReader};
use super::faults::Faults;
use super::file::Source;
use super::row_digests::first_bytes;
use super::{Half, Inexact, LostDigits, Origin, Rows};

/// The most rows of a table.
const MAX_ROWS: usize = 50_000_000;
/// The most values of a table: 8 GiB as 64-bit floats.
const MAX_VALUES: usize = 1 << 30;

/// A table after reading: rows without a fault, and the labels of all rows.
pub(super) struct Table {
    /// The names of the features; `None` if the header is not valid.
    pub(super) columns: Option<Vec<String>>,
    /// The faults of the table.
    pub(super) faults: Faults,
    values: Vec<f64>,
    /// The label of each row, as an index into `names`.
    labels: Vec<u32>,
    names: Names,
    origin: Origin,
}

/// Every label of a row, in the order of their first rows.
#[derive(Default)]
struct Names {
    places: HashMap<String, u32>,
    found: Vec<Name>,
}

struct Name {
    label: String,
    rows: u64,
    /// The line of its first row.
    line: u64,
}

impl Names {
    fn add(&mut self, label: &str, line: u64) -> u32 {
        if let Some(place) = self.places.get(label) {
            self.found[*place as usize].rows += 1;
            return *place;
        }
        let place = u32::try_from(self.found.len()).unwrap_or(u32::MAX);
        self.places.insert(label.to_owned(), place);
        self.found.push(Name { label: label.to_owned(), rows: 1, line });
        place
    }
}

impl Table {
    fn new(file: &CsvFile, half: Half) -> Self {
        let key = format!("spec.data.{}.file", half.key());
        Self {
            columns: None,
            faults: Faults::of(&file.file, &key),
            values: Vec::new(),
            labels: Vec::new(),
            names: Names::default(),
            origin: Origin { file: file.file.clone(), key, ..Origin::default() },
        }
    }

    /// The labels in the order of the classes, with the number of rows of each.
    pub(super) fn classes(&self) -> Vec<Counted> {
        let mut classes: Vec<String> = self.names.places.keys().cloned().collect();
        table::sort_classes(&mut classes);
        let rows = |class: &String| self.names.found[self.names.places[class] as usize].rows;
        let rows: Vec<u64> = classes.iter().map(rows).collect();
        classes.into_iter().zip(rows).collect()
    }

    /// Adds a fault for each label that is not a class.
    pub(super) fn unknown_labels(&mut self, classes: &[String]) {
        let known: HashSet<&str> = classes.iter().map(String::as_str).collect();
        for Name { label, rows, line } in &self.names.found {
            if !known.contains(label.as_str()) {
                let file = &self.origin.file;
                self.faults.add(|| table::unknown_label(file, *line, label, *rows, classes));
            }
        }
    }

    /// The columns that have a name of row numbers and contain values that number rows.
    pub(super) fn row_numbers(&self) -> Vec<String> {
        let columns = self.columns.as_deref().unwrap_or_default();
        let called = columns.iter().enumerate().filter(|(_, column)| table::is_called_row_number(column));
        let counting = called.filter(|(place, column)| {
            table::is_index_level(column)
                || counts_rows(self.values.iter().skip(*place).step_by(columns.len()).copied())
        });
        counting.map(|(_, column)| column.clone()).collect()
    }

    /// The rows with labels as indexes of classes, or all faults.
    pub(super) fn into_rows(self, classes: &[String]) -> Result<Rows, Vec<Fault>> {
        let Self { columns, faults, values, labels, names, origin } = self;
        let faults = faults.into_all();
        let (true, Some(columns)) = (faults.is_empty(), columns) else { return Err(faults) };
        let index: HashMap<&str, i64> = classes.iter().map(String::as_str).zip(0..).collect();
        let of_name: Vec<i64> =
            names.found.iter().map(|name| index.get(name.label.as_str()).copied().unwrap_or(0)).collect();
        let labels: Vec<i64> = labels.into_iter().map(|label| of_name[label as usize]).collect();
        let width = columns.len();
        let sizes = [i64::try_from(labels.len()).unwrap_or(i64::MAX), i64::try_from(width).unwrap_or(i64::MAX)];
        let features = Tensor::from_slice(&values).reshape(sizes);
        let shape = Shape(vec![u32::try_from(width).unwrap_or(u32::MAX)]);
        let (classes, columns, origin) = (classes.to_vec(), Some(columns), Some(origin));
        Ok(Rows { features, shape, labels, classes, columns, origin })
    }
}

/// Whether values are whole numbers, differ in every row, and lie as close together as the row numbers of a part of a table.
fn counts_rows(values: impl Iterator<Item = f64>) -> bool {
    const LARGEST: f64 = 1e15;
    let mut numbers = Vec::new();
    for value in values {
        if value.fract() != 0.0 || !(0.0..LARGEST).contains(&value) {
            return false;
        }
        numbers.push(value);
    }
    let rows = numbers.len();
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    #[expect(clippy::cast_precision_loss, reason = "a row count")]
    let most = 10.0 * rows as f64;
    rows > 1
        && numbers.len() == rows
        && numbers.last().zip(numbers.first()).is_some_and(|(last, first)| last - first < most)
}

/// Reads a whole table with its faults. `columns` are the features. If it is `None`, all columns except the label are features.
pub(super) fn read(source: &Source, file: &CsvFile, half: Half, label: &str, columns: Option<&[String]>) -> Table {
    let mut table = Table::new(file, half);
    let key = table.origin.key.clone();
    let mut opened = match csv_file::open(source, &key, &file.file) {
        Ok(opened) => opened,
        Err(fault) => {
            table.faults.add(|| fault);
            return table;
        }
    };
    let places = Places::find(&opened.header, label, columns, &opened.name);
    let places = match places {
        Ok(places) => places,
        Err(faults) => {
            for fault in faults {
                table.faults.add(|| fault);
            }
            return table;
        }
    };
    table.columns = Some(places.features.iter().map(|place| opened.header[*place].clone()).collect());
    if let Err(fault) = places.read_rows(&mut opened, &mut table) {
        table.faults.add(|| fault);
    } else if table.labels.is_empty() && table.faults.is_empty() {
        table.faults.add(|| table::no_rows(&file.file));
    }
    table
}

/// The texts of some columns of a table. `asked` is the key that names the columns.
pub(super) fn read_texts(
    source: &Source,
    file: &str,
    key: &str,
    columns: &[String],
    required_by: &str,
) -> Result<Vec<Vec<String>>, Fault> {
    let opened = csv_file::open(source, key, file)?;
    let place = |column: &String| position(&opened.header, column, required_by, &opened.name);
    let places: Vec<usize> = columns.iter().map(place).collect::<Result<_, _>>()?;
    let mut texts: Vec<Vec<String>> = vec![Vec::new(); columns.len()];
    opened.each(|_, row| {
        for (place, texts) in places.iter().zip(&mut texts) {
            texts.push(row.get(*place).unwrap_or_default().trim().to_owned());
        }
        let rows = texts.first().map_or(0, Vec::len);
        if rows > MAX_ROWS { Err(format!("more than {MAX_ROWS} rows")) } else { Ok(()) }
    })?;
    Ok(texts)
}

/// The columns of a table that are used.
struct Places {
    label: usize,
    features: Vec<usize>,
}

impl Places {
    /// The named columns, or all except the label.
    fn find(header: &[String], label: &str, columns: Option<&[String]>, file: &str) -> Result<Self, Vec<Fault>> {
        let label_at = position(header, label, "spec.data.label", file);
        if header.len() < 2 && label_at.is_err() {
            // The file has no header or another separator. No other check is useful.
            return Err(label_at.err().into_iter().collect());
        }
        let mut faults = Vec::new();
        let label_at = label_at.map_err(|fault| faults.push(fault)).ok();
        if columns.is_none() {
            faults.extend(table::unnamed_column(header, file));
        }
        let others = || header.iter().filter(|column| *column != label).cloned().collect();
        let columns: Vec<String> = columns.map_or_else(others, <[String]>::to_vec);
        let mut features: Vec<usize> = Vec::with_capacity(columns.len());
        let refused = |message: String| Fault::new(FaultKind::Specification, message).key("spec.data.features");
        let mut twice = Vec::new();
        for column in &columns {
            match position(header, column, "spec.data.features", file) {
                Ok(place) if features.contains(&place) => twice.push(column.as_str()),
                Ok(place) => features.push(place),
                Err(fault) if faults.contains(&fault) => {}
                Err(fault) => faults.push(fault),
            }
        }
        if !twice.is_empty() {
            faults.push(refused(format!("the column `{}` is named twice", twice.join("`, `"))));
        }
        if columns.is_empty() {
            faults.push(refused(
                "the columns to learn from are none, expected at least one besides the label".to_owned(),
            ));
        }
        if columns.iter().any(|column| column == label) {
            let help = "take it out of `features`: it is what is predicted";
            faults.push(refused(format!("the label `{label}` is among the columns to learn from")).help(help));
        }
        match label_at {
            Some(label) if faults.is_empty() => Ok(Self { label, features }),
            _ => Err(faults),
        }
    }

    /// Reads all rows. An error ends the reading.
    fn read_rows(&self, opened: &mut CsvReader, table: &mut Table) -> Result<(), Fault> {
        let (header, name) = (opened.header.clone(), opened.name.clone());
        while let Some(row) = opened.next_row()? {
            match row {
                Row::Values(line, values) => {
                    self.add(line, values, &header, table).map_err(|message| table::fault(&name, message))?;
                }
                Row::Broken(fault) => table.faults.add(|| fault),
            }
        }
        Ok(())
    }

    /// Adds the row at a line to a table, with its faults. An error ends the reading.
    fn add(&self, line: u64, record: &csv::StringRecord, header: &[String], table: &mut Table) -> Result<(), String> {
        let Table { values, faults, origin, labels, names, columns: _ } = table;
        if labels.len() == MAX_ROWS || values.len() + self.features.len() > MAX_VALUES {
            return Err(format!("more than {MAX_ROWS} rows, or {MAX_VALUES} values in all"));
        }
        let (begin, mut is_whole) = (values.len(), true);
        let mut lost = Vec::new();
        for (column, place) in self.features.iter().enumerate() {
            let text = record.get(*place).unwrap_or_default();
            if let Some(value) = number::parse(text) {
                lost.extend(number::lost_digits(text, value).map(|digits| (column, text, digits)));
                values.push(value);
            } else {
                is_whole = false;
                faults.add(|| not_a_number(&origin.file, line, &header[*place], text));
            }
        }
        let label = record.get(self.label).unwrap_or_default().trim();
        let place = if table::is_missing(label) {
            faults.add(|| table::missing_label(&origin.file, line, &header[self.label], label));
            None
        } else {
            Some(names.add(label, line)).filter(|_| is_whole)
        };
        if let Some(place) = place {
            labels.push(place);
            origin.record_lost_digits(line, &lost);
            origin.lines.push(line);
        } else {
            values.truncate(begin);
        }
        Ok(())
    }
}

fn not_a_number(file: &str, line: u64, column: &str, text: &str) -> Fault {
    let (message, help) = number::not_a_number(text);
    table::fault_at(file, line, format!("line {line}, column `{}`: {message}", table::shown(column))).help(help)
}

impl Origin {
    /// Records the whole numbers of the next row that a 64-bit float does not keep, so that rows that differ in them remain
    /// different. `lost` contains the column, the text and the digits of each.
    fn record_lost_digits(&mut self, line: u64, lost: &[(usize, &str, String)]) {
        let Ok(row) = u32::try_from(self.lines.len()) else { return };
        if lost.is_empty() {
            return;
        }
        let mut of_row = Sha256::new();
        for (column, text, digits) in lost {
            let Ok(column) = u32::try_from(*column) else { continue };
            of_row.update(column.to_le_bytes());
            of_row.update((digits.len() as u64).to_le_bytes());
            of_row.update(digits);
            let seen = self.lost.entry(column).or_insert_with(|| LostDigits {
                line,
                text: table::shown(text.trim()),
                count: 0,
                noted: Vec::new(),
            });
            seen.count += 1;
            if seen.noted.len() < LostDigits::MAX_RECORDED {
                seen.noted.push((row, first_bytes(Sha256::new().chain_update(digits))));
            }
        }
        self.inexact.push(Inexact { row, digest: first_bytes(of_row) });
    }
}
