//! The labels of a table while it is read: names of classes, or numbers.

use std::collections::HashMap;

use slipway_contract::table::{self, Counted, Place, number};
use slipway_contract::{Decimal, Fault, Task};

/// The labels of the rows so far.
pub(super) enum Labels {
    /// The label of each row, as an index into the names.
    Names { of_row: Vec<u32>, names: Names },
    /// The number of each row.
    Numbers(Vec<f64>),
}

/// Every label of a row, in the order of their first rows.
#[derive(Default)]
pub(super) struct Names {
    places: HashMap<String, u32>,
    pub(super) found: Vec<Name>,
}

/// A label that rows have.
pub(super) struct Name {
    pub(super) label: String,
    pub(super) rows: u64,
    /// The place of its first row, and its file.
    pub(super) place: Place,
    pub(super) file: String,
}

/// A cell of the label's column.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) file: &'a str,
    pub(super) place: Place,
    /// The name of the column.
    pub(super) column: &'a str,
    pub(super) decimal: Decimal,
}

/// The label of one row.
#[derive(Clone, Copy)]
pub(super) enum Label {
    Name(u32),
    Number(f64),
}

impl Names {
    fn add(&mut self, label: &str, cell: Read<'_>) -> u32 {
        if let Some(place) = self.places.get(label) {
            self.found[*place as usize].rows += 1;
            return *place;
        }
        let place = u32::try_from(self.found.len()).unwrap_or(u32::MAX);
        self.places.insert(label.to_owned(), place);
        self.found.push(Name { label: label.to_owned(), rows: 1, place: cell.place, file: cell.file.to_owned() });
        place
    }

    /// The labels in the order of the classes, with the number of rows of each.
    pub(super) fn classes(&self) -> Vec<Counted> {
        let mut classes: Vec<String> = self.places.keys().cloned().collect();
        table::sort_classes(&mut classes);
        let rows = |class: &String| self.found[self.places[class] as usize].rows;
        let rows: Vec<u64> = classes.iter().map(rows).collect();
        classes.into_iter().zip(rows).collect()
    }
}

impl Labels {
    pub(super) fn of(task: Task) -> Self {
        match task {
            Task::Classification => Self::Names { of_row: Vec::new(), names: Names::default() },
            Task::Regression => Self::Numbers(Vec::new()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Names { of_row, .. } => of_row.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// The label in a cell.
    pub(super) fn read(&mut self, cell: Read<'_>, text: &str) -> Result<Label, Fault> {
        let Read { file, place, column, decimal } = cell;
        let text = text.trim();
        if table::is_missing(text) {
            return Err(table::missing_label(file, place, column, text));
        }
        match self {
            Self::Names { names, .. } => Ok(Label::Name(names.add(text, cell))),
            Self::Numbers(_) => number::parse_with(text, decimal).map(Label::Number).ok_or_else(|| {
                let (message, help) = number::not_a_number(text, decimal);
                let message = format!("{place}, label `{}`: {message}", table::shown(column));
                table::fault_at(file, place, message)
                    .help(format!("{help}; if the labels are classes, the task is `classification`"))
            }),
        }
    }

    /// Adds the label of a row.
    pub(super) fn push(&mut self, label: Label) {
        match (self, label) {
            (Self::Names { of_row, .. }, Label::Name(name)) => of_row.push(name),
            (Self::Numbers(numbers), Label::Number(number)) => numbers.push(number),
            // A label comes from `read`, which knows the task.
            _ => {}
        }
    }
}
