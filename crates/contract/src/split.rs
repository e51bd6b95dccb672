//! The `split` part of `slipway.yaml`: which rows are held out for validation and for testing, and how they are chosen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which rows are held out. The same rows, seed and settings give the same parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// How the rows are chosen. By default `stratified` for classification and `random` for regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SplitBy>,
    /// The share of the rows that is only for testing, above 0 and below 1. Only for a table with `rows`; not with
    /// `by: {column: …}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<f64>,
    /// The share of the other rows that is held out for validation during training, from 0 up to (not including) 1. Not with
    /// `by: {column: …}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// The seed of the choice. It does not depend on the seed of the training.
    #[serde(default)]
    pub seed: u32,
}

/// How rows are chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// At random.
    Random,
    /// At random, the same share of every class.
    Stratified,
    /// At random by groups: all rows with one value of this column are in one part.
    Group(String),
    /// By time: the last rows by this column are for testing, those before them for validation. Its values are numbers, or dates
    /// and times in the form of ISO 8601. Rows with one value are in one part.
    Time(String),
    /// By a column that names the part of each row: `train`, `validation` or `test`.
    Column(String),
}

impl SplitBy {
    /// The column that decides, if one does.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Random | Self::Stratified => None,
            Self::Group(column) | Self::Time(column) | Self::Column(column) => Some(column),
        }
    }
}
