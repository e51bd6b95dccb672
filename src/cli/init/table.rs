//! The table from which a model is created: opened within the limits of training, and profiled column by column.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use slipway_contract::table::{self, Place};
use slipway_contract::{Decimal, Fault, TableFormat};
use slipway_tables::{Opening, Table, detect};

/// Maximum number of rows of a table that is split here. A larger table is too large for a git repository.
pub(super) const MAX_ROWS: usize = 10_000_000;
/// Maximum number and maximum length of the different values of a column that are remembered. They suffice to distinguish
/// categories from other texts.
pub(super) const MAX_REMEMBERED: usize = 1_000;
const MAX_REMEMBERED_LENGTH: usize = 200;
/// Maximum number of spellings of a missing value that are remembered for a column.
const MAX_SPELLINGS: usize = 10;

/// A table on this machine, with the format that was found in it.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) path: &'a Path,
    /// Its name in messages.
    pub(super) name: &'a str,
    pub(super) format: TableFormat,
}

impl<'a> Input<'a> {
    /// Finds the format of a table, once.
    pub(super) fn of(path: &'a Path, name: &'a str) -> Result<Self, Fault> {
        Ok(Self { path, name, format: detect::format_of(file(path, name)?, name)? })
    }

    /// Opens the table.
    pub(super) fn open(&self) -> Result<Table<'a>, Fault> {
        let Self { path, name, format } = *self;
        let opening = Opening { format, ignored: &[] };
        let opened = Table::open(vec![name.to_owned()], opening, move |_| file(path, name))?;
        if opened.header().is_empty() { Err(table::empty(name)) } else { Ok(opened) }
    }

    /// The character before the fraction of a number.
    pub(super) fn decimal(&self) -> Decimal {
        self.format.decimal()
    }
}

fn file(path: &Path, name: &str) -> Result<File, Fault> {
    let failed = |error: std::io::Error| table::fault(name, format!("cannot be read: {error}"));
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(table::fault(name, "this is not a regular file, expected a table"));
    }
    Ok(file)
}

/// The result of one pass through a table.
pub(super) struct Profile {
    /// Its columns, in their order.
    pub(super) columns: Vec<Column>,
    /// Number of rows.
    pub(super) rows: usize,
}

/// Statistics of a column.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// Its name, without surrounding white space.
    pub(super) name: String,
    /// The first value that is neither a finite number nor a usual spelling of a missing value, with its place.
    pub(super) text: Option<(Place, String)>,
    /// Number of rows without a value.
    pub(super) missing: u64,
    /// Usual spellings of a missing value that occur, such as `NA`.
    pub(super) spellings: BTreeSet<String>,
    /// Number of rows with a finite number.
    pub(super) numbers: u64,
    /// A value in the form of a code, such as `01234`.
    pub(super) code: Option<String>,
    /// Whether each value is the previous value plus one.
    pub(super) counts_rows: bool,
    /// Its different values; `None` if there are too many or too long ones.
    pub(super) values: Option<BTreeSet<String>>,
    last: Option<f64>,
}

impl Profile {
    /// Profiles a table.
    pub(super) fn of(input: &Input<'_>) -> Result<Self, Fault> {
        let opened = input.open()?;
        let columns = opened.header().iter().map(|name| Column {
            name: name.clone(),
            counts_rows: true,
            values: Some(BTreeSet::new()),
            ..Column::default()
        });
        let mut columns: Vec<Column> = columns.collect();
        let mut rows = 0;
        opened.each(|place, row| {
            rows += 1;
            if rows > MAX_ROWS {
                return Err(format!("the table has more than {MAX_ROWS} rows: use a part of them"));
            }
            for (column, value) in columns.iter_mut().zip(row) {
                column.take(place, value.trim(), input.decimal());
            }
            Ok(())
        })?;
        if rows == 0 {
            return Err(table::no_rows(input.name));
        }
        Ok(Self { columns, rows })
    }

    /// Returns how often each name occurs in the header.
    pub(super) fn names(&self) -> BTreeMap<&str, usize> {
        let mut names = BTreeMap::new();
        for column in &self.columns {
            *names.entry(column.name.as_str()).or_default() += 1;
        }
        names
    }
}

impl Column {
    fn take(&mut self, place: Place, value: &str, decimal: Decimal) {
        if value.is_empty() {
            self.missing += 1;
            self.counts_rows = false;
            return;
        }
        if let Some(number) = table::number::parse_with(value, decimal) {
            self.numbers += 1;
            if self.code.is_none() && is_code(value) {
                self.code = Some(shown(value));
            }
            #[expect(clippy::float_cmp, reason = "row numbers are whole, and exact as such")]
            let follows = number.fract() == 0.0 && self.last.is_none_or(|last| number == last + 1.0);
            self.counts_rows &= follows;
            self.last = Some(number);
        } else {
            self.counts_rows = false;
            if table::number::is_missing_spelling(value) && self.spellings.len() < MAX_SPELLINGS {
                self.spellings.insert(value.to_owned());
            } else if self.text.is_none() && !self.spellings.contains(value) {
                self.text = Some((place, shown(value)));
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

/// Whether digits are a code, such as a postal code: they begin with a zero.
fn is_code(value: &str) -> bool {
    value.len() > 1 && value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// Formats a text of a table for messages and comments.
pub(super) use slipway_contract::table::shown;
