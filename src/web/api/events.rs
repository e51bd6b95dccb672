//! Streams the transitions of all runs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::enums::RunState;
use super::extract::{Query, number};
use super::follow::{Feed, FeedBatch, follow as follow_feed, place};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::{ListProblems, Problem};
use slipway_store::{Change, StoreError};

/// Number of transitions that are read at a time.
const TOGETHER: u32 = 200;

/// A transition of a run: the data of an event of the type `run`.
#[derive(Serialize, ToSchema)]
pub(super) struct RunTransition {
    /// Sequence number among the transitions of all runs. It is also the identifier of the event.
    sequence: u64,
    /// Identifier of the run.
    run: uuid::Uuid,
    /// Name of the source in the server's settings.
    source: String,
    /// Name of the model; null if the model file contains no name.
    model: Option<String>,
    /// The previous state; null for the first transition of a run.
    from: Option<RunState>,
    /// The next state.
    to: RunState,
    /// Time of the transition.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Cause of the transition.
    cause: String,
    /// The actor that caused the transition.
    actor: String,
}

impl From<Change> for RunTransition {
    fn from(change: Change) -> Self {
        let Change { sequence, run, source, model, transition } = change;
        let slipway_domain::Transition { from, to, at, cause, actor } = transition;
        Self {
            sequence,
            run: run.as_uuid(),
            source: source.into(),
            model: slipway_domain::model_name(&model).map(str::to_owned),
            from: from.map(RunState::from),
            to: to.into(),
            at,
            cause,
            actor: actor.as_str().to_owned(),
        }
    }
}

/// Parameters of the stream.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Behind {
    /// Only transitions after this `sequence`; the default is the newest one. The header `Last-Event-ID` takes precedence.
    after: Option<u64>,
}

struct Changes {
    caller: Caller,
    /// The last transition that was read; `None` before the first read.
    after: Option<u64>,
}

impl Feed for Changes {
    async fn next_events(&mut self, shared: &Shared) -> Result<FeedBatch, StoreError> {
        let Some(after) = self.after else {
            let newest = shared.store.newest_change().await?;
            self.after = Some(newest);
            let begin = Event::default().event("begin").id(newest.to_string()).data("{}");
            return Ok(FeedBatch { events: vec![begin], over: false });
        };
        let mut after = after;
        loop {
            let changes = shared.store.changes(after, TOGETHER).await?;
            let Some(last) = changes.last() else { return Ok(FeedBatch { events: Vec::new(), over: false }) };
            after = last.sequence;
            self.after = Some(after);
            let covered = changes.into_iter().filter(|change| self.caller.covers(&change.source));
            let events: Vec<Event> = covered.map(event).collect();
            if !events.is_empty() {
                return Ok(FeedBatch { events, over: false });
            }
        }
    }
}

fn event(change: Change) -> Event {
    let id = change.sequence.to_string();
    let text = serde_json::to_string(&RunTransition::from(change)).expect("a move is made of texts and numbers");
    Event::default().event("run").id(id).data(text)
}

/// Streams the transitions of all runs that the token covers.
///
/// An event of the type `run` contains one transition. Its identifier is the `sequence` of the transition. Without `after` and
/// `Last-Event-ID`, the first event has the type `begin` and the identifier of the newest transition.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "followRuns",
    tag = "runs",
    params(Behind, ("last-event-id" = Option<u64>, Header, description = "Identifier of the last event that the client received.")),
    responses(
        (status = 200, description = "Transitions of runs as they happen.", body = RunTransition, content_type = "text/event-stream"),
        ListProblems
    )
)]
pub(super) async fn follow(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(Behind { after }): Query<Behind>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = place(&headers, number("after", after)?)?;
    let feed = Changes { caller: caller.clone(), after };
    follow_feed(shared, caller, feed)
}
