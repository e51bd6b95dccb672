//! Calls of a forge's API over `ureq`, for all forges except GitHub.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use ureq::http::response::Parts;
use ureq::http::{HeaderName, HeaderValue, Method, Request};

use super::address::Address;
use super::preflight::ProbeAnswer;
use super::{ApiError, answer};

/// Bytes of the write buffer, half of the bytes of the read buffer, and the most bytes of a response's headers, which have to fit
/// into the read buffer. A connection that is kept for the next call keeps both buffers. Each source has one connection.
const BUFFER: usize = 16 * 1024;
/// The longest time for a response.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// The `user-agent` of all calls.
pub(super) const AGENT: &str = concat!("slipway/", env!("CARGO_PKG_VERSION"));

/// Sends one call and returns its response, over any transport.
#[async_trait]
pub(super) trait Calls: Send + Sync {
    /// Sends a call to `path` below the API's address.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ApiError>;
}

/// The client of one repository and one login.
#[derive(Clone)]
pub(super) struct Client {
    address: Address,
    login: (HeaderName, HeaderValue),
    agent: ureq::Agent,
}

impl Client {
    /// A client that sends `value` in the header `name`.
    pub(super) fn new(address: Address, name: &'static str, value: &str) -> Result<Self, String> {
        let mut login = HeaderValue::from_str(value)
            .map_err(|_| "the token contains characters that are not allowed in a header")?;
        login.set_sensitive(true);
        Ok(Self { address, login: (HeaderName::from_static(name), login), agent: agent() })
    }

    /// The repository of the calls.
    pub(super) fn repository(&self) -> &str {
        &self.address.repository
    }

    /// The address of the API.
    pub(super) fn url(&self) -> &str {
        &self.address.url
    }

    /// A response with the facts about the connection.
    pub(super) async fn probe(&self, path: &str) -> Result<ProbeAnswer, ApiError> {
        let (client, path) = (self.clone(), path.to_owned());
        let asked_at = Timestamp::now();
        let probe = move || {
            let (parts, body) = client.send(Method::GET, &path, None)?;
            Ok(ProbeAnswer::new(parts.status, parts.headers, &body, asked_at))
        };
        away(probe).await
    }

    fn send(&self, method: Method, path: &str, body: Option<String>) -> Result<(Parts, Vec<u8>), ApiError> {
        let unreachable = |error: &dyn std::fmt::Display| ApiError::Unreachable { reason: error.to_string() };
        let (name, value) = &self.login;
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address.url))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("user-agent", AGENT)
            .header(name, value);
        let answer = match body {
            Some(body) => request.body(body).map(|request| self.agent.run(request)),
            None => request.body(()).map(|request| self.agent.run(request)),
        };
        let answer = answer.map_err(|error| unreachable(&error))?.map_err(|error| unreachable(&error))?;
        let (parts, body) = answer.into_parts();
        if let Some(left) = answer::calls_left(&parts.headers) {
            metrics::gauge!("slipway_forge_calls_left", "repository" => self.address.repository.clone()).set(left);
        }
        let body = body.into_with_config().limit(answer::MAX_ANSWER_BYTES as u64).read_to_vec();
        Ok((parts, body.map_err(|error| unreachable(&error))?))
    }
}

/// An agent with a timeout and without redirects, which returns every status as a response.
pub(super) fn agent() -> ureq::Agent {
    let agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0);
    let agent = agent.input_buffer_size(2 * BUFFER).max_response_header_size(BUFFER).output_buffer_size(BUFFER);
    agent.http_status_as_error(false).build().into()
}

/// Runs a call on a thread that may block.
async fn away<T: Send + 'static>(call: impl FnOnce() -> Result<T, ApiError> + Send + 'static) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(call).await;
    done.unwrap_or_else(|panic| Err(ApiError::Unreachable { reason: format!("the call panicked: {panic}") }))
}

#[async_trait]
impl Calls for Client {
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ApiError> {
        let (client, path, body) = (self.clone(), path.to_owned(), body.map(Value::to_string));
        let call = move || {
            let (parts, body) = client.send(method, &path, body)?;
            answer::read(parts.status, &parts.headers, &body)
        };
        away(call).await
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}
