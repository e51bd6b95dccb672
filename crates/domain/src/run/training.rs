//! The training of a run: the inputs that decide its result, and the trained artifact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

use crate::{Diagnostic, RunId};

/// The data of a run's training. Nothing is known before the run is planned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunTraining {
    /// Digest of everything that decides the result of training.
    pub cache_key: Option<Digest>,
    /// The inputs of the cache key, part by part.
    pub cache_key_parts: BTreeMap<String, String>,
    /// Why an artifact was reused, or why a new one was necessary.
    pub reuse: Option<String>,
    /// The trained weights.
    pub artifact: Option<Digest>,
    /// The run whose artifact was reused, because its cache key is the same.
    pub reused_from: Option<RunId>,
    /// The report of the training.
    pub report: Option<Document>,
    /// The cost of the artifact; known once it is judged.
    pub cost: Option<TrainingCost>,
    /// Trainings with other seeds, if the policy requires them.
    pub seeds: Vec<SeedRun>,
    /// What the trainer warned of before it trained, with places in the files of the source repository.
    pub warnings: Vec<Diagnostic>,
}

/// A document beside an artifact's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its name there.
    pub name: String,
    /// Its own digest.
    pub digest: Digest,
}

/// The cost of a training and of its artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingCost {
    /// Time spent training, in seconds.
    pub seconds: f64,
    /// The device: `cpu` or `cuda`.
    pub device: String,
    /// Trained parameters.
    pub parameters: u64,
    /// Size of the weights, in bytes.
    pub bytes: u64,
}

/// A training of the run's model with another seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedRun {
    /// The seed.
    pub seed: u32,
    /// Digest of everything that decides the result of training.
    #[serde(rename = "run_key")]
    pub cache_key: Digest,
    /// The trained weights.
    pub artifact: Digest,
}
