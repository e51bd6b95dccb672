//! Deployments over HTTP. One that succeeded in an environment makes those before it there inactive.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::guard::Caller;
use super::server::{Answer, is_app, page_of, refused, unprocessable};
use super::state::State;
use super::{Site, shapes};

/// The longest description of a status, in characters.
const MAX_DESCRIPTION_LENGTH: usize = 140;

/// A deployment with its statuses, oldest first.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) shown: Value,
    statuses: Vec<Value>,
}

impl Deployment {
    /// The states it went through.
    pub(super) fn states(&self) -> Vec<String> {
        self.statuses.iter().filter_map(|status| status["state"].as_str()).map(str::to_owned).collect()
    }
}

pub(super) async fn list(
    Shared(site): Shared<Arc<Site>>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Vec<Value>> {
    let state = site.lock();
    let wanted = |made: &&Value| {
        ["sha", "ref", "task", "environment"]
            .iter()
            .all(|name| query.get(*name).is_none_or(|wanted| made[*name] == wanted.as_str()))
    };
    // The newest come first.
    Json(page_of(state.deployments.iter().rev().map(|made| &made.shown).filter(wanted), &query))
}

pub(super) async fn create(
    caller: axum::Extension<Caller>,
    Shared(site): Shared<Arc<Site>>,
    Json(body): Json<Value>,
) -> Answer {
    let wanted = body["ref"].as_str().unwrap_or_default();
    let Ok(sha) = site.repository.rev_parse(&format!("{wanted}^{{commit}}")).await else {
        return Err(unprocessable(&format!("No ref found for: {wanted}")));
    };
    if body["auto_merge"] != json!(false) || body["required_contexts"] != json!([]) {
        return Err(refused(StatusCode::CONFLICT, "Conflict: Commit status checks failed"));
    }
    let by_app = is_app(caller);
    let mut state = site.lock();
    let (id, creator) = (state.new_id(), state.account(State::writer(by_app).0));
    let shown = shapes::deployment(id, &sha, &body, &creator, by_app);
    state.deployments.push(Deployment { shown: shown.clone(), statuses: Vec::new() });
    Ok((StatusCode::CREATED, Json(shown)))
}

pub(super) async fn list_statuses(
    Shared(site): Shared<Arc<Site>>,
    Path(id): Path<u64>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let state = site.lock();
    let Some(made) = state.deployments.iter().find(|made| made.shown["id"] == id) else {
        return Err(refused(StatusCode::NOT_FOUND, "Not Found"));
    };
    Ok((StatusCode::OK, Json(json!(page_of(made.statuses.iter().rev(), &query)))))
}

pub(super) async fn create_status(
    Shared(site): Shared<Arc<Site>>,
    Path(id): Path<u64>,
    Json(body): Json<Value>,
) -> Answer {
    const STATES: [&str; 7] = ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"];
    let description = body["description"].as_str().unwrap_or_default();
    let is_known = body["state"].as_str().is_some_and(|state| STATES.contains(&state));
    if !is_known || description.chars().count() > MAX_DESCRIPTION_LENGTH {
        return Err(unprocessable("Validation Failed"));
    }
    let mut state = site.lock();
    let status_id = state.new_id();
    let Some(place) = state.deployments.iter().position(|made| made.shown["id"] == id) else {
        return Err(refused(StatusCode::NOT_FOUND, "Not Found"));
    };
    let status = shapes::deployment_status(status_id, &state.deployments[place].shown, &body);
    if body["state"] == "success" && body["auto_inactive"] != json!(false) {
        retire_those_before(&mut state, place);
    }
    state.deployments[place].statuses.push(status.clone());
    Ok((StatusCode::CREATED, Json(status)))
}

/// Production environments are left alone.
fn retire_those_before(state: &mut State, place: usize) {
    let environment = state.deployments[place].shown["environment"].clone();
    for index in (0..state.deployments.len()).filter(|index| *index != place) {
        let id = state.new_id();
        let made = &mut state.deployments[index];
        let succeeded = made.statuses.last().is_some_and(|status| status["state"] == "success");
        if made.shown["environment"] == environment && made.shown["production_environment"] == false && succeeded {
            made.statuses.push(shapes::deployment_status(id, &made.shown, &json!({ "state": "inactive" })));
        }
    }
}
