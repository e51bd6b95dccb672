//! A delivery that is not taken: a word for the counter, a problem for the sender.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// A refused delivery.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The value of `outcome` in `slipway_deliveries_total`.
    pub(super) word: &'static str,
    problem: Problem,
}

impl Refusal {
    pub(super) fn new(word: &'static str, status: StatusCode, detail: impl Into<String>) -> Self {
        Self { word, problem: Problem::new(status, detail) }
    }

    /// The same refusal, with the seconds after which another try makes sense.
    pub(super) fn retry_after(self, seconds: u32) -> Self {
        Self { problem: self.problem.retry_after(seconds), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.problem.into_response()
    }
}
