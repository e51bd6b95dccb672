//! Why an evaluation is refused, in words that name the file, the place, what was expected and what came.

use std::path::PathBuf;

use slipway_contract::Metric;
use slipway_contract::metrics::Unmeasurable;

/// Why an evaluation is refused. Texts from the files are shown cut short and escaped: a stranger may have chosen them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// A file could not be read.
    #[error("`{}` cannot be read: {source}; an evaluation folder holds report.json and predictions.parquet", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More than Slipway is willing to hold in memory.
    #[error("{file}: {came} {unit}, expected at most {most}; evaluate on a sample of the rows")]
    TooLarge {
        /// The file.
        file: &'static str,
        /// What is counted.
        unit: &'static str,
        /// How many there are.
        came: u64,
        /// How many there may be.
        most: u64,
    },
    /// The report is not JSON of the expected form.
    #[error("report.json: {0}; it has to be the evaluator's report as it was written")]
    ReportForm(#[from] serde_json::Error),
    /// The report has the form but not the values.
    #[error("report.json: {0}")]
    ReportValue(String),
    /// The report states a figure that its predictions do not give.
    #[error(
        "report.json: {metric} is stated as {stated}, but predictions.parquet gives {computed}; evaluate again, and keep both files unchanged"
    )]
    Disagreement {
        /// The metric.
        metric: Metric,
        /// What the report says.
        stated: f64,
        /// What the predictions say.
        computed: f64,
    },
    /// The report states a figure that cannot be computed from its predictions.
    #[error("report.json: {metric} is stated as {stated}, but cannot be computed from predictions.parquet: {why}")]
    Unfounded {
        /// The metric.
        metric: Metric,
        /// What the report says.
        stated: f64,
        /// Why not.
        why: Unmeasurable,
    },
    /// The report states a figure that is undefined on its rows.
    #[error("report.json: {metric} is stated as {stated}, but it is undefined on these rows; leave it out")]
    Undefined {
        /// The metric.
        metric: Metric,
        /// What the report says.
        stated: f64,
    },
    /// The number of rows differs.
    #[error(
        "predictions.parquet: {came} rows in {place}, expected {expected}; evaluate again, and keep both files unchanged"
    )]
    Rows {
        /// What holds the rows.
        place: String,
        /// How many there are.
        came: u64,
        /// How many there should be.
        expected: u64,
    },
    /// The file is not a table this reader understands.
    #[error("predictions.parquet: not a readable parquet file: {0}; write it without compression")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The parquet reader gave up in a way it should not.
    #[error("predictions.parquet: broken in a way that the parquet reader did not foresee; write the file again")]
    Broken,
    /// A column is missing, doubled or of the wrong type.
    #[error("predictions.parquet: column `{column}` {came}, expected {expected}")]
    Column {
        /// The column.
        column: String,
        /// What there is.
        came: String,
        /// What there should be.
        expected: String,
    },
    /// A value that has no place in its column.
    #[error("predictions.parquet: row {row}, column `{column}`: {came}, expected {expected}")]
    Value {
        /// The row, from one.
        row: u64,
        /// The column.
        column: String,
        /// What there is.
        came: String,
        /// What there should be.
        expected: String,
    },
}

/// A text from a file as it may be shown: escaped, and at most this many characters of it.
const MOST_SHOWN: usize = 60;

/// Quotes a text that a stranger may have chosen.
pub(super) fn shown(text: &str) -> String {
    let mut quoted: String = text.chars().take(MOST_SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST_SHOWN).is_some() {
        quoted.push('…');
    }
    format!("`{}`", quoted.replace('`', "'"))
}
