//! The options of the families for tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The options of gradient boosted trees (Chen and Guestrin, 2016; Ke et al., 2017). Trees are grown leaf by leaf. Categories
/// are split one against the others, or by their order of the mean label (Fisher, 1958). Missing values go to the side that lowers
/// the loss; so do categories that no training row has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TreeOptions {
    /// The most rounds, 1 to 10,000. A round adds a tree; for three or more classes, a tree for each class. By default 1,000 if
    /// there are validation rows, otherwise 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub rounds: Option<u32>,
    /// What the values of each tree are multiplied by, above zero and at most 1.
    pub learning_rate: f64,
    /// The most leaves of a tree, 2 to 4,096.
    #[schemars(range(min = 2, max = 4_096))]
    pub max_leaves: u32,
    /// The most splits between the root of a tree and a leaf, 1 to 64. By default only `max_leaves` limits them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub max_depth: Option<u32>,
    /// The fewest training rows of a leaf, at least 1.
    #[schemars(range(min = 1))]
    pub min_child_rows: u32,
    /// The least sum of the second derivatives of the loss over the rows of a leaf, at least zero.
    pub min_child_weight: f64,
    /// The L2 penalty of the values of leaves, at least zero.
    pub l2: f64,
    /// The share of the training rows that each round uses, drawn by the seed, above zero and at most 1.
    pub subsample: f64,
    /// The share of the columns that each tree uses, drawn by the seed, above zero and at most 1.
    pub column_subsample: f64,
    /// The most thresholds of a column of numbers, plus one, 2 to 255.
    #[schemars(range(min = 2, max = 255))]
    pub max_bins: u32,
}

/// The options of a linear model, which is fitted until the gradient of its objective vanishes. It learns from the encoded columns
/// after the steps of preprocessing, which are `standardize` by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearOptions {
    /// The L2 penalty of the coefficients, at least zero: half of it, times the sum of their squares, is added to the sum of the losses of
    /// all rows. It is `1/C` of scikit-learn's `LogisticRegression` and `alpha` of its `Ridge`.
    pub l2: f64,
}

impl Default for LinearOptions {
    fn default() -> Self {
        Self { l2: 1.0 }
    }
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self {
            rounds: None,
            learning_rate: 0.05,
            max_leaves: 31,
            max_depth: None,
            min_child_rows: 20,
            min_child_weight: 1e-3,
            l2: 1.0,
            subsample: 0.8,
            column_subsample: 0.8,
            max_bins: 255,
        }
    }
}

impl TreeOptions {
    /// The number of rounds without a better value of the metric after which a training ends, if nothing else is said and there are
    /// validation rows.
    pub const PATIENCE: u32 = 100;

    /// The most rounds, or the default.
    pub fn rounds_for(&self, has_validation_rows: bool) -> u32 {
        self.rounds.unwrap_or(if has_validation_rows { 1_000 } else { 200 })
    }
}
