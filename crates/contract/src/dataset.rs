//! Where a model's rows are: the `data` part of `slipway.yaml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Files of rows, by format. Paths are relative to the folder of `slipway.yaml`; a file that starts with gzip's
/// magic bytes is unpacked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "format", rename_all = "snake_case", deny_unknown_fields)]
pub enum DataSpec {
    /// The IDX format of the MNIST database: unsigned bytes, images `[rows, height, width]` and labels `[rows]`.
    Idx {
        /// Rows to learn from.
        train: IdxFiles,
        /// Rows to be judged on.
        test: IdxFiles,
        /// Share of the training rows kept aside to watch training, from 0 up to (not including) 1.
        #[serde(default)]
        validation_split: f64,
    },
    /// Comma-separated values with a header (RFC 4180).
    Csv {
        /// Rows to learn from.
        train: CsvFile,
        /// Rows to be judged on.
        test: CsvFile,
        /// Rows seen lately, which policies compare with the training rows (`drift`). Nothing is learnt from them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recent: Option<CsvFile>,
        /// The column to be predicted.
        label: String,
        /// Columns to learn from; all but the label when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        features: Option<Vec<String>>,
        /// Share of the training rows kept aside to watch training, from 0 up to (not including) 1.
        #[serde(default)]
        validation_split: f64,
    },
}

/// Images and their labels, a file each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdxFiles {
    /// The images.
    pub features: String,
    /// The labels, in the order of the images.
    pub labels: String,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvFile {
    /// The table.
    pub file: String,
}

impl DataSpec {
    /// Share of the training rows kept aside to watch training.
    pub fn validation_split(&self) -> f64 {
        match self {
            Self::Idx { validation_split, .. } | Self::Csv { validation_split, .. } => *validation_split,
        }
    }

    /// Every file named, each with the path of the key that names it.
    pub fn files(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Idx { train, test, .. } => vec![
                ("spec.data.train.features", &train.features),
                ("spec.data.train.labels", &train.labels),
                ("spec.data.test.features", &test.features),
                ("spec.data.test.labels", &test.labels),
            ],
            Self::Csv { train, test, recent, .. } => {
                let recent = recent.iter().map(|recent| ("spec.data.recent.file", recent.file.as_str()));
                [("spec.data.train.file", train.file.as_str()), ("spec.data.test.file", test.file.as_str())]
                    .into_iter()
                    .chain(recent)
                    .collect()
            }
        }
    }
}
