//! `slipway.yaml`: the description of one model.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::Metric;
use crate::preprocess::{deserialize_steps, schema_of_steps};
use crate::{DataSpec, EvaluationSpec, ModelFamily, Preprocess, Selection, TrainingSpec};

/// The value of `apiVersion` in every file of Slipway.
pub const API_VERSION: &str = "slipway.dev/v1alpha1";

/// One model: the content of a `slipway.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Model {
    /// Always `slipway.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: String,
    /// Always `Model`.
    pub kind: ModelKind,
    /// The model's name.
    pub metadata: Metadata,
    /// The data, the network, its training and its evaluation.
    pub spec: ModelSpec,
}

/// The only kind of a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ModelKind {
    /// A model file.
    Model,
}

/// The name of a resource, as in Kubernetes objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Lower-case letters, digits and hyphens, at most 63 characters (an RFC 1123 label).
    pub name: ModelName,
}

/// The data, the network, its training and its evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Globs of the files that belong to the model, relative to the folder of its `slipway.yaml`. A modification of these files
    /// starts a training, and only these files are given to the trainer. `*` matches within a folder, `**` across folders.
    #[schemars(length(min = 1))]
    pub paths: Vec<String>,
    /// The task of the model.
    pub task: Task,
    /// The files of the rows.
    pub data: DataSpec,
    /// The steps that are applied to every row before the first layer, in order; or `auto`.
    #[serde(default, deserialize_with = "deserialize_steps")]
    #[schemars(schema_with = "schema_of_steps")]
    pub preprocess: Vec<Preprocess>,
    /// The network, or a family for tables. A model with `training.command` has none.
    #[serde(default, skip_serializing_if = "ModelFamily::is_empty")]
    pub model: ModelFamily,
    /// The settings of the training.
    #[serde(default)]
    pub training: TrainingSpec,
    /// Settings that are tried on the validation rows before the training. By default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// The settings of the evaluation on the test rows.
    #[serde(default)]
    pub evaluation: EvaluationSpec,
    /// The policy file, relative to the folder of `slipway.yaml`. It is read from the revision before the pull request.
    pub policy: String,
}

/// The task of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Predicts one of several classes for each row.
    Classification,
    /// Predicts a number for each row.
    Regression,
}

impl Task {
    /// Its name in `slipway.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
        }
    }

    /// The metric that every evaluation states.
    pub fn stated_metric(self) -> Metric {
        match self {
            Self::Classification => Metric::Accuracy,
            Self::Regression => Metric::RootMeanSquaredError,
        }
    }
}

/// A model's name: an RFC 1123 label, so that it is valid in names of Kubernetes objects, branches and addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"))]
pub struct ModelName(String);

/// A text that is not a valid model name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a valid name of a model: expected 1 to 63 lower-case letters, digits or dashes, with a letter or digit at both ends"
)]
pub struct NotAModelName {
    text: String,
}

impl ModelName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = NotAModelName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let alphanumeric = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
        let bytes = text.as_bytes();
        let valid = bytes.len() <= 63
            && bytes.first().is_some_and(alphanumeric)
            && bytes.last().is_some_and(alphanumeric)
            && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-');
        if valid { Ok(Self(text.to_owned())) } else { Err(NotAModelName { text: text.chars().take(80).collect() }) }
    }
}

impl TryFrom<String> for ModelName {
    type Error = NotAModelName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_kubernetes_would_refuse_are_refused() {
        let long = "a".repeat(64);
        for text in ["", "-a", "a-", "A", "a_b", "a.b", "a/b", "é", &long] {
            assert!(text.parse::<ModelName>().is_err(), "{text}");
        }
        for text in ["a", "0", "digits", "credit-risk-2", &long[..63]] {
            assert_eq!(text.parse::<ModelName>().expect(text).as_str(), text);
        }
    }
}
