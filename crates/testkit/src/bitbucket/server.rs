//! The API over HTTP ("Commit statuses", "Pullrequests", "Workspaces", "Users"), and who may call ("Authentication").

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, Request as Incoming, State as Shared};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::state::{Comment, ROBOT, account};
use super::{ROBOT_TOKEN, Site};
use crate::double::Request;

/// A document with its status, or a refusal.
type Answer = Result<(StatusCode, Json<Value>), (StatusCode, Json<Value>)>;

/// The longest key of a build status, in characters.
const MAX_KEY_LENGTH: usize = 40;
/// The longest name and description of a build status, in characters.
const MAX_TEXT_LENGTH: usize = 255;

pub(super) fn router(site: &Arc<Site>) -> Router {
    let repository = Router::new()
        .route("/commit/{sha}/statuses/build", post(set_status))
        .route("/pullrequests/{number}/comments", get(comments).post(write_comment))
        .route("/pullrequests/{number}/comments/{id}", put(replace_comment));
    Router::new()
        .route("/2.0/user", get(async || Json(account(ROBOT))))
        .route("/2.0/workspaces/team/permissions/repositories/models", get(permissions))
        .nest("/2.0/repositories/team/models", repository)
        .with_state(Arc::clone(site))
        .layer(middleware::from_fn_with_state(Arc::clone(site), admit))
}

async fn admit(Shared(site): Shared<Arc<Site>>, request: Incoming, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    {
        let mut state = site.lock();
        state.requests.push(Request { method: method.clone(), path });
        if state.limited > 0 {
            state.limited -= 1;
            let headers = [("retry-after", "1")];
            return (StatusCode::TOO_MANY_REQUESTS, headers, "Rate limit for this resource has been exceeded")
                .into_response();
        }
    }
    let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if bearer.and_then(|value| value.strip_prefix("Bearer ")) != Some(ROBOT_TOKEN) {
        return refused(StatusCode::UNAUTHORIZED, "Token is invalid or not supported for this endpoint.")
            .into_response();
    }
    let answer = next.run(request).await;
    site.answered.notify_waiters();
    if site.lock().losses.take(&method) {
        return (StatusCode::BAD_GATEWAY, "the answer is lost").into_response();
    }
    answer
}

fn refused(status: StatusCode, text: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "type": "error", "error": { "message": text } })))
}

/// "Create a build status for a commit": a key that is there already is overwritten.
async fn set_status(Shared(site): Shared<Arc<Site>>, Path(sha): Path<String>, Json(body): Json<Value>) -> Answer {
    if site.repository.git(&["cat-file", "-e", &format!("{sha}^{{commit}}")]).await.is_err() {
        return Err(refused(StatusCode::NOT_FOUND, &format!("Commit not found: {sha}")));
    }
    let bad = |text: &str| refused(StatusCode::BAD_REQUEST, text);
    let length = |name: &str| body[name].as_str().map_or(0, |text| text.chars().count());
    if !(1..=MAX_KEY_LENGTH).contains(&length("key")) {
        return Err(bad("key: expected 1 to 40 characters"));
    }
    if length("url") == 0 || ["name", "description"].iter().any(|name| length(name) > MAX_TEXT_LENGTH) {
        return Err(bad("url: is required; name, description: 255 characters at most"));
    }
    if !matches!(body["state"].as_str(), Some("INPROGRESS" | "SUCCESSFUL" | "FAILED" | "STOPPED")) {
        return Err(bad("state: not one of the choices"));
    }
    let mut state = site.lock();
    match state.statuses.iter_mut().find(|(of, one)| *of == sha && one["key"] == body["key"]) {
        Some((_, status)) => status.clone_from(&body),
        None => state.statuses.push((sha, body.clone())),
    }
    Ok((StatusCode::CREATED, Json(body)))
}

/// "List comments on a pull request", in pages of `pagelen`.
async fn comments(
    Shared(site): Shared<Arc<Site>>,
    Path(number): Path<u64>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let number_of = |name: &str, default: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (length, page) = (number_of("pagelen", 10).min(100), number_of("page", 1));
    let state = site.lock();
    let all: Vec<Value> = state.comments.iter().filter(|one| one.pull == number).map(Comment::shown).collect();
    let mut answer = json!({ "size": all.len(), "page": page, "pagelen": length });
    if all.len() > length * page {
        answer["next"] = json!("the next page");
    }
    answer["values"] = all.into_iter().skip(length * page.saturating_sub(1)).take(length).collect();
    Ok((StatusCode::OK, Json(answer)))
}

async fn write_comment(Shared(site): Shared<Arc<Site>>, Path(number): Path<u64>, Json(body): Json<Value>) -> Answer {
    let Some(text) = body["content"]["raw"].as_str() else {
        return Err(refused(StatusCode::BAD_REQUEST, "content: required key not provided"));
    };
    let mut state = site.lock();
    if !state.pulls.iter().any(|pull| pull.number == number) {
        return Err(refused(StatusCode::NOT_FOUND, "There is no such pull request."));
    }
    let id = state.write_comment(number, ROBOT, text);
    let shown = state.comments.iter().find(|comment| comment.id == id).map(Comment::shown);
    Ok((StatusCode::CREATED, Json(shown.into())))
}

async fn replace_comment(
    Shared(site): Shared<Arc<Site>>,
    Path((number, id)): Path<(u64, u64)>,
    Json(body): Json<Value>,
) -> Answer {
    let Some(text) = body["content"]["raw"].as_str() else {
        return Err(refused(StatusCode::BAD_REQUEST, "content: required key not provided"));
    };
    let mut state = site.lock();
    let ours = |one: &&mut Comment| one.id == id && one.pull == number && one.account == ROBOT;
    let Some(comment) = state.comments.iter_mut().find(ours) else {
        return Err(refused(StatusCode::NOT_FOUND, "There is no such comment of yours."));
    };
    text.clone_into(&mut comment.text);
    Ok((StatusCode::OK, Json(comment.shown())))
}

/// "List a repository permissions for a workspace", with the one filter that is asked for: `user.uuid="…"`.
async fn permissions(Shared(site): Shared<Arc<Site>>, Query(query): Query<HashMap<String, String>>) -> Answer {
    let filter = query.get("q").and_then(|text| text.strip_prefix("user.uuid=\"")?.strip_suffix('"'));
    let Some(uuid) = filter else {
        return Err(refused(StatusCode::BAD_REQUEST, "q: expected user.uuid=\"...\""));
    };
    let state = site.lock();
    let found = state
        .people
        .get(uuid)
        .map(|permission| json!({ "type": "repository_permission", "permission": permission, "user": account(uuid) }));
    Ok((StatusCode::OK, Json(json!({ "values": found.into_iter().collect::<Vec<_>>() }))))
}
