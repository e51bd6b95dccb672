//! What the trainer says while it works: one JSON object a line on standard output.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// One line of the trainer's progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Progress {
    /// A part of the work began.
    Stage {
        /// In words, such as `reading data`.
        text: String,
    },
    /// A share of an epoch is done.
    Step {
        /// The epoch, from one.
        epoch: u32,
        /// Epochs in all.
        epochs: u32,
        /// Steps done within the epoch.
        step: u64,
        /// Steps of an epoch.
        steps: u64,
    },
    /// An epoch is done.
    Epoch {
        /// The epoch, from one.
        epoch: u32,
        /// Epochs in all.
        epochs: u32,
        /// Mean training loss of this epoch.
        training_loss: f64,
        /// Accuracy on the rows kept aside, if there are any.
        validation_accuracy: Option<f64>,
        /// Seconds this epoch took.
        seconds: f64,
    },
    /// The work is done and its files lie in the output folder.
    Done,
    /// The work ended without a result. The last line.
    Failed {
        /// What went wrong.
        fault: Fault,
    },
}
