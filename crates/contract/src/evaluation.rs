//! The settings of an evaluation, and its report.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::Metric;
use crate::{Baseline, Digest};

/// The `evaluation` part of `slipway.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSpec {
    /// Metrics that the report states besides `accuracy` (classification) or `root_mean_squared_error` (regression), which it always
    /// states.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// Columns of the test table that a policy may use for slices and groups. `label` is always available. Their values are
    /// copied into the predictions unchanged. They need not be among the features.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<String>,
    /// Families that are trained on the same rows with their default options, and evaluated beside the candidate. A policy can
    /// demand that the model is better than one of them (`better_than_baseline`). Only for tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<Baseline>,
    /// The program that predicts the test rows with the model's file in `SLIPWAY_MODEL`, and its arguments. It is run for the
    /// candidate and for the champion. Only for models with `training.command`; by default that command writes the predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
}

impl EvaluationSpec {
    /// The columns that predictions always have.
    pub const OWN_COLUMNS: [&'static str; 3] = ["row", "label", "prediction"];

    /// Whether rows can be grouped by a column of their predictions.
    pub fn provides(&self, column: &str) -> bool {
        ["label", "prediction"].contains(&column) || self.slices.iter().any(|slice| slice == column)
    }

    /// The columns of the test table that are copied into the predictions.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.slices.iter().map(String::as_str).filter(|column| *column != "label")
    }
}

/// `report.json` of an evaluation folder. The folder also contains `predictions.parquet` or `predictions.csv`, from which every
/// figure of the report can be recomputed. A classifier's file has the columns `row`, `label`, `prediction` (classes) and
/// `score_<class>` (numbers). A regression model's file has `row`, `label`, `prediction` and `quantile_<share>` (numbers). Other
/// columns are attributes that rows may be grouped by. `docs/evaluation-folders.md` describes the folder.
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
    /// Version of the evaluator. Two reports are comparable only if their versions are equal.
    pub evaluator: String,
    /// Number of test rows.
    pub rows: u64,
    /// The classes in the order of the scores. Empty for a regression model.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The value of each metric over all rows.
    pub metrics: BTreeMap<Metric, f64>,
    /// `cpu` or `cuda`.
    pub device: String,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// `baselines.json`, beside the candidate's `report.json`: what predictions without a model reach on the same test rows. It is a
/// document of its own, because servers of earlier releases refuse reports with keys that they do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BaselineReport {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// Always `BaselineReport`.
    pub kind: String,
    /// SHA-256 of the weights file of the evaluation.
    pub artifact: Digest,
    /// The metrics of the report, by the name of the baseline: `class_frequencies` predicts the share of each class among the training
    /// rows, `mean` and `median` those of their labels. Families of `evaluation.baselines` follow under their names; their
    /// predictions are in `baselines/NAME/`. A metric that is undefined for a baseline is left out.
    pub baselines: BTreeMap<String, BTreeMap<Metric, f64>>,
}

impl BaselineReport {
    /// The name of its file.
    pub const FILE: &'static str = "baselines.json";
}
