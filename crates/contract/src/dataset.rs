//! The `data` part of `slipway.yaml`: the files that contain a model's rows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Column;

/// Files of rows, by format. Paths are relative to the folder of `slipway.yaml`. A file that starts with gzip's magic bytes is
/// decompressed.
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
    /// Comma-separated values with a header (RFC 4180).
    Csv(TableSpec),
}

/// Tables, and the roles of their columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// Rows for training.
    pub train: CsvFile,
    /// Rows for testing.
    pub test: CsvFile,
    /// Recent rows, which policies compare with the training rows (`drift`). They are not used for training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recent: Option<CsvFile>,
    /// The column to predict: classes, or numbers if the task is `regression`.
    pub label: String,
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
    /// Share of the training rows that is held out for validation during training, from 0 up to (not including) 1.
    #[serde(default)]
    pub validation_split: f64,
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
pub struct CsvFile {
    /// The file of the table.
    pub file: String,
}

impl DataSpec {
    /// The share of the training rows that is held out for validation.
    pub fn validation_split(&self) -> f64 {
        match self {
            Self::Idx { validation_split, .. } => *validation_split,
            Self::Csv(table) => table.validation_split,
        }
    }

    /// The tables; `None` if the rows are images.
    pub fn table(&self) -> Option<&TableSpec> {
        match self {
            Self::Idx { .. } => None,
            Self::Csv(table) => Some(table),
        }
    }

    /// Every file, each with the path of its key.
    pub fn files(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Idx { train, test, .. } => vec![
                ("spec.data.train.features", &train.features),
                ("spec.data.train.labels", &train.labels),
                ("spec.data.test.features", &test.features),
                ("spec.data.test.labels", &test.labels),
            ],
            Self::Csv(TableSpec { train, test, recent, .. }) => {
                let recent = recent.iter().map(|recent| ("spec.data.recent.file", recent.file.as_str()));
                [("spec.data.train.file", train.file.as_str()), ("spec.data.test.file", test.file.as_str())]
                    .into_iter()
                    .chain(recent)
                    .collect()
            }
        }
    }
}
