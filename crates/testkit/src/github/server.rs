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

use super::guard::Caller;
use super::state::State;
use super::{Site, app, deployments, mail, pulls, register, shapes};

/// The longest comment that GitHub takes, in characters.
const MAX_COMMENT_LENGTH: usize = 65_536;

/// What a handler answers.
pub(super) type Answer = Result<(StatusCode, Json<Value>), Response>;

pub(super) fn router(site: Arc<Site>) -> Router {
    let repository = Router::new()
        .route("/statuses/{sha}", post(create_status))
        .route("/commits/{sha}", get(commit))
        .route("/commits/{sha}/check-runs", get(list_checks))
        .route("/check-runs", post(create_check))
        .route("/check-runs/{id}", patch(update_check))
        .route("/issues/{number}/comments", get(list_comments).post(create_comment))
        .route("/issues/comments/{id}", patch(update_comment))
        .route("/issues/comments/{id}/reactions", post(react))
        .route("/collaborators/{login}/permission", get(permission))
        .route("/deployments", get(deployments::list).post(deployments::create))
        .route("/deployments/{id}/statuses", get(deployments::list_statuses).post(deployments::create_status))
        .route("/pulls", get(pulls::list).post(pulls::open))
        .route("/pulls/{number}", get(pulls::show).patch(pulls::update))
        .route("/pulls/{number}/merge", axum::routing::put(pulls::merge));
    Router::new()
        .nest("/repos/team/models", repository)
        .route("/app/installations/{id}/access_tokens", post(create_token))
        .route("/app/hook/deliveries", get(mail::list))
        .route("/app/hook/deliveries/{id}", get(mail::show))
        .merge(app::routes())
        .route("/user", get(ourselves))
        .route("/user/{id}", get(account))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), identify))
        .merge(register::routes())
        .with_state(site)
}

/// An answer that GitHub gives to what it does not take.
pub(super) fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

pub(super) fn unprocessable(message: &str) -> Response {
    let body = json!({ "message": message, "documentation_url": "https://docs.github.example/rest" });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

/// Says who calls. Those that nobody knows were turned away before.
async fn identify(Shared(site): Shared<Arc<Site>>, mut request: Incoming, next: Next) -> Response {
    let caller = site.lock().guard.caller(request.headers());
    let Some(caller) = caller else { return refused(StatusCode::UNAUTHORIZED, "Bad credentials") };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

pub(super) fn is_app(caller: axum::Extension<Caller>) -> bool {
    caller.0 == Caller::Installation
}

async fn create_token(Shared(site): Shared<Arc<Site>>, Json(body): Json<Value>) -> Answer {
    if body["repositories"] != json!(["models"]) {
        return Err(unprocessable("There is at least one repository that does not exist"));
    }
    let mut state = site.lock();
    if !state.setup.grants(&body["permissions"]) {
        return Err(unprocessable("The permissions requested are not granted to this installation."));
    }
    let (token, until) = state.guard.new_token();
    let answer = json!({ "token": token, "expires_at": until, "permissions": body["permissions"] });
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn ourselves(caller: axum::Extension<Caller>, Shared(site): Shared<Arc<Site>>) -> Answer {
    if is_app(caller) {
        return Err(refused(StatusCode::FORBIDDEN, "Resource not accessible by integration"));
    }
    let state = site.lock();
    Ok((StatusCode::OK, Json(shapes::profile(state.account(State::writer(false).0)))))
}

async fn account(Shared(site): Shared<Arc<Site>>, Path(id): Path<u64>) -> Answer {
    let state = site.lock();
    if !state.people.contains_key(&id) {
        return Err(refused(StatusCode::NOT_FOUND, "Not Found"));
    }
    Ok((StatusCode::OK, Json(shapes::profile(state.account(id)))))
}

async fn permission(Shared(site): Shared<Arc<Site>>, Path(login): Path<String>) -> Answer {
    let state = site.lock();
    let found = state.people.iter().find(|(_, (name, _))| *name == login);
    let Some((id, (_, permission))) = found else { return Err(refused(StatusCode::NOT_FOUND, "Not Found")) };
    Ok((StatusCode::OK, Json(shapes::permission(state.account(*id), permission))))
}

async fn create_status(
    caller: axum::Extension<Caller>,
    Shared(site): Shared<Arc<Site>>,
    Path(sha): Path<String>,
    Json(body): Json<Value>,
) -> Answer {
    let state = body["state"].as_str().unwrap_or_default();
    let description = body["description"].as_str().unwrap_or_default();
    if !matches!(state, "pending" | "success" | "failure" | "error") || description.chars().count() > 140 {
        return Err(unprocessable("Validation Failed"));
    }
    let mut state = site.lock();
    let (id, creator) = (state.new_id(), state.account(State::writer(is_app(caller)).0));
    let status = shapes::status(id, &sha, &body, &creator);
    state.statuses.push(status.clone());
    Ok((StatusCode::CREATED, Json(status)))
}

/// A commit of the repository, with the accounts that its addresses belong to.
async fn commit(Shared(site): Shared<Arc<Site>>, Path(sha): Path<String>) -> Answer {
    let missing = |_| refused(StatusCode::UNPROCESSABLE_ENTITY, "No commit found for SHA");
    let format = ["-1", "--format=%ae%n%an%n%T%n%P"];
    let said = site.repository.log(&sha, &format).await.map_err(missing)?;
    let state = site.lock();
    let mut lines = said.lines();
    let mut line = || lines.next().unwrap_or_default();
    let (email, name, tree, parents) = (line(), line(), line(), line());
    let account = state.emails.get(&email.to_lowercase()).map(|id| state.account(*id));
    let parents: Vec<&str> = parents.split(' ').filter(|parent| !parent.is_empty()).collect();
    Ok((StatusCode::OK, Json(shapes::commit(&sha, (name, email), account.as_ref(), tree, &parents))))
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
    let word = |name: &str| body[name].as_str().unwrap_or_default();
    let mut check = shapes::check(id, word("name"), word("head_sha"));
    change_check(&mut check, &body).map_err(unprocessable)?;
    state.remember(id, state_of(&check));
    state.checks.push(check.clone());
    Ok((StatusCode::CREATED, Json(check)))
}

async fn update_check(Shared(site): Shared<Arc<Site>>, Path(id): Path<u64>, Json(body): Json<Value>) -> Answer {
    let mut state = site.lock();
    let Some(index) = state.checks.iter().position(|check| check["id"] == id) else {
        return Err(refused(StatusCode::NOT_FOUND, "Not Found"));
    };
    let mut check = state.checks[index].clone();
    change_check(&mut check, &body).map_err(unprocessable)?;
    state.remember(id, state_of(&check));
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
fn change_check(check: &mut Value, body: &Value) -> Result<(), &'static str> {
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
        return Err("Validation Failed: too long");
    }
    if output.is_object() && (length(&output["title"]) == 0 || !output["summary"].is_string()) {
        return Err("Validation Failed: output");
    }
    let completed = body["status"] == "completed";
    let conclusion = body["conclusion"].as_str();
    if completed != conclusion.is_some_and(|conclusion| CONCLUSIONS.contains(&conclusion)) {
        return Err("Validation Failed: conclusion");
    }
    for name in ["status", "external_id", "actions", "details_url"] {
        if !body[name].is_null() {
            check[name] = body[name].clone();
        }
    }
    check["conclusion"] = body["conclusion"].clone();
    check["completed_at"] = if completed { json!(shapes::now()) } else { Value::Null };
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
    let text = comment_in(&body).map_err(unprocessable)?;
    let mut state = site.lock();
    let (account, app) = State::writer(is_app(caller));
    let id = state.write_comment(number, account, app, text);
    Ok((StatusCode::CREATED, Json(state.comment(id))))
}

async fn update_comment(Shared(site): Shared<Arc<Site>>, Path(id): Path<u64>, Json(body): Json<Value>) -> Answer {
    let text = comment_in(&body).map_err(unprocessable)?;
    let mut state = site.lock();
    let Some(comment) = state.comments.iter_mut().find(|comment| comment.id == id) else {
        return Err(refused(StatusCode::NOT_FOUND, "Not Found"));
    };
    if !comment.is_ours() {
        return Err(refused(StatusCode::FORBIDDEN, "Must have admin rights to Repository."));
    }
    text.clone_into(&mut comment.text);
    comment.changed_at = shapes::now();
    Ok((StatusCode::OK, Json(state.comment(id))))
}

fn comment_in(body: &Value) -> Result<&str, &'static str> {
    match body["body"].as_str() {
        Some(text) if !text.is_empty() && text.chars().count() <= MAX_COMMENT_LENGTH => Ok(text),
        _ => Err("Body is too long (maximum is 65536 characters)"),
    }
}

async fn react(
    caller: axum::Extension<Caller>,
    Shared(site): Shared<Arc<Site>>,
    Path(id): Path<u64>,
    Json(body): Json<Value>,
) -> Answer {
    let content = body["content"].as_str().unwrap_or_default().to_owned();
    let mut state = site.lock();
    if !["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"].contains(&&*content) {
        return Err(unprocessable("Validation Failed"));
    }
    let reaction = (id, content);
    let status = if state.reactions.contains(&reaction) { StatusCode::OK } else { StatusCode::CREATED };
    if status == StatusCode::CREATED {
        state.reactions.push(reaction.clone());
    }
    let place = state.reactions.iter().position(|known| *known == reaction).unwrap_or_default() as u64;
    let user = state.account(State::writer(is_app(caller)).0);
    Ok((status, Json(shapes::reaction(place + 1, &reaction.1, &user))))
}

/// One page of a list.
pub(super) fn page_of<'a>(items: impl Iterator<Item = &'a Value>, query: &HashMap<String, String>) -> Vec<Value> {
    let number = |name: &str, default: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (size, page) = (number("per_page", 30).min(100), number("page", 1));
    items.skip(size * page.saturating_sub(1)).take(size).cloned().collect()
}
