//! The `data` part of `slipway.yaml`: the files that contain a model's rows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Decimal, Dialect, Split, SplitBy};

/// Files of rows, by format. Paths are relative to the folder of `slipway.yaml`. A file that starts with the magic bytes of gzip or
/// of zstd is decompressed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "format", rename_all = "snake_case", deny_unknown_fields)]
pub enum DataSpec {
    /// The IDX format of the MNIST database: unsigned bytes, images `[rows, height, width]` and labels `[rows]`.
    Idx {
        /// Rows for training.
        train: IdxFiles,
        /// Rows for testing.
        test: IdxFiles,
        /// Share of the training rows that is held out for validation during training, from 0 up to (not including) 1.
        #[serde(default)]
        validation_split: f64,
    },
    /// Comma-separated values with a header (RFC 4180), or a `dialect` of them.
    Csv(TableSpec),
    /// JSON lines: one object in each line, whose keys are the columns. Those of the first line are the columns of the table.
    Jsonl(TableSpec),
    /// Apache Parquet files with columns of numbers, texts, truth values, dates and times.
    Parquet(TableSpec),
}

/// The format of the files of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated values in a dialect.
    Csv(Dialect),
    /// JSON lines.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// Tables, and the roles of their columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// Rows for training. Together with `test`; not together with `rows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<TableFile>,
    /// Rows for testing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TableFile>,
    /// Rows for training and for testing, in place of `train` and `test`. Then `split` says which rows are for testing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<TableFile>,
    /// Recent rows, which policies compare with the training rows (`drift`). They are not used for training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recent: Option<TableFile>,
    /// How comma-separated values are written. By default as in RFC 4180: commas, double quotes, decimal points, UTF-8. Only for
    /// `format: csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// The column to predict: classes, or numbers if the task is `regression`.
    pub label: String,
    /// The column of row weights: numbers above zero, by which the rows of the training count in the loss. It is not trained on, need
    /// not be in the test rows, and does not change metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// The columns to train on, all of them numbers without missing values. By default all columns except the label. Not together
    /// with `columns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// The columns to train on with their types. Columns of the table that are not listed are not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<BTreeMap<String, Column>>,
    /// Columns of the table that are not used on purpose. Without `columns` they are left out of the columns to train on; with
    /// `columns` no warning says that they are not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Share of the training rows that is held out for validation during training, from 0 up to (not including) 1. The short form
    /// of `split: {validation: …}`.
    #[serde(default)]
    pub validation_split: f64,
    /// Which rows are held out for validation and for testing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
}

/// Images and their labels, in one file each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdxFiles {
    /// The file of the images.
    pub features: String,
    /// The file of the labels, in the order of the images.
    pub labels: String,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableFile {
    /// The file of the table, or a glob of several: `*` and `?` in the name of the file stand for any characters and for one. The
    /// files are read in the order of their names, and have the same columns in the same order.
    pub file: String,
    /// The address of the file if it is not in git: `s3://`, `gs://`, `az://`, `https://`, `http://` or `file://`. Together with
    /// `sha256`. The server's settings say which addresses may be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The SHA-256 of the file at `url`: 64 lower-case hexadecimal digits. Other bytes are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: Option<String>,
}

impl TableSpec {
    /// The files of the rows for training, with the path of their key. If they are those of `rows`, they contain the rows for
    /// testing too.
    pub fn training(&self) -> (&'static str, &str) {
        named(&[("spec.data.train.file", &self.train), ("spec.data.rows.file", &self.rows)])
    }

    /// The files of the rows for testing, with the path of their key. If they are those of `rows`, they contain the rows for
    /// training too.
    pub fn testing(&self) -> (&'static str, &str) {
        named(&[("spec.data.test.file", &self.test), ("spec.data.rows.file", &self.rows)])
    }

    /// The share of the training rows that is held out for validation, if a share says so.
    pub fn validation_share(&self) -> f64 {
        self.split.as_ref().map_or(self.validation_split, |split| split.validation.unwrap_or(0.0))
    }
}

/// The first file that is named. A model without mistakes names one of them.
fn named<'spec>(files: &[(&'static str, &'spec Option<TableFile>)]) -> (&'static str, &'spec str) {
    let named = files.iter().find_map(|(key, file)| Some((*key, file.as_ref()?.file.as_str())));
    named.unwrap_or(("spec.data", ""))
}

impl DataSpec {
    /// Whether rows are held out for validation during training.
    pub fn is_validated(&self) -> bool {
        match self {
            Self::Idx { validation_split, .. } => *validation_split > 0.0,
            Self::Csv(table) | Self::Jsonl(table) | Self::Parquet(table) => {
                let by_column = |split: &Split| matches!(split.by, Some(SplitBy::Column(_)));
                table.validation_share() > 0.0 || table.split.as_ref().is_some_and(by_column)
            }
        }
    }

    /// The share of the training rows that is held out for validation, drawn by the seed of the training. `split` is drawn by its
    /// own seed.
    pub fn validation_split(&self) -> f64 {
        match self {
            Self::Idx { validation_split, .. } => *validation_split,
            Self::Csv(table) | Self::Jsonl(table) | Self::Parquet(table) => table.validation_split,
        }
    }

    /// The tables; `None` if the rows are images.
    pub fn table(&self) -> Option<&TableSpec> {
        match self {
            Self::Idx { .. } => None,
            Self::Csv(table) | Self::Jsonl(table) | Self::Parquet(table) => Some(table),
        }
    }

    /// The tables, to change them.
    pub fn table_mut(&mut self) -> Option<&mut TableSpec> {
        match self {
            Self::Idx { .. } => None,
            Self::Csv(table) | Self::Jsonl(table) | Self::Parquet(table) => Some(table),
        }
    }

    /// The format of the tables; `None` if the rows are images.
    pub fn table_format(&self) -> Option<TableFormat> {
        match self {
            Self::Idx { .. } => None,
            Self::Csv(table) => Some(TableFormat::Csv(table.dialect.unwrap_or_default())),
            Self::Jsonl(_) => Some(TableFormat::Jsonl),
            Self::Parquet(_) => Some(TableFormat::Parquet),
        }
    }

    /// Every file or glob of files, each with the path of its key.
    pub fn files(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Idx { train, test, .. } => vec![
                ("spec.data.train.features", &train.features),
                ("spec.data.train.labels", &train.labels),
                ("spec.data.test.features", &test.features),
                ("spec.data.test.labels", &test.labels),
            ],
            Self::Csv(table) | Self::Jsonl(table) | Self::Parquet(table) => {
                let TableSpec { train, test, rows, recent, .. } = table;
                let files = [
                    ("spec.data.train.file", train),
                    ("spec.data.test.file", test),
                    ("spec.data.rows.file", rows),
                    ("spec.data.recent.file", recent),
                ];
                let named = files.into_iter();
                named.filter_map(|(key, file)| Some((key, file.as_ref()?.file.as_str()))).collect()
            }
        }
    }
}

impl TableFormat {
    /// The character before the fraction of a number in texts of the table.
    pub fn decimal(self) -> Decimal {
        match self {
            Self::Csv(dialect) => dialect.decimal,
            Self::Jsonl | Self::Parquet => Decimal::Point,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cache key contains a digest of this text, so that it must not change for files of earlier releases.
    #[test]
    fn data_of_earlier_releases_are_written_byte_for_byte_as_before() {
        let csv = r#"{"format":"csv","train":{"file":"a.csv"},"test":{"file":"b.csv"},"recent":{"file":"c.csv"},"label":"y","features":["x"],"ignore":["id"],"validation_split":0.2}"#;
        let typed = r#"{"format":"csv","train":{"file":"a.csv"},"test":{"file":"b.csv"},"label":"y","columns":{"x":"number"},"validation_split":0.0}"#;
        let idx = r#"{"format":"idx","train":{"features":"a","labels":"b"},"test":{"features":"c","labels":"d"},"validation_split":0.0}"#;
        for text in [csv, typed, idx] {
            let data: DataSpec = serde_json::from_str(text).expect("data");
            assert_eq!(serde_json::to_string(&data).expect("written"), text);
        }
    }

    #[test]
    fn a_table_names_its_files_once_each() {
        let text = r#"{"format":"parquet","rows":{"file":"all.parquet"},"label":"y","split":{"test":0.2}}"#;
        let data: DataSpec = serde_json::from_str(text).expect("data");
        assert_eq!(data.files(), [("spec.data.rows.file", "all.parquet")]);
        let table = data.table().expect("a table");
        assert_eq!(table.training(), table.testing());
        assert_eq!((data.table_format(), data.is_validated()), (Some(TableFormat::Parquet), false));
    }
}
