//! The trainer's progress: one JSON object for each line on standard output.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// One line of the trainer's progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Progress {
    /// A part of the work began.
    Stage {
        /// Its description, such as `reading data`.
        text: String,
    },
    /// Part of an epoch is done.
    Step {
        /// The epoch, counted from one.
        epoch: u32,
        /// The number of epochs.
        epochs: u32,
        /// The steps done in the epoch.
        step: u64,
        /// The steps of an epoch.
        steps: u64,
    },
    /// An epoch is done.
    Epoch {
        /// The epoch, counted from one.
        epoch: u32,
        /// The number of epochs.
        epochs: u32,
        /// The mean training loss of this epoch.
        training_loss: f64,
        /// The accuracy on the validation rows, if there are any.
        validation_accuracy: Option<f64>,
        /// The duration of this epoch in seconds.
        seconds: f64,
    },
    /// The work is done, and its files are in the output folder.
    Done,
    /// The work ended without a result. This is the last line.
    Failed {
        /// The fault.
        fault: Fault,
    },
}
