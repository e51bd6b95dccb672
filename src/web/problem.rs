//! Refusals as problem documents (RFC 9457): what was expected, what was received, and how to fix it.

use std::collections::BTreeMap;

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, response};
use utoipa::{IntoResponses, ToSchema};

use crate::promotions::ActionError;
use slipway_domain::hint_at;
use slipway_store::StoreError;

/// The media type of problem documents.
const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal and its headers.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<u32>,
    with_bearer_challenge: bool,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument<'a> {
    /// Always `about:blank`. The status identifies the problem.
    r#type: &'a str,
    /// Name of the HTTP status.
    title: &'a str,
    /// The HTTP status code.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What was expected, what was received, and how to fix it.
    detail: &'a str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None, with_bearer_challenge: false }
    }

    /// What was expected, what was received, and how to fix it.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// A request of the wrong form.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// There is no such thing. `known` are the names that the caller may see.
    pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} `{name}`{}", hint_at(name, known)))
    }

    /// Adds the number of seconds after which the client may retry.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds the challenge that requests a bearer token (RFC 6750).
    pub(super) fn with_bearer_challenge(mut self) -> Self {
        self.with_bearer_challenge = true;
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("problem");
        let document =
            ProblemDocument { r#type: "about:blank", title, status: self.status.as_u16(), detail: &self.detail };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.with_bearer_challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"slipway\""));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchRun { .. }
            | StoreError::NoSuchDelivery { .. }
            | StoreError::NoSuchReport { .. }
            | StoreError::NotQuarantined { .. } => Self::new(StatusCode::NOT_FOUND, error.to_string()),
            StoreError::IllegalMove(_)
            | StoreError::NotStalled { .. }
            | StoreError::NotAcknowledged { .. }
            | StoreError::NotBehind { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
            // The caller gets the details, because the caller may be the only one who can fix it.
            StoreError::Unreadable(_) => {
                let help = "it may be a newer server's; see `slipway quarantine list`";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}; {help}"))
            }
            error => {
                tracing::error!(%error, "a request failed: {error}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the store failed; the server's log says why")
            }
        }
    }
}

impl From<ActionError> for Problem {
    fn from(error: ActionError) -> Self {
        let status = match error {
            ActionError::Store(error) => return error.into(),
            ActionError::Missing(_) => StatusCode::NOT_FOUND,
            ActionError::Conflict(_) => StatusCode::CONFLICT,
            ActionError::Unreachable(_) => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, error.to_string())
    }
}

/// Responds to a request to an unknown address.
pub(super) async fn no_such_page(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at `{}`", uri.path()))
}

/// Responds to a request with a method that the address does not support.
pub(super) async fn no_such_method(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{method}` does nothing at `{}`", uri.path()))
}

fn described(status: u16) -> RefOr<response::Response> {
    let description = match status {
        400 => "The request is invalid: it contains an unknown parameter or an invalid value.",
        401 => "The bearer token is missing, unknown, revoked or expired.",
        403 => "The role of the token does not permit the action.",
        404 => "The object does not exist, or the token does not cover its source.",
        409 => "The action conflicts with the current state of the object.",
        429 => "The client sent too many requests.",
        502 => "The git server of the environment did not respond correctly.",
        _ => "The server failed. Its log contains the cause.",
    };
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let mut response = ResponseBuilder::new().description(description).content(MEDIA_TYPE, content);
    if status == 401 {
        response = response.header("WWW-Authenticate", HeaderBuilder::new().build());
    }
    if status == 429 {
        response = response.header("Retry-After", HeaderBuilder::new().build());
    }
    response.build().into()
}

fn described_all(statuses: &[u16]) -> BTreeMap<String, RefOr<response::Response>> {
    statuses.iter().map(|status| (status.to_string(), described(*status))).collect()
}

/// Problems of reading a list.
pub(super) struct ListProblems;
/// Problems of reading one item.
pub(super) struct ReadProblems;
/// Problems of reading a run. The first digits of its ID may match several runs.
pub(super) struct RunProblems;
/// Problems of reading data that only administrators may read.
pub(super) struct AdminProblems;
/// Problems of an action.
pub(super) struct ActionProblems;
/// Problems of reading or changing the state of an environment.
pub(super) struct EnvironmentProblems;

impl IntoResponses for ListProblems {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        described_all(&[400, 401, 429, 500])
    }
}

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        described_all(&[400, 401, 404, 429, 500])
    }
}

impl IntoResponses for RunProblems {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        described_all(&[400, 401, 404, 409, 429, 500])
    }
}

impl IntoResponses for AdminProblems {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        described_all(&[400, 401, 403, 429, 500])
    }
}

impl IntoResponses for ActionProblems {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        described_all(&[400, 401, 403, 404, 409, 429, 500])
    }
}

impl IntoResponses for EnvironmentProblems {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        described_all(&[400, 401, 403, 404, 409, 429, 500, 502])
    }
}
