//! Returns the result of a delivery to senders that request to wait for it (`Prefer: wait`, RFC 7240 section 4.3). Slipway's git
//! hooks do so, so that users see the result in the terminal after a push.

use std::time::{Duration, Instant};

use axum::Json;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tokio::time::timeout;

use super::Shared;
use slipway_domain::{CommitSha, Delivery, DeliveryState, EventKind, Run, SourceName};
use slipway_store::StoreError;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Maximum wait. It is short because a user waits at the terminal.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Maximum number of deliveries that are waited for at the same time.
pub(super) const WAITERS: usize = 32;
/// Time that the store may take for the response, in addition to the wait.
const ANSWER: Duration = Duration::from_secs(1);
/// How often the store is queried during a wait.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Result of a delivery.
#[derive(Serialize)]
struct Outcome {
    /// State of its processing: `pending`, `done`, `ignored` or `dead`.
    state: &'static str,
    /// Explanation of the state.
    note: String,
    /// Runs of models at the revision of the push.
    runs: Vec<Opened>,
    /// Files with mistakes that name no model. Senders of earlier versions read only the note.
    files: Vec<Broken>,
}

/// A file that names no model.
#[derive(Serialize)]
struct Broken {
    file: String,
    /// The run that reports its mistakes.
    run: String,
    /// Its page; null if the settings have no public URL.
    page: Option<String>,
}

#[derive(Serialize)]
struct Opened {
    id: String,
    model: String,
    environment: String,
    /// Its page; null if the settings have no public URL.
    page: Option<String>,
}

/// Returns how long a sender requests to wait, limited to the maximum. `None` if it does not request it.
pub(super) fn wait_of(headers: &HeaderMap) -> Option<Duration> {
    let preferences =
        headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    let wait = preferences.filter_map(|preference| {
        let (name, seconds) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| seconds.trim().trim_matches('"').parse::<u64>().ok())?
    });
    wait.min().map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT))
}

/// Waits until a delivery is processed, and answers with its result. After `wait` the result is `pending`. If too many senders
/// wait already, the response is 202 without a result: the delivery is stored.
pub(super) async fn answer(shared: &Shared, source: &SourceName, id: &str, wait: Duration) -> Response {
    let Ok(_place) = shared.waiters.try_acquire() else { return StatusCode::ACCEPTED.into_response() };
    match timeout(wait + ANSWER, outcome(shared, source, id, wait)).await {
        Ok(Ok(outcome)) => {
            let applied = [(APPLIED, format!("wait={}", wait.as_secs()))];
            (StatusCode::ACCEPTED, applied, Json(outcome)).into_response()
        }
        Ok(Err(error)) => {
            tracing::debug!(source = %source, delivery.id = id, %error, "what became of a delivery is not known: {error}");
            StatusCode::ACCEPTED.into_response()
        }
        Err(_) => StatusCode::ACCEPTED.into_response(),
    }
}

async fn outcome(shared: &Shared, source: &SourceName, id: &str, wait: Duration) -> Result<Outcome, StoreError> {
    let begun = Instant::now();
    let (state, note) = loop {
        let (state, note) = shared.store.delivery_state(source, id).await?;
        if state != DeliveryState::Pending || begun.elapsed() >= wait {
            break (state, note);
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = shared.stop.cancelled() => return Err(StoreError::Closing),
        }
    };
    let (runs, files) = match state {
        DeliveryState::Done => opened_by(shared, source, id).await?,
        _ => (Vec::new(), Vec::new()),
    };
    Ok(Outcome { state: state.as_str(), note, runs, files })
}

/// Returns the runs of a push: those of its revision on the branch that are active or were opened since the delivery. Files that
/// name no model are returned separately.
async fn opened_by(shared: &Shared, source: &SourceName, id: &str) -> Result<(Vec<Opened>, Vec<Broken>), StoreError> {
    let delivery = shared.store.delivery(source, id).await?.delivery;
    let Some(revision) = revision_of(shared, &delivery) else { return Ok((Vec::new(), Vec::new())) };
    let pages = shared.activities.context.sources().find(|(name, _)| *name == source);
    let pages = pages.and_then(|(_, source)| source.pages.as_ref());
    let mut runs = shared.store.newest_at(source, &revision).await?;
    runs.retain(|run| {
        run.cause.pull_request.is_none() && (run.status.state.is_active() || run.created_at >= delivery.received_at)
    });
    let (named, nameless): (Vec<Run>, Vec<Run>) = runs.into_iter().partition(|run| run.model_name().is_some());
    let opened = named.into_iter().map(|run| Opened {
        id: run.id.to_string(),
        page: pages.map(|pages| pages.of(run.id)),
        environment: run.cause.environment.to_string(),
        model: run.cause.model,
    });
    let broken = nameless.into_iter().map(|run| Broken {
        run: run.id.to_string(),
        page: pages.map(|pages| pages.of(run.id)),
        file: run.cause.file,
    });
    Ok((opened.collect(), broken.collect()))
}

/// Returns the revision of a push.
fn revision_of(shared: &Shared, delivery: &Delivery) -> Option<CommitSha> {
    let (hook, _) = shared.hooks.get(&delivery.source)?;
    let events = hook.forge.read(&delivery.event, &delivery.body).ok()?;
    events.into_iter().find_map(|event| match event.kind {
        EventKind::Push(push) => push.movement.after().cloned(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_wait_is_granted_up_to_five_seconds_and_only_to_whoever_asks() {
        for (text, wait) in [
            ("wait=3", Some(3)),
            ("respond-async, Wait = 2", Some(2)),
            ("wait=\"4\"", Some(4)),
            ("wait=9999999999", Some(5)),
            ("wait=3, wait=1", Some(1)),
            ("wait", None),
            ("wait=-1", None),
            ("wait=99999999999999999999999", None),
            ("waiting=3", None),
        ] {
            let headers = HeaderMap::from_iter([(PREFER, HeaderValue::from_static(text))]);
            assert_eq!(wait_of(&headers), wait.map(Duration::from_secs), "{text}");
        }
        assert_eq!(wait_of(&HeaderMap::new()), None);
    }
}
