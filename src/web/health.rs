//! Whether the server lives, whether it is ready, and what it counted.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::{MetricsAccess, Shared};

/// Silence after which the worker is taken for stuck: it shows progress at least once a second.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);

/// `GET /livez`: fails when the worker makes no progress.
pub(super) async fn live(State(shared): State<Arc<Shared>>) -> Response {
    let silent = shared.pipeline.silent_for();
    if silent <= LONGEST_SILENCE {
        return "ok\n".into_response();
    }
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("the worker has been silent for {} s", silent.as_secs()))
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

/// `GET /metrics` in Prometheus's text format.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if shared.settings.metrics == MetricsAccess::Token {
        let asked = (request.method(), request.uri(), request.headers(), request.extensions());
        if let Err(problem) = shared.let_in(asked.0, asked.1, asked.2, asked.3).await {
            return problem.into_response();
        }
    }
    // What was counted is told even while the store cannot be read.
    if let Err(error) = shared.gauge().await {
        tracing::warn!(%error, "the store's figures are those of an earlier look: {error}");
    }
    let content_type = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([content_type], (shared.render_metrics)()).into_response()
}
