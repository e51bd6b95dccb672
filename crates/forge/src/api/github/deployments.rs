//! Writes deployments (docs.github.com, "REST API endpoints for deployments" and "for deployment statuses"), which show the
//! revision of a model that an environment names. Each is created once. After a crash it is found again by the run in its
//! payload.

use serde_json::{Value, json};
use ureq::http::Method;

use crate::api::address::encoded;
use crate::api::http::Calls;
use crate::api::{ApiError, ReportHandle, answer};
use crate::{Deployment, DeploymentState};

/// The task of Slipway's deployments.
const TASK: &str = "slipway";
/// Deployments of one revision to one environment that are read.
const PAGE: usize = 100;

/// How Slipway's own documents are recognised: a JSON pointer into GitHub's document, and the number there.
pub(super) type Ours = (&'static str, u64);

/// Writes the state of a promotion in the repository at `path`.
pub(super) async fn publish(
    calls: &dyn Calls,
    path: &str,
    ours: Ours,
    deployment: &Deployment,
    known: &mut ReportHandle,
) -> Result<(), ApiError> {
    if known.id.is_empty() {
        match made_or_found(calls, path, ours, deployment).await? {
            Some(id) => known.id = id.to_string(),
            None => return Ok(()),
        }
    }
    let mut status = json!({
        "state": word(deployment.state), "description": deployment.title, "auto_inactive": true,
    });
    if let Some(page) = &deployment.page {
        status["log_url"] = json!(page);
    }
    calls.call(Method::POST, &format!("{path}/deployments/{}/statuses", known.id), Some(&status)).await.map(drop)
}

/// The deployment of this run, found or created. `None` if no status has to be written: the newest status is already the right
/// one, or the deployment does not exist and the promotion was withdrawn or failed.
async fn made_or_found(
    calls: &dyn Calls,
    path: &str,
    ours: Ours,
    deployment: &Deployment,
) -> Result<Option<u64>, ApiError> {
    if let Some(id) = find(calls, path, ours, deployment).await? {
        let is_said = is_said(calls, path, id, deployment).await?;
        return Ok(Some(id).filter(|_| !is_said));
    }
    if matches!(deployment.state, DeploymentState::Withdrawn | DeploymentState::Failed) {
        return Ok(None);
    }
    let made = calls.call(Method::POST, &format!("{path}/deployments"), Some(&body(deployment))).await?;
    answer::number(&made, "/id").map(Some)
}

/// The existing deployment of this run.
async fn find(
    calls: &dyn Calls,
    path: &str,
    (pointer, number): Ours,
    deployment: &Deployment,
) -> Result<Option<u64>, ApiError> {
    let Deployment { revision, environment, run, .. } = deployment;
    let query = format!("sha={revision}&environment={}&task={TASK}&per_page={PAGE}", encoded(environment));
    let found = calls.call(Method::GET, &format!("{path}/deployments?{query}"), None).await?;
    let run = run.to_string();
    let is_it = |made: &&Value| {
        made.pointer(pointer).and_then(Value::as_u64) == Some(number) && made["payload"]["run"] == run.as_str()
    };
    answer::items(&found)?.iter().find(is_it).map(|made| answer::number(made, "/id")).transpose()
}

/// Whether the newest status of a deployment already has this state and description.
async fn is_said(calls: &dyn Calls, path: &str, id: u64, deployment: &Deployment) -> Result<bool, ApiError> {
    let path = format!("{path}/deployments/{id}/statuses?per_page=1");
    let found = calls.call(Method::GET, &path, None).await?;
    let newest = answer::items(&found)?.first();
    Ok(newest.is_some_and(|said| said["state"] == word(deployment.state) && said["description"] == *deployment.title))
}

fn word(state: DeploymentState) -> &'static str {
    match state {
        DeploymentState::Waiting => "queued",
        DeploymentState::Active => "success",
        DeploymentState::Withdrawn => "inactive",
        DeploymentState::Failed => "failure",
    }
}

/// The candidate passed its gate already: GitHub must not wait for checks and must not merge anything.
fn body(deployment: &Deployment) -> Value {
    let Deployment { revision, environment, run, .. } = deployment;
    json!({
        "ref": revision, "environment": environment, "task": TASK, "auto_merge": false, "required_contexts": [],
        "payload": { "run": run.to_string() }, "description": format!("Run {run}"),
    })
}
