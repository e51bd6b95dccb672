//! What an artifact carries besides weights: enough to build the network again from the file alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Digest, LayerStack, Preprocess, Shape, Task};

/// The key in a safetensors file's `__metadata__` that holds the [`Architecture`] as JSON.
pub const METADATA_KEY: &str = "slipway.architecture";

/// All that is needed, with the weights, to compute a prediction. Fitted preprocessing (means and deviations) lies in
/// the same file as tensors named `preprocess.<index>.mean` and `preprocess.<index>.deviation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// What the network was trained for.
    pub task: Task,
    /// Shape of one row before preprocessing, such as `[1, 28, 28]` or `[30]`.
    pub input: Shape,
    /// Names of the columns, for tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The classes in the order of the outputs.
    pub classes: Vec<String>,
    /// What happens to a row before the first layer.
    pub preprocess: Vec<Preprocess>,
    /// The network.
    pub model: LayerStack,
}

/// `card.json`: what a person should know before using the artifact.
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
    /// How it is built.
    pub architecture: Architecture,
    /// How it was trained, in the words of its `slipway.yaml`.
    pub training: crate::TrainingSpec,
    /// Rows learnt from, by class.
    pub rows_by_class: Vec<(String, u64)>,
    /// Number of trained parameters.
    pub parameters: u64,
}
