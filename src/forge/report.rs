//! What a forge is told: the state of one model at one revision, as a status of the commit.

use std::time::Duration;

use crate::domain::{CommitSha, Retry};

/// The state of one model at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The revision.
    pub revision: CommitSha,
    /// Name of the status, such as `slipway/fashion`: a later report of the same name takes its place.
    pub context: String,
    /// The state.
    pub state: ReportState,
    /// One sentence for people; forges cut it at 140 to 255 characters.
    pub description: String,
}

/// The states that all forges know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportState {
    /// It waits, or is under way.
    Pending,
    /// It passed.
    Success,
    /// The specification or the policy said no.
    Failure,
    /// Something broke, or it was called off.
    Error,
}

/// Why a report did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The forge did not answer, or failed.
    #[error("the forge cannot be told: {reason}")]
    Unreachable {
        /// What happened.
        reason: String,
    },
    /// The forge asks to wait.
    #[error("the forge asks to wait {pause:?}")]
    Throttled {
        /// How long.
        pause: Duration,
    },
    /// The forge refuses, and would refuse again.
    #[error("the forge refuses the report: {reason}\n  help: {help}")]
    Refused {
        /// Its answer.
        reason: String,
        /// What to change.
        help: &'static str,
    },
}

impl ReportError {
    /// Whether, and when, trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { .. } => Retry::Backoff,
            Self::Throttled { pause } => Retry::After(*pause),
            Self::Refused { .. } => Retry::Never,
        }
    }
}
