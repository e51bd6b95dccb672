//! Reads an evaluation folder and believes none of it: every figure of the report is computed again from the predictions.
//!
//! Both files may come from a stranger's change, so sizes, types, names and numbers are checked before use. Judging what the
//! figures mean is the business of `policy`.

mod column;
mod error;
mod folder;
mod pairing;
mod report;
mod scores;
mod table;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use slipway_contract::EvaluationReport;
use slipway_contract::metrics::Predictions;

pub use error::EvaluationError;
pub use folder::read_folder;
pub use pairing::{NotPaired, paired};

/// The report's file name in an evaluation folder.
pub const REPORT_FILE: &str = "report.json";

/// The predictions' file name in an evaluation folder.
pub const PREDICTIONS_FILE: &str = "predictions.parquet";

/// A report and the predictions that bear it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What the evaluator says.
    pub report: EvaluationReport,
    /// What the model said of every test row.
    pub predictions: Predictions,
}

/// Reads and verifies both files of an evaluation folder from their bytes.
pub fn read(report_json: &[u8], predictions_parquet: &[u8]) -> Result<Evaluation, EvaluationError> {
    let report = report::parse(report_json)?;
    let predictions = table::read(predictions_parquet, &report)?;
    report::verify(&report, &predictions)?;
    Ok(Evaluation { report, predictions })
}
