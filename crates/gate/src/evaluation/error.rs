//! Why an evaluation is refused, in words that name the file, the place, what was expected and what came.

use std::path::PathBuf;

use slipway_contract::Metric;
use slipway_contract::metrics::Unmeasurable;

/// Why an evaluation is refused. Texts from the files are shown cut short and escaped: a stranger may have chosen them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// A file could not be read.
    #[error("`{}` cannot be read: {source}; an evaluation folder holds report.json and predictions.parquet or predictions.csv", path.display())]
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
        "report.json: {metric} is stated as {stated}, but the predictions give {computed}; evaluate again, and keep both files unchanged"
    )]
    Disagreement {
        /// The metric.
        metric: Box<Metric>,
        /// What the report says.
        stated: f64,
        /// What the predictions say.
        computed: f64,
    },
    /// The report states a figure that cannot be computed from its predictions.
    #[error("report.json: {metric} is stated as {stated}, but cannot be computed from the predictions: {why}")]
    Unfounded {
        /// The metric.
        metric: Box<Metric>,
        /// What the report says.
        stated: f64,
        /// Why not.
        why: Unmeasurable,
    },
    /// The report states a figure that is undefined on its rows.
    #[error("report.json: {metric} is stated as {stated}, but it is undefined on these rows; leave it out")]
    Undefined {
        /// The metric.
        metric: Box<Metric>,
        /// What the report says.
        stated: f64,
    },
    /// The number of rows differs.
    #[error("{file}: {came} rows in {place}, expected {expected}; evaluate again, and keep both files unchanged")]
    Rows {
        /// The file.
        file: &'static str,
        /// What holds the rows.
        place: String,
        /// How many there are.
        came: u64,
        /// How many there should be.
        expected: u64,
    },
    /// The file is not a table this reader understands.
    #[error("predictions.parquet: not a readable parquet file: {0}; write it with pandas, polars or pyarrow")]
    Parquet(parquet::errors::ParquetError),
    /// A column is written in a way that is not read.
    #[error(
        "predictions.parquet: a column is encoded as {encoding}, expected PLAIN or RLE_DICTIONARY; pandas, polars and \
         pyarrow write these if they are not told otherwise"
    )]
    Encoding {
        /// The encoding.
        encoding: String,
    },
    /// A column is compressed in a way that is not read.
    #[error("predictions.parquet: a column is compressed with {codec}, expected none, SNAPPY, GZIP, ZSTD or LZ4_RAW")]
    Codec {
        /// How it is compressed.
        codec: &'static str,
    },
    /// A compressed page cannot be expanded.
    #[error("predictions.parquet: a page is no sound {codec}: {why}; write the file again")]
    BrokenPage {
        /// How it is compressed.
        codec: &'static str,
        /// Why not.
        why: String,
    },
    /// Compressed pages expand to more than Slipway is willing to hold in memory.
    #[error(
        "predictions.parquet: {what} to more than {most} bytes; evaluate on a sample of the rows, or write smaller pages"
    )]
    Expands {
        /// What does.
        what: &'static str,
        /// How many bytes there may be.
        most: u64,
    },
    /// The file is no table of cells with commas between them.
    #[error(
        "predictions.csv: line {line}: {why}; write it with commas between the cells and the names in the first line"
    )]
    Csv {
        /// The line, from one.
        line: u64,
        /// What there is, and what there should be.
        why: String,
    },
    /// There is no file of the name that is read.
    #[error("`{}` holds no {expected}, {found}; {help}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
        /// What is read.
        expected: &'static str,
        /// What is there, in words.
        found: String,
        /// What to do.
        help: String,
    },
    /// There are predictions of both formats.
    #[error("`{}` holds predictions.parquet and predictions.csv, expected one of them; remove the older one", path.display())]
    TwoFormats {
        /// The folder.
        path: PathBuf,
    },
    /// The parquet reader gave up in a way it should not.
    #[error("predictions.parquet: broken in a way that the parquet reader did not foresee; write the file again")]
    Broken,
    /// A column is missing, doubled or of the wrong type.
    #[error("{file}: column `{column}` {came}, expected {expected}")]
    Column {
        /// The file.
        file: &'static str,
        /// The column.
        column: String,
        /// What there is.
        came: String,
        /// What there should be.
        expected: String,
    },
    /// A value that has no place in its column.
    #[error("{file}: row {row}, column `{column}`: {came}, expected {expected}")]
    Value {
        /// The file.
        file: &'static str,
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

impl From<parquet::errors::ParquetError> for EvaluationError {
    /// What we refuse within the parquet reader comes back through it unchanged.
    fn from(error: parquet::errors::ParquetError) -> Self {
        match error {
            parquet::errors::ParquetError::External(cause) => match cause.downcast::<Self>() {
                Ok(refusal) => *refusal,
                Err(cause) => Self::Parquet(parquet::errors::ParquetError::External(cause)),
            },
            error => Self::Parquet(error),
        }
    }
}

/// A text from a file as it may be shown: escaped, and at most this many characters of it.
const MAX_SHOWN: usize = 60;

/// Quotes a text that a stranger may have chosen.
pub(crate) fn shown(text: &str) -> String {
    let mut quoted: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        quoted.push('…');
    }
    format!("`{}`", quoted.replace('`', "'"))
}

/// Names that a message lists.
const MAX_LISTED: usize = 10;

/// Names as a sentence lists them, the last after `word`: a stranger may have chosen them, and there may be thousands.
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
