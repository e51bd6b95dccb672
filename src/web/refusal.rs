//! A refused delivery: a word for the counter, and a problem document for the sender.

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

    /// Adds the number of seconds after which the sender may retry.
    pub(super) fn retry_after(self, seconds: u32) -> Self {
        Self { problem: self.problem.retry_after(seconds), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.problem.into_response()
    }
}
