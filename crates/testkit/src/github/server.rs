//! The API over HTTP: checks, comments, accounts and tokens. Pull requests are beside it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, Request as Incoming, State as Shared};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use serde_json::{Value, json};

use super::guard::{Caller, Request};
use super::state::State;
use super::{APP_ID, Site, pulls};

/// The longest comment that GitHub takes, in characters.
const LONGEST_COMMENT: usize = 65_536;

/// What a handler answers.
pub(super) type Answer = Result<(StatusCode, Json<Value>), Response>;

pub(super) fn router(site: Arc<Site>) -> Router {
    let repository = Router::new()
        .route("/installation", get(installation))
        .route("/statuses/{sha}", post(create_status))
        .route("/commits/{sha}/check-runs", get(list_checks))
        .route("/check-runs", post(create_check))
        .route("/check-runs/{id}", patch(update_check))
        .route("/issues/{number}/comments", get(list_comments).post(create_comment))
        .route("/issues/comments/{id}", patch(update_comment))
        .route("/issues/comments/{id}/reactions", post(react))
        .route("/collaborators/{login}/permission", get(permission))
        .route("/pulls", get(pulls::list).post(pulls::open))
        .route("/pulls/{number}", get(pulls::show).patch(pulls::update))
        .route("/pulls/{number}/merge", axum::routing::put(pulls::merge));
    Router::new()
        .nest("/repos/team/models", repository)
        .route("/app/installations/{id}/access_tokens", post(create_token))
        .route("/user", get(ourselves))
        .route("/user/{id}", get(account))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), admit))
        .with_state(site)
}

/// An answer that GitHub gives to what it does not take.
pub(super) fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

pub(super) fn unprocessable(message: &str) -> Response {
    refused(StatusCode::UNPROCESSABLE_ENTITY, message)
}

async fn admit(Shared(site): Shared<Arc<Site>>, mut request: Incoming, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let delay = {
        let mut state = site.lock();
        state.guard.requests.push(Request { method: method.clone(), path: path.clone() });
        state.guard.delay
    };
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    let caller = {
        let mut state = site.lock();
        if let Some(refusal) = state.guard.refusal() {
            return refusal;
        }
        state.guard.caller(request.headers())
    };
    let only_app = path.starts_with("/app/") || path.ends_with("/installation");
    match caller {
        None => return refused(StatusCode::UNAUTHORIZED, "Bad credentials"),
        Some(caller) if (caller == Caller::App) != only_app => {
            return refused(StatusCode::UNAUTHORIZED, "A JSON web token could not be decoded");
        }
        Some(caller) => request.extensions_mut().insert(caller),
    };
    let answer = next.run(request).await;
    site.answered.notify_waiters();
    if site.lock().guard.takes_answer(&method) {
        return refused(StatusCode::BAD_GATEWAY, "the answer is lost");
    }
    answer
}

fn is_app(caller: axum::Extension<Caller>) -> bool {
    caller.0 == Caller::Installation
}

async fn installation() -> Json<Value> {
    Json(json!({ "id": 1, "app_id": APP_ID }))
}

async fn create_token(Shared(site): Shared<Arc<Site>>, Json(body): Json<Value>) -> Answer {
    if body["repositories"] != json!(["models"]) {
        return Err(unprocessable("There is at least one repository that does not exist"));
    }
    let (token, until) = site.lock().guard.new_token();
    let answer = json!({ "token": token, "expires_at": until, "permissions": body["permissions"] });
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn ourselves(caller: axum::Extension<Caller>, Shared(site): Shared<Arc<Site>>) -> Answer {
    if is_app(caller) {
        return Err(refused(StatusCode::FORBIDDEN, "Resource not accessible by integration"));
    }
    let state = site.lock();
    Ok((StatusCode::OK, Json(state.account(State::writer(false).0))))
}

async fn account(Shared(site): Shared<Arc<Site>>, Path(id): Path<u64>) -> Answer {
    let state = site.lock();
    match state.people.contains_key(&id) {
        true => Ok((StatusCode::OK, Json(state.account(id)))),
        false => Err(refused(StatusCode::NOT_FOUND, "Not Found")),
    }
}

async fn permission(Shared(site): Shared<Arc<Site>>, Path(login): Path<String>) -> Answer {
    let state = site.lock();
    let found = state.people.iter().find(|(_, (name, _))| *name == login);
    let Some((id, (_, permission))) = found else { return Err(refused(StatusCode::NOT_FOUND, "Not Found")) };
    Ok((StatusCode::OK, Json(json!({ "permission": permission, "user": state.account(*id) }))))
}

async fn create_status(Shared(site): Shared<Arc<Site>>, Path(sha): Path<String>, Json(body): Json<Value>) -> Answer {
    let state = body["state"].as_str().unwrap_or_default();
    let description = body["description"].as_str().unwrap_or_default();
    if !matches!(state, "pending" | "success" | "failure" | "error") || description.chars().count() > 140 {
        return Err(unprocessable("Validation Failed"));
    }
    let mut status = body;
    status["sha"] = json!(sha);
    site.lock().statuses.push(status.clone());
    Ok((StatusCode::CREATED, Json(status)))
}

async fn list_checks(
    Shared(site): Shared<Arc<Site>>,
    Path(sha): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let state = site.lock();
    let page: Vec<Value> = page_of(state.checks.iter().filter(|check| check["head_sha"] == sha.as_str()), &query);
    Json(json!({ "total_count": page.len(), "check_runs": page }))
}

async fn create_check(
    caller: axum::Extension<Caller>,
    Shared(site): Shared<Arc<Site>>,
    Json(body): Json<Value>,
) -> Answer {
    if !is_app(caller) {
        return Err(refused(StatusCode::FORBIDDEN, "You must authenticate via a GitHub App."));
    }
    let mut state = site.lock();
    let id = state.new_id();
    let mut check = json!({
        "id": id, "name": body["name"], "head_sha": body["head_sha"], "status": "queued", "conclusion": null,
        "app": { "id": APP_ID }, "output": { "annotations_count": 0 }, "annotations": [],
    });
    change_check(&mut check, &body)?;
    state.history.push((id, state_of(&check)));
    state.checks.push(check.clone());
    Ok((StatusCode::CREATED, Json(check)))
}

async fn update_check(Shared(site): Shared<Arc<Site>>, Path(id): Path<u64>, Json(body): Json<Value>) -> Answer {
    let mut state = site.lock();
    let Some(index) = state.checks.iter().position(|check| check["id"] == id) else {
        return Err(refused(StatusCode::NOT_FOUND, "Not Found"));
    };
    let mut check = state.checks[index].clone();
    change_check(&mut check, &body)?;
    state.history.push((id, state_of(&check)));
    state.checks[index] = check.clone();
    Ok((StatusCode::OK, Json(check)))
}

fn state_of(check: &Value) -> String {
    let word = |name: &str| check[name].as_str().unwrap_or_default();
    match check["conclusion"].as_str() {
        Some(conclusion) => format!("{}:{conclusion}", word("status")),
        None => word("status").to_owned(),
    }
}

/// Takes over what a body says, within GitHub's limits. Annotations add up.
fn change_check(check: &mut Value, body: &Value) -> Result<(), Response> {
    const CONCLUSIONS: [&str; 7] =
        ["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"];
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    let output = &body["output"];
    let annotations = output["annotations"].as_array().cloned().unwrap_or_default();
    let actions = body["actions"].as_array().cloned().unwrap_or_default();
    let long = |action: &Value| {
        length(&action["label"]) > 20 || length(&action["description"]) > 40 || length(&action["identifier"]) > 20
    };
    if annotations.len() > 50 || length(&output["summary"]) > 65_535 || actions.len() > 3 || actions.iter().any(long) {
        return Err(unprocessable("Validation Failed: too long"));
    }
    if output.is_object() && (length(&output["title"]) == 0 || !output["summary"].is_string()) {
        return Err(unprocessable("Validation Failed: output"));
    }
    let completed = body["status"] == "completed";
    let conclusion = body["conclusion"].as_str();
    if completed != conclusion.is_some_and(|conclusion| CONCLUSIONS.contains(&conclusion)) {
        return Err(unprocessable("Validation Failed: conclusion"));
    }
    for name in ["status", "external_id", "actions"] {
        if !body[name].is_null() {
            check[name] = body[name].clone();
        }
    }
    check["conclusion"] = body["conclusion"].clone();
    check["output"]["title"] = output["title"].clone();
    check["output"]["summary"] = output["summary"].clone();
    let mut all = check["annotations"].as_array().cloned().unwrap_or_default();
    all.extend(annotations);
    check["output"]["annotations_count"] = json!(all.len());
    check["annotations"] = json!(all);
    Ok(())
}

async fn list_comments(
    Shared(site): Shared<Arc<Site>>,
    Path(number): Path<u64>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let state = site.lock();
    let comments: Vec<Value> =
        state.comments.iter().filter(|comment| comment.pull == number).map(|c| state.comment(c.id)).collect();
    Json(json!(page_of(comments.iter(), &query)))
}

async fn create_comment(
    caller: axum::Extension<Caller>,
    Shared(site): Shared<Arc<Site>>,
    Path(number): Path<u64>,
    Json(body): Json<Value>,
) -> Answer {
    let text = comment_in(&body)?;
    let mut state = site.lock();
    let (account, app) = State::writer(is_app(caller));
    let id = state.write_comment(number, account, app, text);
    Ok((StatusCode::CREATED, Json(state.comment(id))))
}

async fn update_comment(Shared(site): Shared<Arc<Site>>, Path(id): Path<u64>, Json(body): Json<Value>) -> Answer {
    let text = comment_in(&body)?;
    let mut state = site.lock();
    let Some(comment) = state.comments.iter_mut().find(|comment| comment.id == id) else {
        return Err(refused(StatusCode::NOT_FOUND, "Not Found"));
    };
    if !comment.is_ours() {
        return Err(refused(StatusCode::FORBIDDEN, "Must have admin rights to Repository."));
    }
    text.clone_into(&mut comment.text);
    Ok((StatusCode::OK, Json(state.comment(id))))
}

fn comment_in(body: &Value) -> Result<&str, Response> {
    match body["body"].as_str() {
        Some(text) if !text.is_empty() && text.chars().count() <= LONGEST_COMMENT => Ok(text),
        _ => Err(unprocessable("Body is too long (maximum is 65536 characters)")),
    }
}

async fn react(Shared(site): Shared<Arc<Site>>, Path(id): Path<u64>, Json(body): Json<Value>) -> Answer {
    let content = body["content"].as_str().unwrap_or_default().to_owned();
    let mut state = site.lock();
    if !["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"].contains(&&*content) {
        return Err(unprocessable("Validation Failed"));
    }
    let reaction = (id, content);
    let status = if state.reactions.contains(&reaction) { StatusCode::OK } else { StatusCode::CREATED };
    if status == StatusCode::CREATED {
        state.reactions.push(reaction);
    }
    Ok((status, Json(json!({ "id": 1, "content": body["content"] }))))
}

/// One page of a list.
fn page_of<'a>(items: impl Iterator<Item = &'a Value>, query: &HashMap<String, String>) -> Vec<Value> {
    let number = |name: &str, usual: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (size, page) = (number("per_page", 30).min(100), number("page", 1));
    items.skip(size * page.saturating_sub(1)).take(size).cloned().collect()
}
