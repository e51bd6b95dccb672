//! Counts and times requests by route, and updates the gauges of the store when metrics are requested.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;
use tracing::Instrument as _;

use super::Shared;
use slipway_domain::RunState;
use slipway_store::{Quarantined, StoreError};

/// The route of requests to unknown addresses.
const NO_ROUTE: &str = "none";

/// Counts and times a request. The label is the route, because text that callers write into an address must not become a label.
pub(super) async fn measure(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    // Unknown methods are text from callers as well.
    let method = match request.method().as_str() {
        method @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => method.to_owned(),
        _ => "other".to_owned(),
    };
    let span = tracing::info_span!("request", method, route);
    let response = next.run(request).instrument(span).await;
    let status = response.status().as_str().to_owned();
    metrics::histogram!("slipway_http_request_seconds", "route" => route.clone()).record(begun.elapsed());
    metrics::counter!("slipway_http_requests_total", "method" => method, "route" => route, "status" => status)
        .increment(1);
    response
}

impl Shared {
    /// Sets the gauges to the current figures of the store.
    pub(super) async fn gauge(&self) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let counts = self.store.runs_by_state().await?;
        for state in RunState::ALL {
            let count = counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
            metrics::gauge!("slipway_runs", "state" => state.as_str()).set(number(count));
        }
        let age =
            |since: Option<Timestamp>| since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        let deliveries = self.store.backlog().await?;
        metrics::gauge!("slipway_deliveries_pending").set(number(deliveries.pending));
        metrics::gauge!("slipway_deliveries_oldest_pending_seconds").set(age(deliveries.oldest));
        let (waiting, stalled) = self.store.waiting_and_stalled(now).await?;
        metrics::gauge!("slipway_runs_waiting").set(number(waiting));
        metrics::gauge!("slipway_runs_stalled").set(number(stalled));
        metrics::gauge!("slipway_runs_longest_waiting_seconds").set(age(self.store.longest_waiting(now).await?));
        let mut quarantined = self.store.quarantined_by_kind().await?;
        // Every kind is reported, with zero if no item of it is quarantined. The order lets counts override zeros.
        quarantined.extend(Quarantined::KINDS.map(|kind| (kind.to_owned(), 0)));
        for (kind, count) in quarantined.iter().rev() {
            metrics::gauge!("slipway_quarantined", "kind" => kind.clone()).set(number(*count));
        }
        let behind = self.store.reports_behind().await?;
        for (name, _) in self.activities.context.sources() {
            let of_source = behind.iter().find(|backlog| backlog.source == *name);
            let source = name.as_str().to_owned();
            metrics::gauge!("slipway_reports_behind", "source" => source.clone())
                .set(of_source.map_or(0.0, |backlog| number(backlog.behind)));
            metrics::gauge!("slipway_reports_behind_oldest_seconds", "source" => source)
                .set(age(of_source.map(|backlog| backlog.oldest)));
        }
        metrics::gauge!("slipway_outbox_pending").set(number(behind.iter().map(|backlog| backlog.behind).sum()));
        metrics::gauge!("slipway_outbox_oldest_pending_seconds")
            .set(age(behind.iter().map(|backlog| backlog.oldest).min()));
        Ok(())
    }
}

/// Converts a count to a gauge's value, exact up to `u32::MAX`.
fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
