//! Streams events as server-sent events (WHATWG HTML, 9.2) until no further events are possible, the caller disconnects or loses
//! the token, or the server stops.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use slipway_domain::Retry;
use slipway_store::StoreError;

/// The media type of server-sent events.
pub(super) const MEDIA_TYPE: &str = "text/event-stream";
/// How often the store is polled without a notification. Other servers may share the store.
const POLL: Duration = Duration::from_secs(1);
/// How often a keep-alive is sent, which detects callers that disconnected.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a caller's token is checked again.
const TOKEN_RECHECK_INTERVAL: Duration = Duration::from_secs(15);
/// Seconds after which a caller may retry if too many callers follow.
const AGAIN: u32 = 10;

/// Events since the previous call.
pub(super) struct FeedBatch {
    pub(super) events: Vec<Event>,
    /// Whether no further events are possible.
    pub(super) over: bool,
}

/// A source of events.
pub(super) trait Feed: Send + 'static {
    /// Returns the events since the previous call. The list is empty if there are none.
    fn next_events(&mut self, shared: &Shared) -> impl Future<Output = Result<FeedBatch, StoreError>> + Send;
}

struct Following<F> {
    shared: Arc<Shared>,
    caller: Caller,
    feed: F,
    changes: watch::Receiver<()>,
    waiting: VecDeque<Event>,
    over: bool,
    checked_at: Instant,
    _place: OwnedSemaphorePermit,
}

/// Returns where a caller continues: after the last event that it received, by header or by parameter.
pub(super) fn place(headers: &HeaderMap, after: Option<u64>) -> Result<Option<u64>, Problem> {
    let Some(known) = headers.get("last-event-id") else { return Ok(after) };
    let known = known.to_str().ok().and_then(|known| known.parse().ok());
    known.map(Some).ok_or_else(|| Problem::bad_request("`Last-Event-ID` is no number of an event"))
}

/// Streams a feed to a caller.
pub(super) fn follow(shared: Arc<Shared>, caller: Caller, feed: impl Feed) -> Result<Response, Problem> {
    let place = shared.followers.clone().try_acquire_owned().map_err(|_| {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many callers follow what happens").retry_after(AGAIN)
    })?;
    let following = Following {
        changes: shared.activities.context.changes(),
        shared,
        caller,
        feed,
        waiting: VecDeque::new(),
        over: false,
        checked_at: Instant::now(),
        _place: place,
    };
    let events = unfold(following, |mut following| async {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

impl<F: Feed> Following<F> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.over || self.shared.stop.is_cancelled() || !self.may_go_on().await {
                return None;
            }
            match self.feed.next_events(&self.shared).await {
                Ok(FeedBatch { events, over }) => {
                    self.waiting = events.into();
                    self.over = over;
                }
                Err(error) if error.retry() == Retry::Never => return None,
                Err(error) => tracing::warn!(%error, "what happened cannot be read, and is asked for again: {error}"),
            }
            if self.waiting.is_empty() && !self.over {
                self.wait().await;
            }
        }
    }

    async fn may_go_on(&mut self) -> bool {
        if self.checked_at.elapsed() < TOKEN_RECHECK_INTERVAL {
            return true;
        }
        self.checked_at = Instant::now();
        self.shared.is_still_valid(&self.caller).await
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.changes.changed() => {}
            () = tokio::time::sleep(POLL) => {}
            () = self.shared.stop.cancelled() => {}
        }
    }
}
