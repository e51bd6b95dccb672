//! How a model is trained, and what training reports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// The `training` part of `slipway.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// How weights follow the gradient.
    pub optimizer: Optimizer,
    /// Passes over the training rows, 1 to 10,000.
    #[schemars(range(min = 1, max = 10_000))]
    pub epochs: u32,
    /// Rows a step, 1 to 65,536.
    #[schemars(range(min = 1, max = 65_536))]
    pub batch_size: u32,
    /// Decides initial weights, order of rows and dropout. Same seed, thread count and build: same weights, bit for bit.
    #[serde(default)]
    pub seed: u32,
}

/// How weights follow the gradient. Defaults are PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd {
        /// Step size, above zero.
        learning_rate: f64,
        /// Share of the last step that is kept, from 0 up to (not including) 1.
        #[serde(default)]
        momentum: f64,
        /// L2 penalty added to the gradient, at least zero.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam (Kingma and Ba, 2015), with betas 0.9 and 0.999 and epsilon 1e-8.
    Adam {
        /// Step size, above zero.
        learning_rate: f64,
        /// L2 penalty added to the gradient, at least zero.
        #[serde(default)]
        weight_decay: f64,
    },
}

/// What the trainer writes beside the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrainingReport {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// Always `TrainingReport`.
    pub kind: String,
    /// SHA-256 of the weights file.
    pub artifact: Digest,
    /// Size of the weights file in bytes.
    pub artifact_bytes: u64,
    /// Number of trained parameters.
    pub parameters: u64,
    /// SHA-256 over the training and test files, in the order in which the specification names them.
    pub data: Digest,
    /// Rows learnt from.
    pub training_rows: u64,
    /// Rows kept aside to watch training.
    pub validation_rows: u64,
    /// Epochs done.
    pub epochs: u32,
    /// Mean training loss of the last epoch.
    pub training_loss: f64,
    /// Accuracy on the rows kept aside after the last epoch, if there were any.
    pub validation_accuracy: Option<f64>,
    /// `cpu` or `cuda`.
    pub device: String,
    /// Threads used for computing.
    pub threads: u32,
    /// Seed used.
    pub seed: u32,
    /// Version of the trainer.
    pub trainer: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// Wall time of training in seconds, without loading of data and libtorch.
    pub seconds: f64,
}
