//! Opens the tables that the specification names, and reads those of their rows that are for training, for testing, or recent.

use std::rc::Rc;

use csv::StringRecord;
use slipway_contract::table::{self, Place};
use slipway_contract::{DataSpec, Decimal, Fault, TableFormat, TableSpec};
use slipway_tables::{Opening, Row, Table};

use super::TableName;
use super::file::Source;
use super::parts::{self, Part};

/// Tables with their format, as a specification names them.
#[derive(Clone, Copy)]
pub(super) struct Tables<'spec> {
    pub(super) spec: &'spec TableSpec,
    pub(super) format: TableFormat,
    pub(super) is_classification: bool,
}

/// A table that is read row by row.
pub(super) struct Opened {
    table: Table<'static>,
    /// The key of the specification that names its file.
    pub(super) key: &'static str,
    /// The part of each row, and the parts to read; `None` for all rows.
    parts: Option<(Rc<[Part]>, TableName)>,
    next: usize,
}

/// The next row of a table.
pub(super) enum Next<'table> {
    /// A row, its place, its file, and whether it is held out for validation.
    Row { place: Place, file: &'table str, values: &'table StringRecord, aside: bool },
    /// A row that cannot be read.
    Broken(Fault),
}

impl<'spec> Tables<'spec> {
    /// The tables of a specification; `None` if the rows are images.
    pub(super) fn of(data: &'spec DataSpec, is_classification: bool) -> Option<Self> {
        Some(Self { spec: data.table()?, format: data.table_format()?, is_classification })
    }

    /// The character before the fraction of a number.
    pub(super) fn decimal(&self) -> Decimal {
        self.format.decimal()
    }

    /// The key and the path of a table's files; `None` if the specification names no such table.
    pub(super) fn path(&self, name: TableName) -> Option<(&'static str, &'spec str)> {
        match name {
            TableName::Train => Some(self.spec.training()),
            TableName::Test => Some(self.spec.testing()),
            TableName::Recent => {
                self.spec.recent.as_ref().map(|recent| ("spec.data.recent.file", recent.file.as_str()))
            }
        }
    }

    /// Opens a table, with only those of its rows that are in it after the split.
    pub(super) fn open(&self, source: &Source, name: TableName) -> Result<Opened, Vec<Fault>> {
        let mut opened = self.open_whole(source, name).map_err(|fault| vec![fault])?;
        let is_split = self.spec.split.is_some() && (name == TableName::Train || self.spec.rows.is_some());
        if is_split && name != TableName::Recent {
            let parts = source.parts.get_or_init(|| parts::parts_of(self, source)).clone()?;
            opened.parts = Some((parts, name));
        }
        Ok(opened)
    }

    /// Opens the files of a table with all of their rows.
    pub(super) fn open_whole(&self, source: &Source, name: TableName) -> Result<Opened, Fault> {
        let Some((key, path)) = self.path(name) else {
            let message = "no recent data are named, expected `recent: {file: …}`";
            return Err(Fault::new(slipway_contract::FaultKind::Specification, message).key("spec.data"));
        };
        let files = source.files_of(key, path)?;
        let opening = Opening { format: self.format, ignored: &self.spec.ignore };
        let own = source.again();
        let table = Table::open(files, opening, move |file| own.find(key, file).map(|(file, _)| file))?;
        Ok(Opened { table, key, parts: None, next: 0 })
    }
}

impl Opened {
    /// The names of the columns.
    pub(super) fn header(&self) -> &[String] {
        self.table.header()
    }

    /// The name of the file that is read now.
    pub(super) fn file(&self) -> &str {
        self.table.name()
    }

    /// Whether some of its rows may be held out for validation.
    pub(super) fn is_split(&self) -> bool {
        self.parts.is_some()
    }

    /// The next row of the table; `None` at its end. After an error, nothing more can be read.
    pub(super) fn next_row(&mut self) -> Result<Option<Next<'_>>, Fault> {
        loop {
            let row = self.next;
            self.next += 1;
            let part = self.parts.as_ref().map(|(parts, name)| (parts.get(row).copied().unwrap_or(Part::Train), *name));
            let is_wanted = match part {
                None => true,
                Some((part, name)) => (part == Part::Test) == (name == TableName::Test),
            };
            if is_wanted {
                return self.read(part.is_some_and(|(part, _)| part == Part::Validation));
            }
            if self.table.next_row()?.is_none() {
                return Ok(None);
            }
        }
    }

    fn read(&mut self, aside: bool) -> Result<Option<Next<'_>>, Fault> {
        // The name is known only after a row of the next file was read.
        Ok(match self.table.next_named()? {
            None => None,
            Some((file, Row::Values(place, values))) => Some(Next::Row { place, file, values, aside }),
            Some((_, Row::Broken(fault))) => Some(Next::Broken(fault)),
        })
    }

    /// Calls `visit` with every row and its place. Returns the fault of the first row that cannot be read.
    pub(super) fn each(
        mut self,
        mut visit: impl FnMut(Place, &StringRecord) -> Result<(), String>,
    ) -> Result<(), Fault> {
        while let Some(row) = self.next_row()? {
            match row {
                Next::Row { place, file, values, .. } => {
                    visit(place, values).map_err(|message| table::fault_at(file, place, message))?;
                }
                Next::Broken(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}
