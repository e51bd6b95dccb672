//! What policies will ask of the rows of a model: handed to whoever reads the rows, so that a question that no row can answer is
//! found before anything is trained.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Metric;

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// What is asked.
    pub asked: Asked,
    /// Whether no candidate could pass if no row answers it. Else that is only warned of.
    pub refuses: bool,
}

/// What is asked of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// A metric of predictions, which the test rows have to define.
    Metric(Metric),
    /// The test rows that have one of some values in each of some columns; `label` and `prediction` are columns.
    Where(BTreeMap<String, Vec<String>>),
    /// The test rows of every class.
    EachLabel,
    /// A column of both the training and the recent rows.
    Drift(String),
}
