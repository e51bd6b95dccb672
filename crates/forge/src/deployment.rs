//! What a forge is told of promotions, where it keeps deployments: which revision an environment names, and which one is to
//! come there.

use serde::Serialize;

use slipway_domain::{CommitSha, RunId};

/// Where the promotion of one run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// The revision that the model was made of.
    pub revision: CommitSha,
    /// The environment, and the model in it: `production/fashion`. A later deployment there takes the place of this one.
    pub environment: String,
    /// The run. A deployment that was told is found again by it.
    pub run: RunId,
    /// How far it has come.
    pub state: DeploymentState,
    /// One sentence for people.
    pub title: String,
    /// The page of the run, if there is one.
    pub page: Option<String>,
}

/// How far a promotion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DeploymentState {
    /// It passed its gate, and something holds it back.
    Waiting,
    /// The environment's branch names the artifact.
    #[serde(rename = "Named")]
    Active,
    /// It will not come there. Of one that nobody was told of, nothing is told.
    Withdrawn,
    /// Something broke on its way. Of one that nobody was told of, nothing is told.
    Failed,
}
