//! Reads an evaluation folder and believes none of it: every figure of the report is computed again from the predictions.
//!
//! Both files may come from a stranger's change, so sizes, types, names and numbers are checked before use. Judging what the
//! figures mean is the business of `policy`.

mod attribute;
mod cell;
mod classes;
mod codec;
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

/// Columns of predictions that are read besides those that every evaluation has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// By whose values rows are grouped: as a slice, or as one query or series.
    pub attributes: BTreeSet<String>,
    /// That hold numbers of the evaluation's own: scores, relevances, scales.
    pub row_scores: BTreeSet<String>,
}

impl Columns {
    /// Those that a metric is computed from.
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

    /// Whether all of another's are among them.
    pub fn cover(&self, other: &Self) -> bool {
        let Self { attributes, row_scores } = other;
        attributes.is_subset(&self.attributes) && row_scores.is_subset(&self.row_scores)
    }
}

/// A report and the predictions that bear it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What the evaluator says.
    pub report: EvaluationReport,
    /// What the model said of every test row.
    pub table: Table,
    /// What the rows may be grouped by, by the name of its column: those columns that were asked for and are there.
    pub attributes: Attributes,
    /// The model's own scores: those columns that were asked for, or that the report states a metric of, and are there.
    pub row_scores: RowScores,
}

impl Evaluation {
    /// The rows with their attributes.
    pub fn rows(&self) -> Rows<'_> {
        Rows { table: self.table.view(), attributes: &self.attributes, row_scores: &self.row_scores }
    }

    /// The evaluation of some of its rows, by their places. The report's figures are those of these rows; a metric that is not
    /// defined on them is left out of it.
    #[must_use]
    pub fn only(&self, rows: &[u32]) -> Self {
        pairing::only(self, &Paired::whole(self), rows)
    }

    /// The evaluation of some of the candidate's rows, by their places there and their names here; refused unless both were
    /// evaluated alike.
    pub fn only_as(&self, candidate: &Self, rows: &[u32]) -> Result<Self, NotPaired> {
        Ok(pairing::only(self, &paired(candidate, self)?, rows))
    }
}

/// Reads and verifies both files of an evaluation folder from their bytes. Besides what every evaluation has, only the
/// `columns` that are named are read, and those that the report states a metric of; one that is not there is left out.
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
