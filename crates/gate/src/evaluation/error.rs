//! The reasons to reject an evaluation. Each names the file, the place, the expected and the actual value.

use std::path::PathBuf;

use slipway_contract::metrics::Unmeasurable;
use slipway_contract::{Metric, counted};
use slipway_tables::parquet::PageError;

/// Why an evaluation is rejected. Texts from the files are shortened and escaped, because their author may be untrusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// A file could not be read.
    #[error("`{}` cannot be read: {source}; an evaluation folder contains report.json and predictions.parquet or predictions.csv", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A count exceeds the limit for data in memory.
    #[error("{file}: {came} {unit}, expected at most {most}; evaluate on a sample of the rows")]
    TooLarge {
        /// The file.
        file: &'static str,
        /// The unit of the count.
        unit: &'static str,
        /// The actual count.
        came: u64,
        /// The limit.
        most: u64,
    },
    /// The report is not JSON of the expected form.
    #[error("report.json: {0}; use the report of the evaluator without changes")]
    ReportForm(#[from] serde_json::Error),
    /// The report has the right form, but a value is invalid.
    #[error("report.json: {0}")]
    ReportValue(String),
    /// The report states a figure that differs from the one computed from its predictions.
    #[error(
        "report.json: {metric} is stated as {stated}, but the predictions give {computed}; evaluate again, and keep both files unchanged"
    )]
    Disagreement {
        /// The metric.
        metric: Box<Metric>,
        /// The value in the report.
        stated: f64,
        /// The value computed from the predictions.
        computed: f64,
    },
    /// The report states a figure that cannot be computed from its predictions.
    #[error("report.json: {metric} is stated as {stated}, but cannot be computed from the predictions: {why}")]
    Unfounded {
        /// The metric.
        metric: Box<Metric>,
        /// The value in the report.
        stated: f64,
        /// Why it cannot be computed.
        why: Unmeasurable,
    },
    /// The report states a figure that is undefined on its rows.
    #[error("report.json: {metric} is stated as {stated}, but it is undefined on these rows; remove it")]
    Undefined {
        /// The metric.
        metric: Box<Metric>,
        /// The value in the report.
        stated: f64,
    },
    /// The number of rows differs.
    #[error(
        "{file}: {} in {place}, expected {expected}; evaluate again, and keep both files unchanged", counted(*.came, "row")
    )]
    Rows {
        /// The file.
        file: &'static str,
        /// The part of the file that contains the rows.
        place: String,
        /// The actual number.
        came: u64,
        /// The expected number.
        expected: u64,
    },
    /// The file is not a readable parquet file.
    #[error("predictions.parquet: not a readable parquet file: {0}; write it with pandas, polars or pyarrow")]
    Parquet(parquet::errors::ParquetError),
    /// A page of a column cannot be read.
    #[error("predictions.parquet: {0}")]
    Page(PageError),
    /// The file is not a table of cells separated by commas.
    #[error(
        "predictions.csv: line {line}: {why}; write commas between the cells, and the column names in the first line"
    )]
    Csv {
        /// The line, counted from one.
        line: u64,
        /// The actual and the expected content.
        why: String,
    },
    /// A required file is missing.
    #[error("`{}` contains no {expected}, {found}; {help}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
        /// The name of the required file.
        expected: &'static str,
        /// The files that the folder contains, as a phrase.
        found: String,
        /// What the user should do.
        help: String,
    },
    /// The folder contains predictions in both formats.
    #[error("`{}` contains predictions.parquet and predictions.csv, expected one of them; remove the older one", path.display())]
    TwoFormats {
        /// The folder.
        path: PathBuf,
    },
    /// The parquet reader panicked.
    #[error("predictions.parquet: the file is damaged and the parquet reader failed on it; write the file again")]
    Broken,
    /// A column is missing, duplicated or of the wrong type.
    #[error("{file}: column `{column}` {came}, expected {expected}")]
    Column {
        /// The file.
        file: &'static str,
        /// The column.
        column: String,
        /// The actual content.
        came: String,
        /// The expected content.
        expected: String,
    },
    /// A value is not valid in its column.
    #[error("{file}: row {row}, column `{column}`: {came}, expected {expected}")]
    Value {
        /// The file.
        file: &'static str,
        /// The row, counted from one.
        row: u64,
        /// The column.
        column: String,
        /// The actual value.
        came: String,
        /// The expected value.
        expected: String,
    },
}

impl From<parquet::errors::ParquetError> for EvaluationError {
    /// Unwraps a refused page, which passed through the parquet reader.
    fn from(error: parquet::errors::ParquetError) -> Self {
        match error {
            parquet::errors::ParquetError::External(cause) => match cause.downcast::<PageError>() {
                Ok(refusal) => Self::Page(*refusal),
                Err(cause) => Self::Parquet(parquet::errors::ParquetError::External(cause)),
            },
            error => Self::Parquet(error),
        }
    }
}

/// The most characters of a text from a file that are shown.
const MAX_SHOWN: usize = 60;

/// Quotes a text from an untrusted author, shortened and escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut quoted: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        quoted.push('…');
    }
    format!("`{}`", quoted.replace('`', "'"))
}

/// The most names that a message lists.
const MAX_LISTED: usize = 10;

/// Names as a list in a sentence, with `word` before the last. The names may come from an untrusted author, and there may be
/// thousands.
pub(crate) fn listed<Name: AsRef<str>>(names: &[Name], word: &str) -> String {
    let first = names.iter().take(MAX_LISTED).map(|name| shown(name.as_ref()));
    let more = names.len().saturating_sub(MAX_LISTED);
    let mut parts: Vec<String> = first.chain((more > 0).then(|| format!("{more} more"))).collect();
    match parts.pop() {
        Some(last) if !parts.is_empty() => format!("{} {word} {last}", parts.join(", ")),
        last => last.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_escaped_and_not_all_of_many() {
        assert_eq!(listed::<&str>(&[], "or"), "");
        assert_eq!(listed(&["a"], "or"), "`a`");
        assert_eq!(listed(&["a", "b`\n"], "or"), "`a` or `b'\\n`");
        let many: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        assert!(listed(&many, "and").ends_with("`9` and 2 more"), "{}", listed(&many, "and"));
    }
}
