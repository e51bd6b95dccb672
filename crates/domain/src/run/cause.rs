//! The cause of a run: the pushed revision or the pull request, and the target environment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CommitSha, RunId, SourceName};

/// The cause of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCause {
    /// The source repository.
    pub source: SourceName,
    /// The model's name, or the path of its file if the file does not contain a name.
    pub model: String,
    /// Path of the model's `slipway.yaml`.
    pub file: String,
    /// The pushed branch, or the target branch of a pull request.
    pub branch: String,
    /// The pull request, if there is one.
    pub pull_request: Option<PullRequestHead>,
    /// The revision before.
    pub base: Option<CommitSha>,
    /// The revision to train.
    pub head: CommitSha,
    /// The target environment.
    pub environment: SourceName,
    /// Time at which the delivery was stored.
    pub delivered_at: Timestamp,
}

/// The head of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestHead {
    /// The number of the pull request at its forge.
    pub number: u64,
    /// The reference in the source repository under which the revision was found.
    pub reference: String,
    /// Whether the pull request comes from a fork: its author may not push to the repository.
    #[serde(default)]
    pub fork: bool,
}

/// The origin of a run that follows from neither a push nor a pull request. Its artifact is known from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Another environment names the artifact now, or a person requested its promotion to this environment.
    Promotion {
        /// The run that promoted the artifact there, or that made it.
        of: RunId,
    },
    /// A person rolls back to an earlier promotion.
    Rollback {
        /// The run of the earlier promotion.
        to: RunId,
        /// The reason.
        reason: String,
    },
}

/// The name of a model as stored with its runs. For a file without a model name the path is stored instead, which is not a name:
/// `None`.
pub fn model_name(stored: &str) -> Option<&str> {
    // Names are made of letters, digits and dashes; every path ends with `.yaml`.
    (!stored.contains(['.', '/'])).then_some(stored)
}
