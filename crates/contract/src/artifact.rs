//! The metadata of an artifact, which is sufficient to construct the network again from the file alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Digest, LayerStack, Preprocess, Shape, Task};

/// The key in a safetensors file's `__metadata__` that contains the [`Architecture`] as JSON.
pub const METADATA_KEY: &str = "slipway.architecture";

/// All data that are needed, besides the weights, to compute a prediction. Fitted preprocessing (means and deviations) is stored
/// in the same file as tensors named `preprocess.<index>.mean` and `preprocess.<index>.deviation`.
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
    /// The classes in the order of the outputs.
    pub classes: Vec<String>,
    /// The steps that are applied to a row before the first layer.
    pub preprocess: Vec<Preprocess>,
    /// The network.
    pub model: LayerStack,
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
    /// The number of training rows of each class.
    pub rows_by_class: Vec<(String, u64)>,
    /// The number of trained parameters.
    pub parameters: u64,
}
