//! Reads an evaluation folder and verifies it: every figure of the report is recomputed from the predictions.
//!
//! Both files may come from an untrusted pull request. Sizes, types, names and numbers are therefore checked before use. The
//! module `policy` judges the figures.

mod attribute;
mod cell;
mod classes;
mod csv_file;
mod error;
mod estimates;
mod folder;
mod pairing;
mod parquet_file;
mod report;
mod row_scores;
mod samples;
mod scores;
mod source;
mod table;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod written;

use std::collections::BTreeSet;

use slipway_contract::metrics::{Attributes, RowScores, Rows, Table};
use slipway_contract::{EvaluationReport, Metric};

pub use error::EvaluationError;
pub(crate) use error::{listed, shown};
pub use folder::read_folder;
pub use pairing::{NotPaired, Paired, paired};
pub use samples::{SampleColumn, Samples, read_samples};

/// The report's file name in an evaluation folder.
pub const REPORT_FILE: &str = "report.json";

/// The predictions' file name in an evaluation folder.
pub const PREDICTIONS_FILE: &str = "predictions.parquet";

/// The predictions' file name in an evaluation folder, if they are CSV.
pub const CSV_FILE: &str = "predictions.csv";

/// The bytes of a predictions file.
#[derive(Debug, Clone, Copy)]
pub enum PredictionsFile<'bytes> {
    /// `predictions.parquet`.
    Parquet(&'bytes [u8]),
    /// `predictions.csv`.
    Csv(&'bytes [u8]),
}

/// Columns of predictions that are read in addition to the required ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Columns whose values group rows, as slices, queries or series.
    pub attributes: BTreeSet<String>,
    /// Columns with the evaluation's own numbers: scores, relevances, scales.
    pub row_scores: BTreeSet<String>,
}

impl Columns {
    /// The columns that a metric is computed from.
    pub fn of(metric: &Metric) -> Self {
        Self {
            attributes: metric.unit().map(|unit| unit.column.to_owned()).into_iter().collect(),
            row_scores: metric.number_columns().map(str::to_owned).collect(),
        }
    }

    /// The columns of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let Self { attributes, row_scores } = other;
        self.attributes.extend(attributes);
        self.row_scores.extend(row_scores);
        self
    }

    /// Whether these columns include all columns of `other`.
    pub fn cover(&self, other: &Self) -> bool {
        let Self { attributes, row_scores } = other;
        attributes.is_subset(&self.attributes) && row_scores.is_subset(&self.row_scores)
    }
}

/// A report and the predictions that it was verified against.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The evaluator's report.
    pub report: EvaluationReport,
    /// The label and the prediction of every test row.
    pub table: Table,
    /// The attributes that rows can be grouped by, by the name of the column. It contains the requested columns that exist.
    pub attributes: Attributes,
    /// The evaluation's own scores. It contains the columns that were requested, or that the report states a metric of, and that
    /// exist.
    pub row_scores: RowScores,
}

impl Evaluation {
    /// The rows with their attributes and scores.
    pub fn rows(&self) -> Rows<'_> {
        Rows { table: self.table.view(), attributes: &self.attributes, row_scores: &self.row_scores }
    }

    /// The evaluation of some of its rows, by their indexes. The report's figures are recomputed on these rows. A metric that is
    /// undefined on them is left out.
    #[must_use]
    pub fn only(&self, rows: &[u32]) -> Self {
        pairing::only(self, &Paired::whole(self), rows)
    }

    /// This evaluation on some of the candidate's rows. `rows` are indexes into the candidate's rows, and the rows are matched by
    /// name. Fails unless both were evaluated on the same data by the same evaluator.
    pub fn only_as(&self, candidate: &Self, rows: &[u32]) -> Result<Self, NotPaired> {
        Ok(pairing::only(self, &paired(candidate, self)?, rows))
    }
}

/// Reads and verifies both files of an evaluation folder from their bytes. Besides the required columns it reads `columns` and
/// those that the report states a metric of. A column that does not exist is left out.
pub fn read(
    report_json: &[u8],
    predictions: PredictionsFile<'_>,
    columns: &Columns,
) -> Result<Evaluation, EvaluationError> {
    let report = report::parse(report_json)?;
    let columns = report.metrics.keys().map(Columns::of).fold(columns.clone(), Columns::and);
    let evaluation = table::read(predictions, report, &columns)?;
    report::verify(&evaluation)?;
    Ok(evaluation)
}
