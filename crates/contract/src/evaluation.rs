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
}

/// `report.json` of an evaluation folder. Beside it lies `predictions.parquet`, from which every figure here can be computed
/// again. A classifier's has the columns `row`, `label`, `prediction` (texts) and `score_<class>` (floats); a regressor's has
/// `row` (text), `label`, `prediction` and `quantile_<share>` (floats). Other columns are attributes that rows may be grouped by.
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
