//! How a trainer says what went wrong, so that the controller can point at the place in the user's file.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose mistake it is, which decides what happens to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The specification cannot be trained as written: the run is refused.
    Specification,
    /// The data is damaged or does not fit: the run failed.
    Data,
    /// The artifact to be evaluated cannot be used.
    Artifact,
    /// Memory ran out.
    Memory,
    /// Anything else: our own fault.
    Internal,
}

/// One thing that went wrong in the trainer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// Whose mistake it is.
    pub kind: FaultKind,
    /// The key of `slipway.yaml` it is about, such as `spec.model.sequential[3]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The data file it is about, by its path from the model's folder; row or byte are in the message where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of that file, from one, if it is a table and the fault is of one row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Which of the job's expectations it is about, by its place among them: its own place is in a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<u32>,
    /// What was expected and what came: lower case, no full stop.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Fault {
    /// A fault of `kind`, with nothing but its message.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, key: None, file: None, line: None, expectation: None, message: message.into(), help: None }
    }

    /// The same fault, about a key of `slipway.yaml`.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same fault, about a data file.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same fault, at a line of its data file, from one.
    #[must_use]
    pub fn line(mut self, line: u64) -> Self {
        // No file that is read has as many lines as would not fit.
        self.line = u32::try_from(line).ok();
        self
    }

    /// The same fault, with a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key that names a file says less than the file.
        if let Some(place) = self.file.as_ref().or(self.key.as_ref()) {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
