//! Answers 500 when a handler panics, counts the panic, and keeps serving other requests.

use std::any::Any;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::CatchPanicLayer;

use super::problem::Problem;

/// The function that turns a panic into a response.
type Answer = fn(Box<dyn Any + Send + 'static>) -> Response;

/// The layer that catches panics of handlers.
pub(super) fn caught() -> CatchPanicLayer<Answer> {
    CatchPanicLayer::custom(answer as Answer)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn answer(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!("a request failed, which is a mistake in this program: {}", message.unwrap_or("(no words)"));
    metrics::counter!("slipway_panics_total").increment(1);
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed; the server's log says why").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn a_panic_is_an_answer_and_the_next_request_is_served() {
        let failing = get(async || -> &'static str { panic!("a mistake") });
        let router = Router::new().route("/fails", failing).route("/works", get(|| async {})).layer(caught());
        for (path, status) in [("/fails", 500), ("/works", 200), ("/fails", 500)] {
            let request = Request::get(path).body(Body::empty()).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            assert_eq!(answer.status().as_u16(), status, "{path}");
        }
    }
}
