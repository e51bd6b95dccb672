//! The table that a model is made from: opened within the bounds that training has, and looked through column by column.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use slipway_contract::Fault;
use slipway_contract::table::{self, Records};

/// Rows a table may have that is split here. A larger one is no file for a git repository.
pub(super) const MAX_ROWS: usize = 10_000_000;
/// Different values of a column that are remembered, and the longest of them: enough to tell classes from numbers.
const MAX_REMEMBERED: usize = 20;
const MAX_REMEMBERED_LENGTH: usize = 200;

/// A table of this machine.
pub(super) type Table = Records<Box<dyn Read>>;

/// Opens a table, unpacked; `name` is how messages call it.
pub(super) fn open(path: &Path, name: &str) -> Result<Table, Fault> {
    let failed = |error: std::io::Error| table::fault(name, format!("cannot be read: {error}"));
    let mut file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(table::fault(name, "this is no plain file, expected a table of comma-separated values"));
    }
    let mut start = Vec::with_capacity(table::LFS_POINTER.len());
    (&mut file).take(table::LFS_POINTER.len() as u64).read_to_end(&mut start).map_err(failed)?;
    if start == table::LFS_POINTER {
        return Err(table::lfs_pointer(name));
    }
    file.rewind().map_err(failed)?;
    let reader: Box<dyn Read> = if start.starts_with(&table::GZIP) {
        Box::new(MultiGzDecoder::new(BufReader::new(file)))
    } else {
        Box::new(BufReader::new(file))
    };
    let opened = Records::open(reader, name)?;
    match table::wrong_delimiter(&opened.header, name) {
        Some(fault) => Err(fault),
        None if opened.header.is_empty() => Err(table::empty(name)),
        None => Ok(opened),
    }
}

/// What one look through a table shows.
pub(super) struct Profile {
    /// Its columns, in their order.
    pub(super) columns: Vec<Column>,
    /// Its rows.
    pub(super) rows: usize,
}

/// A column as its values are.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// Its name, without white space around it.
    pub(super) name: String,
    /// The first value that is no finite number, with its line.
    pub(super) text: Option<(u64, String)>,
    /// Rows without a value.
    pub(super) missing: u64,
    /// A value that is written as codes are, such as `01234`.
    pub(super) code: Option<String>,
    /// Whether each value is the one before and one.
    pub(super) counts_rows: bool,
    /// Its different values; `None` if there are many, or long ones.
    pub(super) values: Option<BTreeSet<String>>,
    last: Option<f64>,
}

impl Profile {
    /// Looks through a table.
    pub(super) fn of(path: &Path, name: &str) -> Result<Self, Fault> {
        let opened = open(path, name)?;
        let columns = opened.header.iter().map(|name| Column {
            name: name.clone(),
            counts_rows: true,
            values: Some(BTreeSet::new()),
            ..Column::default()
        });
        let mut columns: Vec<Column> = columns.collect();
        let mut rows = 0;
        opened.each(|line, row| {
            rows += 1;
            if rows > MAX_ROWS {
                return Err(format!("more than {MAX_ROWS} rows: name a part of them"));
            }
            for (column, value) in columns.iter_mut().zip(row) {
                column.take(line, value.trim());
            }
            Ok(())
        })?;
        if rows == 0 {
            return Err(table::no_rows(name));
        }
        Ok(Self { columns, rows })
    }

    /// How often each name stands in the header.
    pub(super) fn names(&self) -> BTreeMap<&str, usize> {
        let mut names = BTreeMap::new();
        for column in &self.columns {
            *names.entry(column.name.as_str()).or_default() += 1;
        }
        names
    }
}

impl Column {
    fn take(&mut self, line: u64, value: &str) {
        if value.is_empty() {
            self.missing += 1;
            self.counts_rows = false;
            return;
        }
        if let Some(number) = value.parse::<f64>().ok().filter(|number| number.is_finite()) {
            if self.code.is_none() && is_code(value) {
                self.code = Some(shown(value));
            }
            #[expect(clippy::float_cmp, reason = "row numbers are whole, and exact as such")]
            let follows = number.fract() == 0.0 && self.last.is_none_or(|last| number == last + 1.0);
            self.counts_rows &= follows;
            self.last = Some(number);
        } else {
            self.counts_rows = false;
            if self.text.is_none() {
                self.text = Some((line, shown(value)));
            }
        }
        if let Some(values) = &mut self.values
            && !values.contains(value)
        {
            if values.len() == MAX_REMEMBERED || value.len() > MAX_REMEMBERED_LENGTH {
                self.values = None;
            } else {
                values.insert(value.to_owned());
            }
        }
    }
}

/// Whether digits are a code, such as a postal one: a zero leads them.
fn is_code(value: &str) -> bool {
    value.len() > 1 && value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// A text of a table as messages and comments show it.
pub(super) use slipway_contract::table::shown;
