//! What a forge is told: the state of one model at one revision, as a status of the commit.

use crate::domain::CommitSha;

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
