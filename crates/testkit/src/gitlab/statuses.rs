//! Commit statuses (docs.gitlab.com, "Commits API", "Set commit pipeline status"), with the transitions of GitLab's own
//! state machine: an active status of the name moves, and an ended one gets a successor.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Site;
use super::server::{Answer, bounded, message, not_found};
use super::state::ROBOT;

/// The longest name, reference and description, in characters.
const MAX_LENGTH: usize = 255;

pub(super) async fn set(
    Shared(site): Shared<Arc<Site>>,
    Path((_, sha)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Answer {
    if site.repository.git(&["cat-file", "-e", &format!("{sha}^{{commit}}")]).await.is_err() {
        return Err(not_found("Commit"));
    }
    for name in ["name", "ref", "description", "target_url"] {
        bounded(&body, name, MAX_LENGTH)?;
    }
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let reference = if let Some(reference) = text("ref") {
        reference
    } else {
        let format = ["for-each-ref", "--format=%(refname:short)", "--contains", &sha, "refs/heads"];
        let containing = site.repository.git(&format).await.unwrap_or_default();
        let first = containing.lines().next().map(str::to_owned);
        first.ok_or_else(|| not_found("References for commit"))?
    };
    let name = text("name").or_else(|| text("context")).unwrap_or_else(|| "default".to_owned());
    let mut state = site.lock();
    let active = state.statuses.iter().position(|status| {
        let same = status["sha"] == sha && status["name"] == name && status["ref"] == reference;
        same && matches!(status["status"].as_str(), Some("pending" | "running"))
    });
    let was = active.and_then(|index| state.statuses[index]["status"].as_str().map(str::to_owned));
    let is = next(was.as_deref(), body["state"].as_str().unwrap_or_default())?;
    let index = if let Some(index) = active {
        index
    } else {
        let older =
            state.statuses.iter_mut().filter(|one| one["sha"] == sha && one["name"] == name && one["ref"] == reference);
        older.for_each(|one| one["retried"] = json!(true));
        let id = state.new_id();
        let author = state.user(ROBOT);
        state.statuses.push(json!({ "id": id, "sha": sha, "ref": reference, "name": name, "author": author }));
        state.statuses.len() - 1
    };
    let status = &mut state.statuses[index];
    status["status"] = json!(is);
    if let Some(description) = text("description") {
        status["description"] = json!(description);
    }
    let status = status.clone();
    state.history.push((status["id"].as_u64().unwrap_or_default(), is));
    Ok((StatusCode::CREATED, Json(status)))
}

/// What an active status (or none) becomes, if it may.
fn next(was: Option<&str>, asked: &str) -> Result<&'static str, (StatusCode, Json<Value>)> {
    let refused = |event: &str| {
        let from = was.unwrap_or("created");
        let reason = format!("Status cannot transition via \"{event}\"");
        let text = format!("Cannot transition status via :{event} from :{from} (Reason(s): {reason})");
        Err(message(StatusCode::BAD_REQUEST, &text))
    };
    match (was, asked) {
        (Some(_), "pending") => refused("enqueue"),
        (Some("running"), "running") => refused("run"),
        (_, "pending") => Ok("pending"),
        (_, "running") => Ok("running"),
        (_, "success") => Ok("success"),
        (_, "failed") => Ok("failed"),
        (_, "canceled") => Ok("canceled"),
        _ => Err((StatusCode::BAD_REQUEST, Json(json!({ "error": "state does not have a valid value" })))),
    }
}
