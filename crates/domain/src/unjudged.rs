//! Revisions without a training that still require a report.

use serde::{Deserialize, Serialize};

use super::CommitSha;

/// The report of a revision without a run. Without the report, a required check would stay pending for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unjudged {
    /// The revision; `None` if the forge does not report it in full, so that only a comment is possible.
    pub revision: Option<CommitSha>,
    /// The pull request with this head, if there is one.
    #[serde(rename = "change")]
    pub pull_request: Option<u64>,
    /// The person who must act.
    pub needs: Needs,
    /// The reason why nothing is trained, in one sentence.
    #[serde(default)]
    pub title: String,
}

/// The person who must act before a revision is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// No person: there is nothing to judge.
    Nobody,
    /// Any person.
    Person,
    /// A person with push rights, by an approval of exactly this revision.
    Approval,
}
