//! What metrics are computed from: a row for every evaluated row, with what was true and what the model said.

use std::collections::BTreeMap;

/// One classifier's predictions, a row each. Indices into `classes` stand for the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// Name of each row: the same row of another model's table has the same name.
    pub rows: Vec<String>,
    /// The classes.
    pub classes: Vec<String>,
    /// True class of each row.
    pub labels: Vec<u32>,
    /// Predicted class of each row.
    pub predictions: Vec<u32>,
    /// Scores, row by row, a score a class in the order of `classes`; each row sums to one.
    pub scores: Option<Vec<f32>>,
}

/// One regressor's predictions, a row each.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimates {
    /// Name of each row: the same row of another model's table has the same name.
    pub rows: Vec<String>,
    /// True value of each row.
    pub labels: Vec<f64>,
    /// Predicted value of each row.
    pub predictions: Vec<f64>,
    /// Predicted quantiles by the name of their column, such as `quantile_0.9`.
    pub quantiles: BTreeMap<String, Vec<f64>>,
}

/// A text for every row out of few: whatever rows may be grouped by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attribute {
    /// The texts that occur, each once.
    pub values: Vec<String>,
    /// For every row, which of them it has.
    pub of_row: Vec<u32>,
}

/// The evaluation's own scores by the name of their column, a finite number for every row; truth values are zero and one.
pub type RowScores = BTreeMap<String, Vec<f64>>;

/// The rows of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub enum Table {
    /// Of a classifier.
    Classes(Predictions),
    /// Of a regressor.
    Numbers(Estimates),
    /// Of neither: rows that have a name and own scores, but no label.
    Unlabelled(Vec<String>),
}

/// Attributes of rows by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// A table on loan.
#[derive(Debug, Clone, Copy)]
pub enum View<'table> {
    /// Of a classifier.
    Classes(&'table Predictions),
    /// Of a regressor.
    Numbers(&'table Estimates),
    /// Of neither: the names of rows without labels.
    Unlabelled(&'table [String]),
}

/// A table with the attributes of its rows.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'table> {
    /// What was true and what was said.
    pub table: View<'table>,
    /// What the rows may be grouped by.
    pub attributes: &'table Attributes,
    /// The model's own scores.
    pub row_scores: &'table RowScores,
}

impl Predictions {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether a row's prediction is its label.
    pub fn is_right(&self, row: usize) -> bool {
        self.labels[row] == self.predictions[row]
    }

    /// The place of a class.
    pub fn class(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| class == name)
    }

    /// The scores of a row, a score a class; none if the table has no scores.
    pub fn scores_of(&self, row: usize) -> &[f32] {
        let width = self.classes.len();
        self.scores.as_ref().map_or(&[], |scores| &scores[row * width..(row + 1) * width])
    }

    /// The score of one class in a row.
    ///
    /// # Panics
    ///
    /// If the table has no scores.
    pub fn score(&self, row: usize, class: usize) -> f64 {
        f64::from(self.scores_of(row)[class])
    }
}

impl Table {
    /// The table, on loan.
    pub fn view(&self) -> View<'_> {
        match self {
            Self::Classes(table) => View::Classes(table),
            Self::Numbers(table) => View::Numbers(table),
            Self::Unlabelled(rows) => View::Unlabelled(rows),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of each row.
    pub fn rows(&self) -> &[String] {
        match self {
            Self::Classes(table) => &table.rows,
            Self::Numbers(table) => &table.rows,
            Self::Unlabelled(rows) => rows,
        }
    }
}

impl<'table> View<'table> {
    /// Number of rows.
    pub fn len(self) -> usize {
        match self {
            Self::Classes(table) => table.labels.len(),
            Self::Numbers(table) => table.labels.len(),
            Self::Unlabelled(rows) => rows.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The classifier's table, if it is one.
    pub fn classes(self) -> Option<&'table Predictions> {
        match self {
            Self::Classes(table) => Some(table),
            Self::Numbers(_) | Self::Unlabelled(_) => None,
        }
    }

    /// The regressor's table, if it is one.
    pub fn numbers(self) -> Option<&'table Estimates> {
        match self {
            Self::Numbers(table) => Some(table),
            Self::Classes(_) | Self::Unlabelled(_) => None,
        }
    }

    /// What its rows are of, as messages say it.
    pub fn task(self) -> &'static str {
        match self {
            Self::Classes(_) => "classification",
            Self::Numbers(_) => "regression",
            Self::Unlabelled(_) => "neither task: they have no labels",
        }
    }
}
