//! `/api/v1`: runs, read and steered.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::Shared;
use super::problem::Problem;
use crate::domain::{Actor, Run, RunId, Transition};
use crate::store::{LogLine, RunFilter, StoreError};

/// Runs answered at once when nothing else is asked for, and at most.
const USUAL_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 500;

#[derive(Serialize)]
pub(super) struct RunList {
    runs: Vec<Run>,
}

#[derive(Serialize)]
pub(super) struct RunWithWay {
    #[serde(flatten)]
    run: Run,
    transitions: Vec<Transition>,
}

#[derive(Serialize)]
pub(super) struct LogPage {
    lines: Vec<LogLine>,
}

#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<u32>,
    after: Option<u64>,
}

impl Page {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL_PAGE).clamp(1, LARGEST_PAGE)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchRun { .. } => Self::new(StatusCode::NOT_FOUND, error.to_string()),
            StoreError::IllegalMove(_) | StoreError::NotStalled { .. } => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            error => {
                tracing::error!(%error, "a request failed: {error}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the store failed; the server's log says why")
            }
        }
    }
}

/// Refuses a caller without the token, if one is set, before any handler of the API runs. Compared as signatures are,
/// in constant time.
pub(super) async fn authorize(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match &shared.settings.api_token {
        Some(token) if !given.is_some_and(|given| token.equals(given)) => {
            let detail = "this needs the header `Authorization: Bearer TOKEN` with the server's API token";
            Problem::new(StatusCode::UNAUTHORIZED, detail).into_response()
        }
        _ => next.run(request).await,
    }
}

fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "a run's identifier is a UUID"))
}

type Answer<T> = Result<Json<T>, Problem>;

/// `GET /api/v1/runs`.
pub(super) async fn list_runs(State(shared): State<Arc<Shared>>, Query(page): Query<Page>) -> Answer<RunList> {
    Ok(Json(RunList { runs: shared.store.runs(&RunFilter::default(), page.limit()).await? }))
}

/// `GET /api/v1/runs/{id}`.
pub(super) async fn show_run(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer<RunWithWay> {
    let id = run_id(&id)?;
    let (run, transitions) = (shared.store.run(id).await?, shared.store.transitions(id).await?);
    Ok(Json(RunWithWay { run, transitions }))
}

/// `GET /api/v1/runs/{id}/log`.
pub(super) async fn show_log(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Answer<LogPage> {
    let id = run_id(&id)?;
    shared.store.run(id).await?;
    let lines = shared.store.log(id, page.after.unwrap_or(0), page.limit()).await?;
    Ok(Json(LogPage { lines }))
}

/// `POST /api/v1/runs/{id}/cancel`.
pub(super) async fn cancel_run(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer<Run> {
    Ok(Json(shared.pipeline.cancel(run_id(&id)?, &Actor::anyone()).await?))
}

/// `POST /api/v1/runs/{id}/retry`.
pub(super) async fn retry_run(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer<Run> {
    Ok(Json(shared.pipeline.retry(run_id(&id)?, &Actor::anyone()).await?))
}
