//! Rows in memory, with what is predicted for them and where they stand in their file.

use std::collections::BTreeMap;

use slipway_contract::Shape;
use slipway_contract::table::{Counted, Place};
use tch::{Kind, Tensor};

/// Rows with their labels.
pub(crate) struct Rows {
    /// All rows, `[rows, …shape]`: bytes for IDX, 64-bit floats for tables. A missing value is NaN. A text of a typed column is
    /// its code, which counts from zero.
    pub(crate) features: Tensor,
    /// Shape of one row.
    pub(crate) shape: Shape,
    /// What is predicted.
    pub(crate) target: Target,
    /// The names of the columns, for tables.
    pub(crate) columns: Option<Vec<String>>,
    /// For each typed column the texts by their codes, `None` for numbers. Empty if the columns have no types.
    pub(crate) texts: Vec<Option<Vec<String>>>,
    /// The positions of the rows in their file, for tables.
    pub(crate) origin: Option<Origin>,
    /// Whether each row is held out for validation, if the data say so. Empty if the rows are drawn by the seed of the training.
    pub(crate) aside: Vec<bool>,
    /// The weight of each row in the loss, above zero. Empty if all rows count alike.
    pub(crate) weights: Vec<f64>,
}

/// The labels of rows.
pub(crate) enum Target {
    /// The class of each row, as an index into the classes.
    Classes { labels: Vec<i64>, classes: Vec<String> },
    /// The number of each row.
    Numbers(Vec<f64>),
}

/// The positions of a table's rows in their file, and the numbers that a 64-bit float does not keep.
#[derive(Default)]
pub(crate) struct Origin {
    /// The file, by its path relative to the model's folder; a glob if there are several.
    pub(crate) file: String,
    /// The key of the specification that names it.
    pub(crate) key: String,
    /// The line of each row in its file, or the row if the file has no lines.
    numbers: Vec<u64>,
    has_rows: bool,
    /// The files, each with the index of its first row.
    files: Vec<(usize, String)>,
    /// The rows with whole numbers that floats do not keep, in their order.
    pub(crate) inexact: Vec<Inexact>,
    /// The columns with such numbers.
    pub(crate) lost: BTreeMap<u32, LostDigits>,
}

/// A row with whole numbers that have more digits than a 64-bit float keeps.
pub(crate) struct Inexact {
    /// The row, counted from zero.
    pub(crate) row: u32,
    /// The beginning of the digest of all digits of these numbers, with their columns.
    pub(crate) digest: u64,
}

/// Whole numbers of a column that have more digits than a 64-bit float keeps.
pub(crate) struct LostDigits {
    /// The row of the first, counted from zero.
    pub(crate) row: u32,
    /// The text of the first.
    pub(crate) text: String,
    /// Their count.
    pub(crate) count: u64,
    /// The first of them: the row, counted from zero, and the beginning of the digest of all digits.
    pub(crate) noted: Vec<(u32, u64)>,
}

impl Origin {
    /// No rows of a file, with the key that names it.
    pub(crate) fn of(file: &str, key: &str) -> Self {
        Self { file: file.to_owned(), key: key.to_owned(), ..Self::default() }
    }

    /// Adds the place of the next row.
    pub(crate) fn push(&mut self, file: &str, place: Place) {
        if self.files.last().is_none_or(|(_, last)| last != file) {
            self.files.push((self.numbers.len(), file.to_owned()));
        }
        self.has_rows = place.line().is_none();
        self.numbers.push(place.number());
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The place of a row, counted from zero, and its file.
    pub(crate) fn place(&self, row: usize) -> (Place, &str) {
        let number = self.numbers.get(row).copied().unwrap_or(0);
        let place = if self.has_rows { Place::Row(number) } else { Place::Line(number) };
        let file = self.files.iter().rev().find(|(first, _)| *first <= row);
        (place, file.map_or(self.file.as_str(), |(_, file)| file.as_str()))
    }

    /// The place of the row with a number that floats do not keep.
    pub(crate) fn lost_place(&self, lost: &LostDigits) -> (Place, &str) {
        self.place(lost.row as usize)
    }
}

impl LostDigits {
    /// The most numbers of a column that are recorded. They suffice to show that distinct numbers become equal. A table may have
    /// a billion of them.
    pub(crate) const MAX_RECORDED: usize = 4_096;

    /// The number of rows, from the first on, for which every such number is recorded; `None` if that holds for all rows.
    pub(crate) fn noted_rows(&self) -> Option<usize> {
        let last = self.noted.last().filter(|_| self.count > self.noted.len() as u64)?;
        Some(last.0 as usize + 1)
    }
}

impl Target {
    /// The number of rows.
    fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Numbers(labels) => labels.len(),
        }
    }
}

impl Rows {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.target.len()
    }

    /// The classes. Empty if numbers are predicted.
    pub(crate) fn classes(&self) -> &[String] {
        match &self.target {
            Target::Classes { classes, .. } => classes,
            Target::Numbers(_) => &[],
        }
    }

    /// The classes with the number of rows of each.
    pub(crate) fn counts(&self) -> Vec<Counted> {
        let Target::Classes { labels, classes } = &self.target else { return Vec::new() };
        let mut counts = vec![0; classes.len()];
        for label in labels {
            if let Some(count) = usize::try_from(*label).ok().and_then(|label| counts.get_mut(label)) {
                *count += 1;
            }
        }
        classes.iter().cloned().zip(counts).collect()
    }

    /// The rows at some indexes as floats: 32 bits for bytes, and 64 bits for tables, whose numbers may differ only slightly.
    pub(crate) fn batch(&self, indices: &Tensor) -> Tensor {
        let rows = self.features.index_select(0, indices);
        if rows.kind() == Kind::Double { rows } else { rows.to_kind(Kind::Float) }
    }

    /// Whether the rows are a table with typed columns.
    pub(crate) fn is_typed(&self) -> bool {
        !self.texts.is_empty()
    }

    /// The values of a table's column in the order of the rows.
    pub(crate) fn column(&self, place: usize) -> Vec<f64> {
        self.column_by_step(place, 1)
    }

    /// The values of a table's column in the first row and in every row that is `step` further. Only these are copied.
    pub(crate) fn column_by_step(&self, place: usize, step: usize) -> Vec<f64> {
        let [place, step] = [place, step].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        let column = self.features.select(1, place).slice(0, None, None, step).contiguous();
        Vec::<f64>::try_from(&column).unwrap_or_default()
    }
}

/// The index of a text from its code, which is a whole number from zero on.
pub(crate) fn code_of(value: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes are whole and not negative")]
    let code = value as usize;
    code
}
