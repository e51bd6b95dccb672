//! What is measured on the test rows, and the report of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::metrics::Metric;

/// The `evaluation` part of `slipway.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSpec {
    /// Metrics the report states; `accuracy` when absent.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// Columns of the test table by which a policy may slice and group rows; `label` is always there. They go into the
    /// predictions as they stand in the table, and need not be among the columns that are learnt from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<String>,
}

impl EvaluationSpec {
    /// Columns that predictions have of themselves, whatever the data hold.
    pub const OWN_COLUMNS: [&'static str; 3] = ["row", "label", "prediction"];

    /// Whether rows can be grouped by a column of their predictions.
    pub fn provides(&self, column: &str) -> bool {
        ["label", "prediction"].contains(&column) || self.slices.iter().any(|slice| slice == column)
    }

    /// The columns of the test table that go into the predictions.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.slices.iter().map(String::as_str).filter(|column| *column != "label")
    }
}

/// `report.json` of an evaluation folder. Beside it lies `predictions.parquet` or `predictions.csv`, from which every figure
/// here can be computed again. A classifier's has the columns `row`, `label`, `prediction` (classes) and `score_<class>`
/// (numbers); a regressor's has `row`, `label`, `prediction` and `quantile_<share>` (numbers). Other columns are attributes that
/// rows may be grouped by. `docs/evaluation-folders.md` describes the folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvaluationReport {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// Always `EvaluationReport`.
    pub kind: String,
    /// SHA-256 of the evaluated weights.
    pub artifact: Digest,
    /// SHA-256 over the test files, in the order in which the specification names them.
    pub data: Digest,
    /// Version of the evaluator: two reports are comparable only if it is the same.
    pub evaluator: String,
    /// Number of test rows.
    pub rows: u64,
    /// The classes, in the order of the scores; none for a regressor.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Each metric's value over all rows.
    pub metrics: BTreeMap<Metric, f64>,
    /// `cpu` or `cuda`.
    pub device: String,
    /// Wall time in seconds.
    pub seconds: f64,
}
