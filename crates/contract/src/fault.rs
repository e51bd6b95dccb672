//! The faults that a trainer reports. The controller shows them at their place in the user's file.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The origin of a fault. It decides what happens to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The specification cannot be trained as written. The run is refused.
    Specification,
    /// The data are damaged or unsuitable. The run fails.
    Data,
    /// The artifact to evaluate cannot be used.
    Artifact,
    /// Memory ran out.
    Memory,
    /// Any other cause, which is a fault of Slipway itself.
    Internal,
}

/// One fault that the trainer found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// The origin.
    pub kind: FaultKind,
    /// The key of `slipway.yaml` that it refers to, such as `spec.model.sequential[3]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The data file that it refers to, by its path relative to the model's folder. The message contains the row or byte if
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of that file, counted from one, if the file is a table and the fault concerns one row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The index of the job's expectation that it refers to. The position of the expectation itself is in a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<u32>,
    /// What was expected and what was found: lower case, no full stop.
    pub message: String,
    /// What the user should do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Fault {
    /// A fault of `kind` with only a message.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, key: None, file: None, line: None, expectation: None, message: message.into(), help: None }
    }

    /// The same fault, for a key of `slipway.yaml`.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same fault, for a data file.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same fault, at a line of its data file, counted from one.
    #[must_use]
    pub fn line(mut self, line: u64) -> Self {
        // No readable file has more lines than fit.
        self.line = u32::try_from(line).ok();
        self
    }

    /// The same fault, with a help text.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The file is more specific than the key that names it.
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
