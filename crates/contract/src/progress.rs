//! The trainer's progress: one JSON object for each line on standard output.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fault;
use crate::metrics::Metric;

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
        /// The accuracy on the validation rows, if there are any and the task is classification.
        validation_accuracy: Option<f64>,
        /// The metric by which epochs are compared, on the validation rows, if there are any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation: Option<ValidationResult>,
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

impl Progress {
    /// What an epoch gave, for people: `loss 0.1234, validation accuracy 0.9000, log_loss 0.3000`; `None` for other progress.
    pub fn epoch_results(&self) -> Option<String> {
        let Self::Epoch { training_loss, validation_accuracy, validation, .. } = self else { return None };
        let accuracy = validation_accuracy.map(|accuracy| format!("validation accuracy {accuracy:.4}"));
        let compared = validation.as_ref().filter(|result| result.metric != Metric::Accuracy);
        let compared = compared.map(|ValidationResult { metric, value }| format!("validation {metric} {value:.4}"));
        let parts = [Some(format!("loss {training_loss:.4}")), accuracy, compared];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// The value of a metric on the validation rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidationResult {
    /// The metric.
    pub metric: Metric,
    /// Its value.
    pub value: f64,
}
