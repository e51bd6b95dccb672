//! Returns a run's log, or streams it line by line.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::Json;
use super::enums::RunState;
use super::extract::{Query, RunOf, RunPath, number};
use super::follow::{Feed, FeedBatch, MEDIA_TYPE, follow, place};
use super::page;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::{Problem, RunProblems};
use slipway_domain::RunId;
use slipway_store::StoreError;

/// Number of lines that are read at a time for a stream.
const TOGETHER: u32 = 200;

/// A line of a run's log.
#[derive(Serialize, ToSchema)]
pub(super) struct LogLine {
    /// Number of the line, counted from one.
    number: u64,
    /// Time at which the trainer wrote the line.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The text of the line.
    line: String,
}

impl From<slipway_store::LogLine> for LogLine {
    fn from(line: slipway_store::LogLine) -> Self {
        let slipway_store::LogLine { number, at, line } = line;
        Self { number, at, line }
    }
}

/// A page of a run's log.
#[derive(Serialize, ToSchema)]
pub(super) struct LogPage {
    /// The lines, oldest first.
    lines: Vec<LogLine>,
}

/// Parameters of the log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Lines {
    /// Only lines after this number.
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    after: Option<u64>,
    /// Maximum number of lines; the default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The lines of a run until it ends.
struct Growing {
    run: RunId,
    after: u64,
}

impl Feed for Growing {
    async fn next_events(&mut self, shared: &Shared) -> Result<FeedBatch, StoreError> {
        // The state is read before the lines, because a run that has ended writes no further lines.
        let state = shared.store.run(self.run).await?.status.state;
        let lines = shared.store.log(self.run, self.after, TOGETHER).await?;
        let over = !state.is_active() && lines.is_empty();
        self.after = lines.last().map_or(self.after, |line| line.number);
        let mut events: Vec<Event> = lines.into_iter().map(event).collect();
        if over {
            let end = End { state: state.into() };
            let end = serde_json::to_string(&end).expect("a state is a word");
            events.push(Event::default().event("end").data(end));
        }
        Ok(FeedBatch { events, over })
    }
}

/// Data of the last event of a log.
#[derive(Serialize)]
struct End {
    state: RunState,
}

fn event(line: slipway_store::LogLine) -> Event {
    let id = line.number.to_string();
    let text = serde_json::to_string(&LogLine::from(line)).expect("a line is made of texts and numbers");
    Event::default().event("line").id(id).data(text)
}

/// Whether the caller requests server-sent events.
fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(MEDIA_TYPE)))
}

/// Shows the output of a run's trainer.
///
/// With `Accept: text/event-stream`, the server streams the output until the run ends. An event of the type `line` contains one
/// line. The last event has the type `end` and contains the final state of the run.
#[utoipa::path(
    get,
    path = "/runs/{id}/log",
    operation_id = "showRunLog",
    tag = "runs",
    params(RunPath, Lines),
    responses(
        (
            status = 200,
            description = "Lines of the log.",
            content((LogPage = "application/json"), (LogLine = "text/event-stream"))
        ),
        RunProblems
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    RunOf(id): RunOf,
    Query(lines): Query<Lines>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (limit, after) = (page(lines.limit)?, number("after", lines.after)?);
    let id = shared.run_for(&caller, id).await?.id;
    if wants_events(&headers) {
        let after = place(&headers, after)?.unwrap_or(0);
        return follow(shared, caller, Growing { run: id, after });
    }
    let lines = shared.store.log(id, after.unwrap_or(0), limit).await?;
    let lines = lines.into_iter().map(LogLine::from).collect();
    Ok(Json(LogPage { lines }).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sent_to_those_who_ask_for_them_only() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            wants_events(&headers)
        };
        assert!(wants("text/event-stream") && wants("application/json, Text/Event-Stream;q=0.9"));
        assert!(!wants("*/*") && !wants("application/json") && !wants("text/event-streams"));
        assert!(!wants_events(&HeaderMap::new()));
    }
}
