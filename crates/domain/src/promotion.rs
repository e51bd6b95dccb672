//! One commit that makes an environment name an artifact, and what environments name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::{Digest, ModelName};

use super::{CommitSha, RunId, SourceName};

/// What is to be written where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The run that made the artifact.
    pub run: RunId,
    /// The model.
    pub model: ModelName,
    /// The environment that is to name the artifact.
    pub environment: SourceName,
    /// The artifact.
    pub artifact: Digest,
}

impl Promotion {
    /// The promotion's identifier: the same run, environment and artifact always have the same one, so that a
    /// promotion found in a branch's history is known not to be due again.
    pub fn id(&self) -> Digest {
        let Self { run, model, environment, artifact } = self;
        Digest::of(format!("{run}\n{model}\n{environment}\n{artifact}\n").as_bytes())
    }
}

/// The request by which a promotion is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionRequest {
    /// Its number at the forge.
    pub number: u64,
    /// The commit that was judged: nothing else is merged.
    pub head: CommitSha,
    /// The branch it is on.
    pub branch: String,
}

/// What an environment names of a model since some commit, as git says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// The environment.
    pub environment: SourceName,
    /// The model.
    pub model: String,
    /// What the marked places name: an artifact, or a text that is none.
    #[serde(rename = "named")]
    pub deployed: DeployedArtifact,
    /// The commit that wrote it.
    pub commit: CommitSha,
    /// The commit's own time, as whoever made it says.
    pub at: Timestamp,
    /// When it was first seen here; `None` for what an earlier version read.
    #[serde(default)]
    pub seen_at: Option<Timestamp>,
    /// Who wrote it.
    pub by: DeployedBy,
}

impl DeploymentRecord {
    /// Since when it counts as named: by our own clock, where that is known.
    pub fn since(&self) -> Timestamp {
        self.seen_at.unwrap_or(self.at)
    }
}

/// What the marked places of a model name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployedArtifact {
    /// No artifact yet.
    Nothing,
    /// This artifact.
    Artifact(Digest),
    /// Something that is not one artifact, in words.
    Unclear(String),
}

impl DeployedArtifact {
    /// The artifact, if it is one.
    pub fn artifact(&self) -> Option<&Digest> {
        match self {
            Self::Artifact(artifact) => Some(artifact),
            Self::Nothing | Self::Unclear(_) => None,
        }
    }
}

/// Who wrote what an environment names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployedBy {
    /// A run, by its promotion.
    Run(RunId),
    /// A person by hand, or another tool: by the commit's author.
    Hand(String),
    /// It was there before the history that was read.
    Unknown,
}

/// A short name of an artifact: the day of its run and twelve digits of its digest, such as `20261124-3f9a1c2b7d10`.
/// It is a valid Kubernetes label and OCI tag, and the same however often it is computed.
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
