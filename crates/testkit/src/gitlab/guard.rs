//! How often may be called, and how it goes wrong (docs.gitlab.com, "Rate limits", "Response headers").

use std::collections::VecDeque;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::double::{Losses, Request};

/// Calls that are left after any call: plenty.
pub(super) const CALLS_LEFT: &str = "1999";

/// How a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The limit is used up; asks to wait a second.
    Limited,
    /// GitLab is broken.
    Broken,
}

/// What came in, and what is to go wrong.
#[derive(Debug, Default)]
pub(super) struct Guard {
    pub(super) requests: Vec<Request>,
    pub(super) losses: Losses,
    refusals: VecDeque<Refusal>,
}

impl Guard {
    pub(super) fn refuse(&mut self, count: usize, refusal: Refusal) {
        self.refusals.extend(std::iter::repeat_n(refusal, count));
    }

    /// The refusal that is due, if one is.
    pub(super) fn refusal(&mut self) -> Option<Response> {
        Some(match self.refusals.pop_front()? {
            Refusal::Limited => {
                let headers = [("retry-after", "1"), ("ratelimit-remaining", "0"), ("ratelimit-limit", "2000")];
                (StatusCode::TOO_MANY_REQUESTS, headers, "Retry later\n").into_response()
            }
            Refusal::Broken => (StatusCode::BAD_GATEWAY, "GitLab is not responding").into_response(),
        })
    }
}
