//! The metadata of an artifact, which is sufficient to construct the network again from the file alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::date_format::DateFormat;
use crate::{Digest, ModelFamily, Preprocess, Shape, Task};

/// The key in a safetensors file's `__metadata__` that contains the [`Architecture`] as JSON.
pub const METADATA_KEY: &str = "slipway.architecture";

/// All data that are needed, besides the weights, to compute a prediction. Fitted statistics are stored in the same file as
/// tensors: those of preprocessing as `preprocess.<index>.<name>`, the value that replaces missing numbers of the typed columns as
/// `columns.fill`, and mean and deviation of the label of a regression model as `label.mean` and `label.deviation`. Trees are stored
/// as `trees.<list>`, lists of numbers with an entry for each node. The tensors of an `mlp` are `mlp.<name>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// The task that the network was trained for.
    pub task: Task,
    /// The shape of one row before preprocessing, such as `[1, 28, 28]` or `[30]`.
    pub input: Shape,
    /// The names of the columns, for tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The encodings of the columns, in the order of `columns`, for tables with typed columns. In other tables all columns are
    /// numbers without missing values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encodings: Option<Vec<ColumnEncoding>>,
    /// The classes in the order of the outputs. Empty for a regression model.
    pub classes: Vec<String>,
    /// The number that the outputs are divided by before the softmax, above zero. By default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The score from which on the second of two classes is predicted, as a 32-bit float. By default the class with the higher score
    /// is predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// The steps that are applied to a row before the first layer.
    pub preprocess: Vec<Preprocess>,
    /// The network, or a family for tables.
    pub model: ModelFamily,
}

impl Architecture {
    /// The number of outputs of a family for tables: one for a number, and one for two classes, which is the log-odds of the second.
    /// Other classes have an output each.
    pub fn family_outputs(&self) -> usize {
        if self.task == Task::Regression || self.shares_one_output() { 1 } else { self.classes.len() }
    }

    /// Whether two classes share one output of a family for tables. The score of the first class is then zero.
    pub fn shares_one_output(&self) -> bool {
        self.task == Task::Classification && self.classes.len() == 2
    }
}

/// How the values of one typed column become inputs of the network. The inputs are ordered: first the numbers, then the
/// indicators, then the places of dates, then the binary columns, then the categories, each in the order of the columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ColumnEncoding {
    /// A number. A missing one is replaced.
    Number {
        /// The texts that stand for a missing value, besides the empty one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// Whether a second input is 1 where the value is missing and 0 elsewhere.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        indicator: bool,
    },
    /// A date, as days since 1970-01-01. A missing one is replaced. Beside it stand the sine and the cosine of its place in the year of
    /// 365.2425 days and in the week, and of its place in the day if training rows have times of day. They are 0 if it is missing.
    Date {
        /// The texts that stand for a missing value, besides the empty one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// The form of the dates. By default they are those of ISO 8601.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        format: Option<DateFormat>,
        /// Whether another input is 1 where the value is missing and 0 elsewhere.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        indicator: bool,
        /// Whether training rows have times of day.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        has_time: bool,
    },
    /// One of two texts: -1 and 1. A missing and an unseen value are 0.
    Binary {
        /// The texts that stand for a missing value, besides the empty one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// The text for -1 and the text for 1.
        values: [String; 2],
    },
    /// A text: an input for each category. An unseen value is 0 in all of them.
    Category {
        /// The texts that stand for a missing value, besides the empty one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// The categories of the training rows, by falling number of rows, then by their bytes. For trees, by the rising mean of the label
        /// (or the share of a class), so that trees compare codes.
        values: Vec<String>,
        /// Whether one more input is 1 where the value is missing. Otherwise a missing value is encoded like an unseen one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        indicator: bool,
    },
}

impl ColumnEncoding {
    /// The number of inputs that the column becomes.
    pub fn width(&self) -> usize {
        match self {
            Self::Number { indicator, .. } => 1 + usize::from(*indicator),
            Self::Date { indicator, .. } => 1 + usize::from(*indicator) + 2 * self.periods().len(),
            Self::Binary { .. } => 1,
            Self::Category { values, indicator, .. } => values.len() + usize::from(*indicator),
        }
    }

    /// The periods in days of which the place of a date is an input; none of other columns.
    pub fn periods(&self) -> &'static [f64] {
        /// The mean year of the Gregorian calendar, a week, and a day.
        const PERIODS: [f64; 3] = [365.2425, 7.0, 1.0];
        match self {
            Self::Date { has_time: true, .. } => &PERIODS,
            Self::Date { .. } => &PERIODS[..2],
            Self::Number { .. } | Self::Binary { .. } | Self::Category { .. } => &[],
        }
    }

    /// Whether another input says that a number or a date is missing.
    pub fn has_indicator(&self) -> bool {
        matches!(self, Self::Number { indicator: true, .. } | Self::Date { indicator: true, .. })
    }

    /// The texts that stand for a missing value, besides the empty one.
    pub fn missing(&self) -> &[String] {
        match self {
            Self::Number { missing, .. }
            | Self::Date { missing, .. }
            | Self::Binary { missing, .. }
            | Self::Category { missing, .. } => missing,
        }
    }

    /// The texts of the column in the order of their codes, which count from zero; `None` if it has numbers.
    pub fn values(&self) -> Option<&[String]> {
        match self {
            Self::Number { .. } | Self::Date { .. } => None,
            Self::Binary { values, .. } => Some(values),
            Self::Category { values, .. } => Some(values),
        }
    }
}

/// `card.json`: the facts about an artifact for its users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelCard {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// Always `ModelCard`.
    pub kind: String,
    /// The model's name.
    pub name: String,
    /// SHA-256 of the weights.
    pub artifact: Digest,
    /// The architecture.
    pub architecture: Architecture,
    /// The training settings, as in its `slipway.yaml`.
    pub training: crate::TrainingSpec,
    /// The number of training rows of each class. Empty for a regression model.
    pub rows_by_class: Vec<(String, u64)>,
    /// The number of trained parameters.
    pub parameters: u64,
}
