//! A run's log, line by line.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Query, RunOf};
use super::{Answer, page};
use crate::store;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::ReadProblems;

/// A line of a run's log.
#[derive(Serialize, ToSchema)]
pub(super) struct LogLine {
    /// Its place in the log, from one.
    number: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    line: String,
}

impl From<store::LogLine> for LogLine {
    fn from(line: store::LogLine) -> Self {
        let store::LogLine { number, at, line } = line;
        Self { number, at, line }
    }
}

/// A page of a run's log.
#[derive(Serialize, ToSchema)]
pub(super) struct LogPage {
    lines: Vec<LogLine>,
}

/// Which lines are shown.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Lines {
    /// Only lines behind this one, by its number.
    after: Option<u64>,
    /// How many lines; 50 if absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Shows what the trainer said.
#[utoipa::path(
    get,
    path = "/runs/{id}/log",
    operation_id = "showRunLog",
    tag = "runs",
    params(("id" = String, Path, description = "The run.", format = Uuid), Lines),
    responses((status = 200, description = "Lines of the log, oldest first.", body = LogPage), ReadProblems)
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    RunOf(id): RunOf,
    Query(lines): Query<Lines>,
) -> Answer<LogPage> {
    let limit = page(lines.limit)?;
    shared.run_for(&caller, id).await?;
    let lines = shared.store.log(id, lines.after.unwrap_or(0), limit).await?;
    Ok(Json(LogPage { lines: lines.into_iter().map(LogLine::from).collect() }))
}
