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

use slipway_contract::EvaluationReport;
use slipway_contract::metrics::{Attributes, Rows, Table};

pub use error::EvaluationError;
pub use folder::read_folder;
pub use pairing::{NotPaired, paired};
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

/// A report and the predictions that bear it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What the evaluator says.
    pub report: EvaluationReport,
    /// What the model said of every test row.
    pub table: Table,
    /// What the rows may be grouped by, by the name of its column: those columns that were asked for and are there.
    pub attributes: Attributes,
}

impl Evaluation {
    /// The rows with their attributes.
    pub fn rows(&self) -> Rows<'_> {
        Rows { table: self.table.view(), attributes: &self.attributes }
    }
}

/// Reads and verifies both files of an evaluation folder from their bytes. Besides what every evaluation has, only the
/// columns named in `attributes` are read; one that is not there is left out.
pub fn read(
    report_json: &[u8],
    predictions: PredictionsFile<'_>,
    attributes: &BTreeSet<String>,
) -> Result<Evaluation, EvaluationError> {
    let report = report::parse(report_json)?;
    let (table, attributes) = table::read(predictions, &report, attributes)?;
    let evaluation = Evaluation { report, table, attributes };
    report::verify(&evaluation)?;
    Ok(evaluation)
}
