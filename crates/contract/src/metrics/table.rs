//! The tables that metrics are computed from: for every evaluated row the true value and the prediction.

use std::collections::BTreeMap;

/// The predictions of one classifier, one for each row. Classes are indexes into `classes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// The name of each row. The same row has the same name in the table of another model.
    pub rows: Vec<String>,
    /// The classes.
    pub classes: Vec<String>,
    /// The true class of each row.
    pub labels: Vec<u32>,
    /// The predicted class of each row.
    pub predictions: Vec<u32>,
    /// The scores row by row, one for each class in the order of `classes`. The scores of a row sum to one.
    pub scores: Option<Vec<f32>>,
}

/// The predictions of one regression model, one for each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimates {
    /// The name of each row. The same row has the same name in the table of another model.
    pub rows: Vec<String>,
    /// The true value of each row.
    pub labels: Vec<f64>,
    /// The predicted value of each row.
    pub predictions: Vec<f64>,
    /// Predicted quantiles by the name of their column, such as `quantile_0.9`.
    pub quantiles: BTreeMap<String, Vec<f64>>,
}

/// A text for every row, stored as an index into distinct texts. Rows may be grouped by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attribute {
    /// The distinct texts.
    pub values: Vec<String>,
    /// The index of each row's text.
    pub of_row: Vec<u32>,
}

/// The evaluation's own scores by the name of their column: a finite number for every row. Truth values are zero and one.
pub type RowScores = BTreeMap<String, Vec<f64>>;

/// The rows of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub enum Table {
    /// Rows of a classifier.
    Classes(Predictions),
    /// Rows of a regression model.
    Numbers(Estimates),
    /// Rows of neither: they have a name and own scores, but no label.
    Unlabelled(Vec<String>),
}

/// Attributes of rows by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// A borrowed table.
#[derive(Debug, Clone, Copy)]
pub enum View<'table> {
    /// Rows of a classifier.
    Classes(&'table Predictions),
    /// Rows of a regression model.
    Numbers(&'table Estimates),
    /// Rows of neither: the names of rows without labels.
    Unlabelled(&'table [String]),
}

/// A table with the attributes of its rows.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'table> {
    /// The labels and the predictions.
    pub table: View<'table>,
    /// The attributes that the rows may be grouped by.
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

    /// The index of a class.
    pub fn class(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| class == name)
    }

    /// The scores of a row, one for each class. Empty if the table has no scores.
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
    /// The borrowed table.
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

    /// The regression model's table, if it is one.
    pub fn numbers(self) -> Option<&'table Estimates> {
        match self {
            Self::Numbers(table) => Some(table),
            Self::Classes(_) | Self::Unlabelled(_) => None,
        }
    }

    /// The task of its rows, as a phrase for messages.
    pub fn task(self) -> &'static str {
        match self {
            Self::Classes(_) => "classification",
            Self::Numbers(_) => "regression",
            Self::Unlabelled(_) => "neither task: they have no labels",
        }
    }
}
