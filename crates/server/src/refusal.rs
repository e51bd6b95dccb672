//! Why a request gets no result: a status and a message for the client.

use std::time::Duration;

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What was expected and what came, for the client.
    pub message: String,
    /// When another attempt may succeed.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    /// The request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// A setting forbids the request.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, message)
    }

    /// There is no such model, version or path.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// The path has another method.
    pub fn method(message: impl Into<String>) -> Self {
        Self::new(405, message)
    }

    /// The client took too long to send the body.
    pub fn slow(message: impl Into<String>) -> Self {
        Self::new(408, message)
    }

    /// The body is too large.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, message)
    }

    /// The body is encoded in a way that is not read.
    pub fn encoding(message: impl Into<String>) -> Self {
        Self::new(415, message)
    }

    /// The model failed for a request that fits its declared inputs.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(500, message)
    }

    /// The server has no room for the request now.
    pub fn busy(message: impl Into<String>, retry_after: Duration) -> Self {
        Self { status: 503, message: message.into(), retry_after: Some(retry_after) }
    }

    /// The request was not answered before its deadline.
    pub fn late(message: impl Into<String>) -> Self {
        Self::new(504, message)
    }
}
