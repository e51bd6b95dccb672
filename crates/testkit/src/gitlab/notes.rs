//! Notes below merge requests, emoji on them, and who is a member (docs.gitlab.com, "Notes API", "Emoji reactions API",
//! "Members API").

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Site;
use super::server::{Answer, bounded, message, not_found, page_of};
use super::state::ROBOT;

/// The longest note, in characters ("Notes API": "Limited to 1,000,000 characters").
const MAX_NOTE_LENGTH: usize = 1_000_000;
/// Emoji that it knows.
const EMOJI: &[&str] = &["thumbsup", "thumbsdown", "confused", "rocket", "eyes"];

pub(super) async fn list(
    Shared(site): Shared<Arc<Site>>,
    Path((_, number)): Path<(String, u64)>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let state = site.lock();
    let mut notes: Vec<Value> =
        state.notes.iter().filter(|note| note.merge == number).map(|note| state.shown_note(note)).collect();
    // The newest come first where nothing else is asked for.
    if query.get("sort").is_none_or(|sort| sort != "asc") {
        notes.reverse();
    }
    Ok((StatusCode::OK, Json(page_of(notes, &query).into())))
}

pub(super) async fn write(
    Shared(site): Shared<Arc<Site>>,
    Path((_, number)): Path<(String, u64)>,
    Json(body): Json<Value>,
) -> Answer {
    let text = text_of(&body)?;
    let mut state = site.lock();
    if !state.merges.iter().any(|merge| merge.number == number) {
        return Err(not_found("Merge Request"));
    }
    let id = state.write_note(number, ROBOT, text);
    let note = state.notes.iter().find(|note| note.id == id).map(|note| state.shown_note(note));
    Ok((StatusCode::CREATED, Json(note.into())))
}

pub(super) async fn replace(
    Shared(site): Shared<Arc<Site>>,
    Path((_, number, id)): Path<(String, u64, u64)>,
    Json(body): Json<Value>,
) -> Answer {
    let text = text_of(&body)?;
    let mut state = site.lock();
    let Some(place) = state.notes.iter().position(|note| note.id == id && note.merge == number) else {
        return Err(not_found("Note"));
    };
    if state.notes[place].account != ROBOT {
        return Err(message(StatusCode::FORBIDDEN, "403 Forbidden"));
    }
    text.clone_into(&mut state.notes[place].text);
    Ok((StatusCode::OK, Json(state.shown_note(&state.notes[place]))))
}

fn text_of(body: &Value) -> Result<&str, (StatusCode, Json<Value>)> {
    bounded(body, "body", MAX_NOTE_LENGTH)?;
    let missing = || (StatusCode::BAD_REQUEST, Json(json!({ "error": "body is missing" })));
    body["body"].as_str().filter(|text| !text.trim().is_empty()).ok_or_else(missing)
}

pub(super) async fn award(
    Shared(site): Shared<Arc<Site>>,
    Path((_, number, id)): Path<(String, u64, u64)>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let name = query.get("name").cloned().unwrap_or_default();
    let mut state = site.lock();
    if !state.notes.iter().any(|note| note.id == id && note.merge == number) {
        return Err(not_found("Note"));
    }
    if !EMOJI.contains(&&*name) {
        return Err(not_found("Award Emoji Name is not a valid emoji name"));
    }
    let award = (id, ROBOT, name);
    if state.awards.contains(&award) {
        return Err(not_found("Award Emoji Name has already been taken"));
    }
    let shown = json!({ "id": state.new_id(), "name": award.2, "awardable_id": id, "awardable_type": "Note" });
    state.awards.push(award);
    Ok((StatusCode::CREATED, Json(shown)))
}

pub(super) async fn member(Shared(site): Shared<Arc<Site>>, Path((_, id)): Path<(String, u64)>) -> Answer {
    let state = site.lock();
    let Some((username, access_level)) = state.people.get(&id) else { return Err(not_found("")) };
    let member = json!({ "id": id, "username": username, "state": "active", "access_level": access_level });
    Ok((StatusCode::OK, Json(member)))
}
