//! Tables: columns to learn from, and one column to predict.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};
use slipway_contract::table::{self, Counted, Place, number, position};
use slipway_contract::{Decimal, Fault, FaultKind, Shape, Task};
use tch::Tensor;

use super::TableName;
use super::cells::{CellFault, Cells, Dictionary, WantedColumn};
use super::faults::Faults;
use super::file::Source;
use super::labels::{Labels, Name, Read as LabelCell};
use super::opened::{Next, Opened, Tables};
use super::row_digests::first_bytes;
use super::rows::{Inexact, LostDigits, Origin, Rows, Target};

/// The most rows of a table.
pub(super) const MAX_ROWS: usize = 50_000_000;
/// The most values of a table: 8 GiB as 64-bit floats.
const MAX_VALUES: usize = 1 << 30;

/// What to read of a table.
pub(super) struct Request<'names> {
    /// The column to predict.
    pub(super) label: &'names str,
    /// What it holds.
    pub(super) task: Task,
    /// The columns to learn from. If it is `None`, all columns except the label and those in `ignore`.
    pub(super) columns: Option<Vec<WantedColumn>>,
    /// The columns that are not used on purpose.
    pub(super) ignore: &'names [String],
    /// The column of row weights.
    pub(super) weight: Option<&'names str>,
    /// Whether the rows are those to learn from, which have every column that is named.
    pub(super) is_training: bool,
}

/// A table after reading: rows without a fault, and the labels of all rows.
pub(super) struct Table {
    /// The columns to learn from; `None` if the header is not valid.
    pub(super) columns: Option<Vec<WantedColumn>>,
    /// The columns of the file that nothing names.
    pub(super) unused: Vec<String>,
    /// The faults of the table.
    pub(super) faults: Faults,
    values: Vec<f64>,
    labels: Labels,
    /// The distinct texts of each column.
    dictionaries: Vec<Dictionary>,
    origin: Origin,
    /// Whether each row is held out for validation; empty if the table says so of none.
    aside: Vec<bool>,
    /// The weight of each row; empty if all count alike.
    weights: Vec<f64>,
}

impl Table {
    fn new(tables: &Tables<'_>, name: TableName, task: Task) -> Self {
        let (key, file) = tables.path(name).unwrap_or(("spec.data", ""));
        Self {
            columns: None,
            unused: Vec::new(),
            faults: Faults::of(file, key),
            values: Vec::new(),
            labels: Labels::of(task),
            dictionaries: Vec::new(),
            origin: Origin::of(file, key),
            aside: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// The labels in the order of the classes, with the number of rows of each. Empty if numbers are predicted.
    pub(super) fn classes(&self) -> Vec<Counted> {
        match &self.labels {
            Labels::Names { names, .. } => names.classes(),
            Labels::Numbers(_) => Vec::new(),
        }
    }

    /// Adds a fault for each label that is not a class.
    pub(super) fn unknown_labels(&mut self, classes: &[String]) {
        let Labels::Names { names, .. } = &self.labels else { return };
        let known: HashSet<&str> = classes.iter().map(String::as_str).collect();
        for Name { label, rows, place, file } in &names.found {
            if !known.contains(label.as_str()) {
                self.faults.add(|| table::unknown_label(file, *place, label, *rows, classes));
            }
        }
    }

    /// The columns that have a name of row numbers and contain values that number rows.
    pub(super) fn row_numbers(&self) -> Vec<String> {
        let columns = self.columns.as_deref().unwrap_or_default();
        let named = columns.iter().enumerate().filter(|(_, column)| table::is_called_row_number(&column.name));
        let counting = named.filter(|(place, column)| {
            !column.cells.has_texts()
                && (table::is_index_level(&column.name)
                    || counts_rows(self.values.iter().skip(*place).step_by(columns.len()).copied()))
        });
        counting.map(|(_, column)| column.name.clone()).collect()
    }

    /// The rows with labels as indexes of classes, or as numbers; or all faults.
    pub(super) fn into_rows(self, classes: &[String]) -> Result<Rows, Vec<Fault>> {
        let Self { columns, faults, values, labels, dictionaries, origin, aside, weights, .. } = self;
        let faults = faults.into_all();
        let (true, Some(columns)) = (faults.is_empty(), columns) else { return Err(faults) };
        let target = match labels {
            Labels::Names { of_row, names } => {
                let index: HashMap<&str, i64> = classes.iter().map(String::as_str).zip(0..).collect();
                let of_name: Vec<i64> =
                    names.found.iter().map(|name| index.get(name.label.as_str()).copied().unwrap_or(0)).collect();
                let labels = of_row.into_iter().map(|label| of_name[label as usize]).collect();
                Target::Classes { labels, classes: classes.to_vec() }
            }
            Labels::Numbers(numbers) => Target::Numbers(numbers),
        };
        let width = columns.len();
        let rows = values.len() / width.max(1);
        let sizes = [i64::try_from(rows).unwrap_or(i64::MAX), i64::try_from(width).unwrap_or(i64::MAX)];
        let features = Tensor::from_slice(&values).reshape(sizes);
        let shape = Shape(vec![u32::try_from(width).unwrap_or(u32::MAX)]);
        let is_typed = columns.iter().any(|column| !column.cells.is_plain());
        let texts = columns.iter().zip(dictionaries);
        let texts = texts.map(|(column, texts)| column.cells.has_texts().then(|| texts.into_texts()));
        let texts = if is_typed { texts.collect() } else { Vec::new() };
        let columns = Some(columns.into_iter().map(|column| column.name).collect());
        Ok(Rows { features, shape, target, columns, texts, origin: Some(origin), aside, weights })
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

/// Reads a whole table with its faults.
pub(super) fn read(source: &Source, tables: &Tables<'_>, name: TableName, request: Request<'_>) -> Table {
    let mut table = Table::new(tables, name, request.task);
    let mut opened = match tables.open(source, name) {
        Ok(opened) => opened,
        Err(faults) => {
            for fault in faults {
                table.faults.add(|| fault);
            }
            return table;
        }
    };
    let file = opened.file().to_owned();
    let places = match Places::find(opened.header(), request, tables, &file) {
        Ok(places) => places,
        Err(faults) => {
            for fault in faults {
                table.faults.add(|| fault);
            }
            return table;
        }
    };
    table.dictionaries.resize_with(places.features.len(), Dictionary::default);
    if let Err(fault) = places.read_rows(&mut opened, &mut table) {
        table.faults.add(|| fault);
    } else if table.labels.len() == 0 && table.faults.is_empty() {
        table.faults.add(|| table::no_rows(&file));
    }
    table.unused = places.unused;
    table.columns = Some(places.features.into_iter().map(|(_, column)| column).collect());
    table
}

/// The texts of some columns of a table. `asked` is the key that names the columns.
pub(super) fn read_texts(
    source: &Source,
    tables: &Tables<'_>,
    name: TableName,
    columns: &[String],
    required_by: &str,
) -> Result<Vec<Vec<String>>, Fault> {
    let opened = tables.open(source, name).map_err(super::first)?;
    let place = |column: &String| position(opened.header(), column, required_by, opened.file());
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
    weight: Option<usize>,
    features: Vec<(usize, WantedColumn)>,
    /// The columns that nothing names.
    unused: Vec<String>,
    decimal: Decimal,
}

impl Places {
    /// The places of the label and of the columns to learn from.
    fn find(header: &[String], request: Request<'_>, tables: &Tables<'_>, file: &str) -> Result<Self, Vec<Fault>> {
        let Request { label, columns: wanted, ignore, weight, is_training, .. } = request;
        let label_at = position(header, label, "spec.data.label", file);
        if header.len() < 2 && label_at.is_err() {
            // The file has no header or another separator. No other check is useful.
            return Err(label_at.err().into_iter().collect());
        }
        let mut faults = Vec::new();
        let label_at = label_at.map_err(|fault| faults.push(fault)).ok();
        // A column that is not used need not be in the test rows.
        let named = ignore.iter().filter(|_| is_training);
        faults.extend(named.filter_map(|column| position(header, column, "spec.data.ignore", file).err()));
        let weight_at = weight.map(|weight| position(header, weight, "spec.data.weight", file)).transpose();
        let weight_at = weight_at.map_err(|fault| faults.push(fault)).ok().flatten();
        // The column that splits the rows is not learnt from unless it is named.
        let splits = tables.spec.split.as_ref().and_then(|split| split.by.as_ref()?.column());
        let is_free = |column: &&String| {
            let has_role = *column == label || [splits, weight].contains(&Some(column.as_str()));
            !has_role && !ignore.contains(column)
        };
        let is_listed = wanted.is_some();
        let columns = wanted.unwrap_or_else(|| {
            let others = header.iter().filter(is_free);
            others.map(|name| WantedColumn { name: name.clone(), cells: Cells::Numbers }).collect()
        });
        if !is_listed {
            let named: Vec<String> = header.iter().filter(|name| !ignore.contains(name)).cloned().collect();
            faults.extend(table::unnamed_column(&named, file));
        }
        let is_typed = columns.iter().any(|column| !column.cells.is_plain());
        let key = if is_typed { "spec.data.columns" } else { "spec.data.features" };
        let refused = |message: String| Fault::new(FaultKind::Specification, message).key(key);
        let mut features: Vec<(usize, WantedColumn)> = Vec::with_capacity(columns.len());
        let mut twice = Vec::new();
        let has_label = columns.iter().any(|column| column.name == label);
        for column in columns {
            let key = if is_typed { format!("{key}.{}", column.name) } else { key.to_owned() };
            match position(header, &column.name, &key, file) {
                Ok(place) if features.iter().any(|(other, _)| *other == place) => twice.push(column.name),
                Ok(place) => features.push((place, column)),
                Err(fault) if faults.contains(&fault) => {}
                Err(fault) => faults.push(fault),
            }
        }
        if !twice.is_empty() {
            faults.push(refused(format!("the column `{}` is named twice", twice.join("`, `"))));
        }
        if features.is_empty() && faults.is_empty() {
            faults.push(refused(
                "the columns to learn from are none, expected at least one besides the label".to_owned(),
            ));
        }
        if has_label {
            let help = "take it out of `features`: it is what is predicted";
            faults.push(refused(format!("the label `{label}` is among the columns to learn from")).help(help));
        }
        let used: HashSet<&String> = features.iter().map(|(_, column)| &column.name).collect();
        let unused = header.iter().filter(is_free).filter(|name| !used.contains(name) && !table::is_unnamed(name));
        let unused = unused.cloned().collect();
        match label_at {
            Some(label) if faults.is_empty() => {
                Ok(Self { label, weight: weight_at, features, unused, decimal: tables.decimal() })
            }
            _ => Err(faults),
        }
    }

    /// Reads all rows. An error ends the reading.
    fn read_rows(&self, opened: &mut Opened, table: &mut Table) -> Result<(), Fault> {
        let header = opened.header().to_vec();
        let is_split = opened.is_split();
        while let Some(row) = opened.next_row()? {
            match row {
                Next::Row { place, file, values, aside } => {
                    let is_added = self.add(place, file, values, &header, table);
                    if is_added.map_err(|message| table::fault(file, message))? && is_split {
                        table.aside.push(aside);
                    }
                }
                Next::Broken(fault) => table.faults.add(|| fault),
            }
        }
        Ok(())
    }

    /// Adds the row at a place to a table, with its faults, and returns whether it has none. An error ends the reading.
    fn add(
        &self,
        at: Place,
        file: &str,
        record: &csv::StringRecord,
        header: &[String],
        table: &mut Table,
    ) -> Result<bool, String> {
        let Table { values, faults, origin, labels, dictionaries, weights, .. } = table;
        if labels.len() == MAX_ROWS || values.len() + self.features.len() > MAX_VALUES {
            return Err(format!("more than {MAX_ROWS} rows, or {MAX_VALUES} values in all"));
        }
        let (begin, mut is_whole) = (values.len(), true);
        let mut lost = Vec::new();
        let cells = (0..).zip(self.features.iter().zip(dictionaries));
        for (column, ((place, wanted), dictionary)) in cells {
            let text = record.get(*place).unwrap_or_default();
            match wanted.cells.value(text, self.decimal, dictionary) {
                Ok(value) => {
                    if !wanted.cells.has_texts() && !value.is_nan() {
                        lost.extend(number::lost_digits(text, value).map(|digits| (column, text, digits)));
                    }
                    values.push(value);
                }
                Err(fault) => {
                    is_whole = false;
                    faults.add(|| fault.at(file, at, &header[*place]));
                }
            }
        }
        let weight = self.weight.map(|place| weight_of(record.get(place).unwrap_or_default(), self.decimal));
        let weight = match (weight.transpose(), self.weight) {
            (Ok(weight), _) => weight,
            (Err(fault), place) => {
                is_whole = false;
                faults.add(|| fault.at(file, at, place.map_or("", |place| header[place].as_str())));
                None
            }
        };
        let label = record.get(self.label).unwrap_or_default();
        let cell = LabelCell { file, place: at, column: &header[self.label], decimal: self.decimal };
        let label = labels.read(cell, label);
        let label = label.map_err(|fault| faults.add(|| fault)).ok().filter(|_| is_whole);
        if let Some(label) = label {
            labels.push(label);
            weights.extend(weight);
            origin.record_lost_digits(&lost);
            origin.push(file, at);
        } else {
            values.truncate(begin);
        }
        Ok(label.is_some())
    }
}

/// The weight in a cell.
fn weight_of(text: &str, decimal: Decimal) -> Result<f64, CellFault> {
    let text = text.trim();
    let weight = number::parse_with(text, decimal).filter(|weight| *weight > 0.0 && weight.is_finite());
    weight.ok_or_else(|| {
        let message = format!("`{}` is no weight, expected a number above zero", table::shown(text));
        CellFault::NotANumber(message, "leave rows out of the file that should not count".to_owned())
    })
}

impl Origin {
    /// Records the whole numbers of the next row that a 64-bit float does not keep, so that rows that differ in them remain
    /// different. `lost` contains the column, the text and the digits of each.
    fn record_lost_digits(&mut self, lost: &[(usize, &str, String)]) {
        let Ok(row) = u32::try_from(self.len()) else { return };
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
                row,
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
