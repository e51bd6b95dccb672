//! A model that is trained by a program of its own: the command, its parameters and its outputs. `docs/own-programs.md` describes
//! what the program finds and what it writes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DataSpec, Digest, Model, SampleRequest};

/// A parameter of a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Parameter {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Parameter {
    /// The value in an environment variable: a text as it is, other values as in JSON.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => serde_json::to_string(other).expect("a plain value"),
        }
    }
}

/// The files that a program writes, relative to the folder in `SLIPWAY_OUTPUT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramOutputs {
    /// The trained model, one file of any format. Its SHA-256 is the digest of the artifact.
    pub model: String,
    /// The predictions on the test rows, CSV. Without `evaluation.command`, the command of the training writes them.
    pub predictions: String,
}

/// The report on the run of a program that trained. It is stored in the place of a training report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProgramReport {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// Always `ProgramReport`.
    pub kind: String,
    /// SHA-256 of the model's file.
    pub artifact: Digest,
    /// Size of the model's file in bytes.
    pub artifact_bytes: u64,
    /// The command.
    pub command: Vec<String>,
    /// The seed.
    pub seed: u32,
    /// The stored predictions on the test rows, if the training wrote some.
    pub predictions: Option<StoredPredictions>,
    /// Wall time of the program in seconds.
    pub seconds: f64,
}

/// A document with predictions beside an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoredPredictions {
    /// The name of the document.
    pub name: String,
    /// SHA-256 of the document.
    pub digest: Digest,
}

/// The evaluation of artifacts from predictions that programs made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoringJob {
    /// The model, which names the data and the metrics.
    pub model: Model,
    /// The folder with the model's files.
    pub source: String,
    /// The artifacts. If the predictions of the one with the name `champion` cannot be used, the job writes
    /// `out/champion-fault.json` (a fault of kind `artifact`) instead of a folder and continues.
    pub artifacts: Vec<ScoredArtifact>,
    /// The samples of the data to write into `out/samples/`.
    #[serde(default)]
    pub samples: SampleRequest,
}

/// An artifact with its predictions on the test rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoredArtifact {
    /// The name of its evaluation folder.
    pub name: String,
    /// SHA-256 of its file.
    pub artifact: Digest,
    /// The file of its predictions: CSV with the columns `row` (counted from zero, in the order of the test rows), `prediction`, and
    /// optionally `score_<class>` for each class.
    pub predictions: String,
}

impl ProgramReport {
    /// The value of `kind`.
    pub const KIND: &'static str = "ProgramReport";
}

impl Model {
    /// The command that trains the model, if it is not trained by Slipway.
    pub fn program(&self) -> Option<&[String]> {
        self.spec.training.command.as_deref()
    }

    /// The environment of the model's programs, with the parameters as `SLIPWAY_PARAMETER_NAME`. Paths and the seed of a run are
    /// not part of it.
    pub fn parameter_variables(&self) -> BTreeMap<String, String> {
        let variable = |(name, value): (&String, &Parameter)| {
            (format!("SLIPWAY_PARAMETER_{}", name.to_ascii_uppercase()), value.to_text())
        };
        self.spec.training.parameters.iter().map(variable).collect()
    }

    /// The test table, whose labels a program does not get.
    pub fn test_table(&self) -> Option<&str> {
        match &self.spec.data {
            DataSpec::Csv(table) => table.test.as_ref().map(|test| test.file.as_str()),
            DataSpec::Idx { .. } | DataSpec::Jsonl(_) | DataSpec::Parquet(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_type_and_become_plain_texts() {
        let read = |text: &str| serde_json::from_str::<Parameter>(text).expect(text);
        for (written, expected, text) in [
            ("true", Parameter::Flag(true), "true"),
            ("10", Parameter::Integer(10), "10"),
            ("0.5", Parameter::Number(0.5), "0.5"),
            ("\"10\"", Parameter::Text("10".to_owned()), "10"),
        ] {
            assert_eq!(read(written), expected);
            assert_eq!(expected.to_text(), text);
            assert_eq!(serde_json::to_string(&expected).expect("written"), written);
        }
    }
}
