//! Promotions, which are commits that make an environment name an artifact, and deployment records.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::{Digest, ModelName};

use super::{CommitSha, RunId, SourceName};

/// The content and the target of a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The run that produced the artifact.
    pub run: RunId,
    /// The model.
    pub model: ModelName,
    /// The target environment.
    pub environment: SourceName,
    /// The artifact.
    pub artifact: Digest,
}

impl Promotion {
    /// The promotion's identifier. The same run, model, environment and artifact always have the same identifier, so that a
    /// promotion in a branch's history is recognised and not repeated.
    pub fn id(&self) -> Digest {
        let Self { run, model, environment, artifact } = self;
        Digest::of(format!("{run}\n{model}\n{environment}\n{artifact}\n").as_bytes())
    }
}

/// The pull request that proposes to merge a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionRequest {
    /// Its number at the forge.
    pub number: u64,
    /// The judged commit: no other commit is merged.
    pub head: CommitSha,
    /// The branch of that commit.
    pub branch: String,
}

/// The artifact that an environment names for a model since a commit, as read from git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// The environment.
    pub environment: SourceName,
    /// The model.
    pub model: String,
    /// The content of the marked places: an artifact, or a text that is not one artifact.
    #[serde(rename = "named")]
    pub deployed: DeployedArtifact,
    /// The commit that wrote it.
    pub commit: CommitSha,
    /// The commit's own timestamp, as set by its creator.
    pub at: Timestamp,
    /// Time at which this installation first saw the commit; `None` in records that an earlier version read.
    #[serde(default)]
    pub seen_at: Option<Timestamp>,
    /// The author of the commit.
    pub by: DeployedBy,
}

impl DeploymentRecord {
    /// The start of the deployment: by this installation's clock, if that time is known.
    pub fn since(&self) -> Timestamp {
        self.seen_at.unwrap_or(self.at)
    }
}

/// The content of a model's marked places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployedArtifact {
    /// No artifact yet.
    Nothing,
    /// This artifact.
    Artifact(Digest),
    /// A text that is not one artifact, as a description.
    Unclear(String),
}

impl DeployedArtifact {
    /// The artifact, if there is one.
    pub fn artifact(&self) -> Option<&Digest> {
        match self {
            Self::Artifact(artifact) => Some(artifact),
            Self::Nothing | Self::Unclear(_) => None,
        }
    }
}

/// The author of a deployment record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployedBy {
    /// A run, through its promotion.
    Run(RunId),
    /// A person or another tool: the author of the commit.
    Hand(String),
    /// The record is older than the part of the history that was read.
    Unknown,
}

/// A short name of an artifact: the day of its run and twelve digits of its digest, such as `20261124-3f9a1c2b7d10`. It is
/// deterministic, and a valid Kubernetes label and OCI tag.
pub fn version_of(created_at: Timestamp, artifact: &Digest) -> String {
    format!("{}-{}", created_at.strftime("%Y%m%d"), artifact.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_can_stand_in_a_label() {
        let at: Timestamp = "2026-11-24T23:59:59Z".parse().expect("a time");
        assert_eq!(version_of(at, &Digest::of(b"")), "20261124-e3b0c44298fc");
    }
}
