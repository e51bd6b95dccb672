//! The settings of a training, and its report.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::Metric;
use crate::{Calibration, ClassWeights, Digest, EarlyStopping, Keep, Loss, Parameter, ProgramOutputs, Task};

/// Changes when the trainer gives other weights for the same specification and data. It is a part of the cache key.
pub const RESULTS_REVISION: u32 = 2;

/// The `training` part of `slipway.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// The optimizer. `sequential` needs one; families have none to choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<Optimizer>,
    /// The number of passes over the training rows, 1 to 10,000. `sequential` needs it. By default 256 for `mlp`; other families have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub epochs: Option<u32>,
    /// The number of rows of each step, 1 to 65,536. `sequential` needs it. By default 256 for `mlp`; other families have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_536))]
    pub batch_size: Option<u32>,
    /// The seed of the initial weights, the order of rows and dropout, and of the rows and columns that trees use. The same seed, thread count and build give the same
    /// weights, bit for bit.
    #[serde(default)]
    pub seed: u32,
    /// What is minimised. By default `cross_entropy` for classification and `squared_error` for regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// The weights of the classes in the loss. By default all are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// The share of each label that is spread evenly over all classes, from 0 up to (not including) 1 (Szegedy et al., 2016).
    /// `mlp` has an option of this name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label_smoothing: f64,
    /// How the scores of classes are corrected on the validation rows after training. By default they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// The metric of predicted classes that the threshold of the second of two classes maximises on the validation rows. By default
    /// the class with the higher score is predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Metric>,
    /// The epoch (of trees: the round) whose weights are kept. By default the best if there are validation rows, otherwise the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// The metric on the validation rows by which epochs are compared. By default `log_loss` for classification and
    /// `root_mean_squared_error` for regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// When the training ends before its last epoch or round. By default trees wait 100 rounds if there are validation rows, and
    /// networks do not end before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// The program that trains the model instead of Slipway, and its arguments. Its working folder is the folder of `slipway.yaml`.
    /// The server's settings must allow commands for the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// The image in which the command runs. It is reserved: images are refused for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The parameters of the command: truth values, whole numbers, numbers and texts. It finds them in the file in
    /// `SLIPWAY_PARAMETERS` and as `SLIPWAY_PARAMETER_NAME`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// The files that the command writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<ProgramOutputs>,
    /// The file that pins the versions of the command's packages, such as `requirements.lock`. It must exist and be among `paths`,
    /// so that a change of it trains again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_file: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

impl TrainingSpec {
    /// The loss, or the default of the task.
    pub fn loss_for(&self, task: Task) -> Loss {
        self.loss.unwrap_or(match task {
            Task::Classification => Loss::CrossEntropy,
            Task::Regression => Loss::SquaredError,
        })
    }

    /// The metric by which epochs are compared, or the default of the task.
    pub fn metric_for(&self, task: Task) -> Metric {
        self.metric.clone().unwrap_or(match task {
            Task::Classification => Metric::LogLoss,
            Task::Regression => Metric::RootMeanSquaredError,
        })
    }
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
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019), with betas 0.9 and 0.999 and epsilon 1e-8.
    #[serde(rename = "adamw")]
    AdamW {
        /// The step size, above zero.
        learning_rate: f64,
        /// The share of each parameter that is subtracted in a step, times the step size, at least zero.
        #[serde(default = "usual_decay")]
        weight_decay: f64,
    },
}

fn usual_decay() -> f64 {
    0.01
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
    /// Number of trained parameters; for trees, of nodes.
    pub parameters: u64,
    /// SHA-256 over the training and test files, in the order in which the specification names them.
    pub data: Digest,
    /// Number of training rows.
    pub training_rows: u64,
    /// Number of validation rows.
    pub validation_rows: u64,
    /// Number of epochs, or of rounds of trees, that were trained.
    pub epochs: u32,
    /// Mean training loss of the kept epoch or round.
    pub training_loss: f64,
    /// Accuracy on the validation rows after the kept epoch or round, if there were any and the task is classification.
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
