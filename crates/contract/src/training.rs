//! The settings of a training, and its report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// The `training` part of `slipway.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The number of passes over the training rows, 1 to 10,000.
    #[schemars(range(min = 1, max = 10_000))]
    pub epochs: u32,
    /// The number of rows of each step, 1 to 65,536.
    #[schemars(range(min = 1, max = 65_536))]
    pub batch_size: u32,
    /// The seed of the initial weights, the order of rows and dropout. The same seed, thread count and build give the same
    /// weights, bit for bit.
    #[serde(default)]
    pub seed: u32,
}

/// The optimizer. Its defaults are those of PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd {
        /// The step size, above zero.
        learning_rate: f64,
        /// The share of the last step that is kept, from 0 up to (not including) 1.
        #[serde(default)]
        momentum: f64,
        /// The L2 penalty that is added to the gradient, at least zero.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam (Kingma and Ba, 2015), with betas 0.9 and 0.999 and epsilon 1e-8.
    Adam {
        /// The step size, above zero.
        learning_rate: f64,
        /// The L2 penalty that is added to the gradient, at least zero.
        #[serde(default)]
        weight_decay: f64,
    },
}

/// The report that the trainer writes beside the weights.
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
    /// Number of training rows.
    pub training_rows: u64,
    /// Number of validation rows.
    pub validation_rows: u64,
    /// Number of epochs.
    pub epochs: u32,
    /// Mean training loss of the last epoch.
    pub training_loss: f64,
    /// Accuracy on the validation rows after the last epoch, if there were any.
    pub validation_accuracy: Option<f64>,
    /// `cpu` or `cuda`.
    pub device: String,
    /// Number of threads for computing.
    pub threads: u32,
    /// The seed.
    pub seed: u32,
    /// Version of the trainer.
    pub trainer: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// Wall time of training in seconds, without the loading of data and of libtorch.
    pub seconds: f64,
}
