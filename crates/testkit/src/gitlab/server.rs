//! The API over HTTP: who may call, what is noted, and how refusals look (docs.gitlab.com, "REST API authentication",
//! "Troubleshooting the REST API", "Status codes").

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Request as Incoming, State as Shared};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::guard::CALLS_LEFT;
use super::state::ROBOT;
use super::{ROBOT_TOKEN, Site, merges, notes, statuses};
use crate::double::Request;

/// A document with its status, or a refusal.
pub(super) type Answer = Result<(StatusCode, Json<Value>), (StatusCode, Json<Value>)>;

/// The project's path in addresses ("Namespaced paths": slashes are encoded).
const PROJECT: &str = "/api/v4/projects/team%2Fmodels/";

pub(super) fn router(site: &Arc<Site>) -> Router {
    let project = Router::new()
        .route("/statuses/{sha}", post(statuses::set))
        .route("/members/all/{id}", get(notes::member))
        .route("/repository/commits/{sha}/merge_requests", get(merges::of_commit))
        .route("/merge_requests", get(merges::list).post(merges::open))
        .route("/merge_requests/{number}", get(merges::show).put(merges::update))
        .route("/merge_requests/{number}/merge", put(merges::merge))
        .route("/merge_requests/{number}/notes", get(notes::list).post(notes::write))
        .route("/merge_requests/{number}/notes/{id}", put(notes::replace))
        .route("/merge_requests/{number}/notes/{id}/award_emoji", post(notes::award));
    Router::new()
        .route("/api/v4/user", get(ourselves))
        .nest("/api/v4/projects/{project}", project)
        .with_state(Arc::clone(site))
        .layer(middleware::from_fn_with_state(Arc::clone(site), admit))
}

async fn ourselves(Shared(site): Shared<Arc<Site>>) -> Json<Value> {
    Json(site.lock().user(ROBOT))
}

async fn admit(Shared(site): Shared<Arc<Site>>, request: Incoming, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    {
        let mut state = site.lock();
        state.guard.requests.push(Request { method: method.clone(), path: path.clone() });
        if let Some(refusal) = state.guard.refusal() {
            return refusal;
        }
    }
    if request.headers().get("private-token").is_none_or(|token| token != ROBOT_TOKEN) {
        return message(StatusCode::UNAUTHORIZED, "401 Unauthorized").into_response();
    }
    if path != "/api/v4/user" && !path.starts_with(PROJECT) {
        return not_found("Project").into_response();
    }
    let mut answer = next.run(request).await;
    answer.headers_mut().insert("ratelimit-remaining", HeaderValue::from_static(CALLS_LEFT));
    site.answered.notify_waiters();
    if site.lock().guard.losses.take(&method) {
        return (StatusCode::BAD_GATEWAY, "the answer is lost").into_response();
    }
    answer
}

/// A refusal with its text.
pub(super) fn message(status: StatusCode, text: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "message": text })))
}

/// The refusal of something that is not there.
pub(super) fn not_found(what: &str) -> (StatusCode, Json<Value>) {
    let text = format!("404 {what} Not Found").replace("404  Not Found", "404 Not found");
    message(StatusCode::NOT_FOUND, &text)
}

/// Refuses a text with more characters than it may have.
pub(super) fn bounded(body: &Value, name: &str, longest: usize) -> Result<(), (StatusCode, Json<Value>)> {
    if body[name].as_str().is_some_and(|text| text.chars().count() > longest) {
        let text = format!("is too long (maximum is {longest} characters)");
        return Err((StatusCode::BAD_REQUEST, Json(json!({ "message": { name: [text] } }))));
    }
    Ok(())
}

/// One page of a list ("Pagination": 20 a page, 100 at most).
pub(super) fn page_of(items: Vec<Value>, query: &HashMap<String, String>) -> Vec<Value> {
    let number = |name: &str, default: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (size, page) = (number("per_page", 20).min(100), number("page", 1));
    items.into_iter().skip(size * page.saturating_sub(1)).take(size).collect()
}
