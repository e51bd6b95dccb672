//! Every refusal as a problem document (RFC 9457): what was expected, what came, what to do.

use std::collections::BTreeMap;

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, response};
use utoipa::{IntoResponses, ToSchema};

use crate::promotions::ActionError;
use slipway_store::StoreError;

/// The media type of problem documents.
const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal as it is sent.
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
    /// Always `about:blank`: the status says what kind of problem it is.
    r#type: &'a str,
    /// The status in words.
    title: &'a str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What was expected, what came, and what to do.
    detail: &'a str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None, with_bearer_challenge: false }
    }

    /// What was expected, what came, and what to do.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// A request that cannot be understood.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The same problem, with the seconds after which another try makes sense.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same problem, with the word that a bearer token is expected (RFC 6750).
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
            // What is wrong with it is the caller's to know: nobody else may be able to mend it.
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

/// Any address that does not exist.
pub(super) async fn no_such_page(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at `{}`", uri.path()))
}

/// An address that exists, asked with another method.
pub(super) async fn no_such_method(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{method}` does nothing at `{}`", uri.path()))
}

fn described(status: u16) -> RefOr<response::Response> {
    let description = match status {
        400 => "The request cannot be understood: an unknown parameter, or a value of the wrong form.",
        401 => "No bearer token was sent, or it is not known, revoked or expired.",
        403 => "The token's role does not suffice.",
        404 => "There is no such thing, or the token does not cover its source.",
        409 => "What is asked for does not fit the present state.",
        429 => "Too many requests.",
        502 => "The environment's git server does not answer as it should.",
        _ => "The server failed; its log says why.",
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

/// What may go wrong with reading a list.
pub(super) struct ListProblems;
/// What may go wrong with reading one thing.
pub(super) struct ReadProblems;
/// What may go wrong with reading a run, whose first digits may be those of several.
pub(super) struct RunProblems;
/// What may go wrong with reading what only administrators may read.
pub(super) struct AdminProblems;
/// What may go wrong with steering.
pub(super) struct ActionProblems;
/// What may go wrong with reading or changing what is decided about an environment.
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
