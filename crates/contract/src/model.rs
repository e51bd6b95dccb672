//! `slipway.yaml`: what a user writes to describe one model.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DataSpec, EvaluationSpec, LayerStack, Preprocess, TrainingSpec};

/// The version every Slipway file names in `apiVersion`.
pub const API_VERSION: &str = "slipway.dev/v1alpha1";

/// One model: the whole of a `slipway.yaml`.
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
    /// What is trained, on what, and how it is judged.
    pub spec: ModelSpec,
}

/// The only kind a model file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ModelKind {
    /// A model file.
    Model,
}

/// Names a thing, as Kubernetes objects do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Lower-case letters, digits and dashes, at most 63 characters (an RFC 1123 label).
    pub name: ModelName,
}

/// What is trained, on what, and how it is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Globs of the files that make this model rebuild, relative to the folder of its `slipway.yaml`. Only these
    /// files reach the trainer. `*` stays within a folder, `**` does not.
    #[schemars(length(min = 1))]
    pub paths: Vec<String>,
    /// What is learnt.
    pub task: Task,
    /// Where the rows are.
    pub data: DataSpec,
    /// What happens to every row before the first layer, in order.
    #[serde(default)]
    pub preprocess: Vec<Preprocess>,
    /// The network.
    pub model: LayerStack,
    /// How it is trained.
    pub training: TrainingSpec,
    /// What is measured on the test rows.
    #[serde(default)]
    pub evaluation: EvaluationSpec,
    /// The policy file, relative to the folder of `slipway.yaml`. It is read from the revision before the change.
    pub policy: String,
}

/// What is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One class of several for each row.
    Classification,
}

/// A model's name: an RFC 1123 label, so that it can stand in Kubernetes names, branches and addresses as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"))]
pub struct ModelName(String);

/// A text that cannot name a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` cannot name a model: expected 1 to 63 lower-case letters, digits or dashes, with a letter or digit at both ends"
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
