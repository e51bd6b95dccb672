//! The state of promotions for forges that keep deployments: the revision that an environment names, and the revision that comes
//! next.

use serde::Serialize;

use slipway_domain::{CommitSha, RunId};

/// The state of one run's promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// The revision that the model was trained from.
    pub revision: CommitSha,
    /// The environment and the model in it: `production/fashion`. A later deployment with this name replaces this one.
    pub environment: String,
    /// The run. It identifies the deployment at the forge.
    pub run: RunId,
    /// The state.
    pub state: DeploymentState,
    /// One sentence for people.
    pub title: String,
    /// The page of the run, if there is one.
    pub page: Option<String>,
}

/// The state of a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DeploymentState {
    /// The candidate passed its gate, and a blocking rule makes the promotion wait.
    Waiting,
    /// The environment's branch names the artifact.
    #[serde(rename = "Named")]
    Active,
    /// The promotion will not happen. If the forge has no deployment of this run, none is created for it.
    Withdrawn,
    /// The promotion failed. If the forge has no deployment of this run, none is created for it.
    Failed,
}
