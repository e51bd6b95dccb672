//! Answers that are not told again (docs.github.com, "Best practices for using the REST API"): each has a tag, and who names
//! the tag of what it would be told is told that nothing has changed, which costs nothing of the hour.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, ETAG, HeaderValue, IF_NONE_MATCH};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};

/// The largest answer that gets a tag.
const MAX_BYTES: usize = 8 << 20;

/// What of a request decides about its tag.
#[derive(Debug)]
pub(super) struct Condition {
    reads: bool,
    /// Tags are a login's: the same answer to another token has another one.
    login: Option<HeaderValue>,
    named: Option<HeaderValue>,
}

impl Condition {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let header = |name| request.headers().get(name).cloned();
        Self { reads: *request.method() == Method::GET, login: header(AUTHORIZATION), named: header(IF_NONE_MATCH) }
    }

    /// The answer with its tag, or that it has not changed.
    pub(super) async fn apply(self, answer: Response) -> Response {
        if !self.reads || answer.status() != StatusCode::OK {
            return answer;
        }
        let (mut parts, body) = answer.into_parts();
        let body = to_bytes(body, MAX_BYTES).await.expect("an answer of ours");
        let mut hasher = DefaultHasher::new();
        (&self.login, &body).hash(&mut hasher);
        let tag = HeaderValue::from_str(&format!("W/\"{:016x}\"", hasher.finish())).expect("a header");
        if self.named.as_ref() == Some(&tag) {
            let headers: HeaderMap = [(ETAG, tag)].into_iter().collect();
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        parts.headers.insert(ETAG, tag);
        Response::from_parts(parts, Body::from(body))
    }
}
