//! Revisions that nothing is trained for, and of which a check has to say so.

use serde::{Deserialize, Serialize};

use super::CommitSha;

/// What is reported of a revision that no run is about. A check that is required would be waited for for ever otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unjudged {
    /// The revision; `None` where the forge does not name it in full, so that only a comment can be written.
    pub revision: Option<CommitSha>,
    /// The change that it is the head of, if it is one's.
    #[serde(rename = "change")]
    pub pull_request: Option<u64>,
    /// Who has to do something.
    pub needs: Needs,
    /// Why nothing is trained, in one sentence.
    #[serde(default)]
    pub title: String,
}

/// Who has to do something before a revision is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Nobody: there is nothing to be judged.
    Nobody,
    /// A person.
    Person,
    /// Somebody who may push, by an approval of exactly this revision.
    Approval,
}
