//! `export.json`: whether an artifact has a `model.onnx`, and how far that file was compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// What the trainer wrote beside the weights for other programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportReport {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// Always `ExportReport`.
    pub kind: String,
    /// SHA-256 of the weights file.
    pub artifact: Digest,
    /// `model.onnx`.
    pub onnx: OnnxExport,
}

/// Whether there is a `model.onnx`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum OnnxExport {
    /// It was written. The trainer read it back, computed its nodes for rows of the training, and found the artifact's predictions.
    Written {
        /// SHA-256 of the file.
        digest: Digest,
        /// Its size in bytes.
        bytes: u64,
        /// The number of rows whose predictions were compared.
        rows: u64,
        /// The largest difference of a probability, or of a number.
        largest_difference: f64,
    },
    /// It was not written.
    LeftOut {
        /// Why.
        reason: String,
    },
}
