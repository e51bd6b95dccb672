//! Liveness, readiness and metrics of the server.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::{MetricsAccess, Shared};

/// Time without progress after which a worker counts as stuck. Each worker records progress at least once a second.
const MAX_SILENCE: Duration = Duration::from_mins(1);

/// `GET /livez`: fails when any worker makes no progress.
pub(super) async fn live(State(shared): State<Arc<Shared>>) -> Response {
    liveness(shared.activities.context.longest_silence())
}

fn liveness(silent: Duration) -> Response {
    if silent <= MAX_SILENCE {
        return "ok\n".into_response();
    }
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("a worker has been silent for {} s", silent.as_secs()))
        .into_response()
}

/// `GET /readyz`: fails when the store cannot be written.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    match shared.store.check_writable().await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "the store cannot be written: {error}");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be written").into_response()
        }
    }
}

/// `GET /metrics` in the Prometheus text format.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if shared.settings.metrics == MetricsAccess::Token {
        let parts = (request.method(), request.uri(), request.headers(), request.extensions());
        if let Err(problem) = shared.authenticate_request(parts.0, parts.1, parts.2, parts.3).await {
            return problem.into_response();
        }
    }
    // Counters are returned even while the store cannot be read.
    if let Err(error) = shared.gauge().await {
        tracing::warn!(%error, "the store's figures are those of an earlier look: {error}");
    }
    let content_type = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([content_type], (shared.render_metrics)()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_is_silent_for_over_a_minute_is_no_live_server() {
        assert_eq!(liveness(Duration::from_secs(59)).status(), StatusCode::OK);
        let stuck = liveness(Duration::from_secs(75));
        assert_eq!(stuck.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(stuck.into_body(), 1_000).await.expect("a body");
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(text.contains("a worker has been silent for 75 s"), "{text}");
    }
}
