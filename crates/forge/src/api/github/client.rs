//! Calls GitHub's API through `octocrab`, without its redirects and without its own retries, which repeat a POST immediately.
//! This file reads the responses, because octocrab's typed calls drop the headers that request a wait.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Mutex;
use ureq::http::header::{AUTHORIZATION, HeaderValue, IF_NONE_MATCH, LINK, USER_AGENT};
use ureq::http::request::Builder;
use ureq::http::{HeaderMap, Method, Request, StatusCode};

use super::app::{AppLogin, Token, wanted};
use super::budget::{Budget, Permit};
use super::transport::Transport;
use super::unchanged::Answers;
use crate::api::address::Address;
use crate::api::http::{AGENT, Calls, TIMEOUT};
use crate::api::preflight::ProbeAnswer;
use crate::api::{ApiError, Login, Purpose, RefusalOf, answer};
use slipway_domain::spoken;

/// The header that selects the version of the API. Without it, GitHub chooses the version.
const VERSION: &str = "x-github-api-version";

/// How long a call waits for the budget. If it would have to wait longer, it returns an error with the wait.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// A response before its body is parsed.
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answered {
    fn read(&self) -> Result<Value, ApiError> {
        answer::read(self.status, &self.headers, &self.body)
    }
}

/// The client of GitHub's API for one repository.
pub(super) struct Client {
    address: Address,
    login: Login,
    purpose: Purpose,
    budget: Arc<Budget>,
    answers: Answers,
    transport: Arc<Transport>,
    installation: Mutex<Option<u64>>,
    token: Mutex<Option<Token>>,
}

impl Client {
    pub(super) fn new(address: Address, login: Login, purpose: Purpose) -> Self {
        let (transport, installation) = (Transport::of(&address.url), Mutex::new(None));
        let budget = Budget::of(&address.url, &whose(&address, &login));
        let answers = Answers::default();
        Self { address, login, purpose, budget, answers, transport, installation, token: Mutex::new(None) }
    }

    /// The App, if the login is one.
    pub(super) fn app(&self) -> Option<&AppLogin> {
        match &self.login {
            Login::App(app) => Some(app),
            Login::Token(_) => None,
        }
    }

    /// The address of the API.
    pub(super) fn url(&self) -> &str {
        &self.address.url
    }

    /// The purpose of the calls.
    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The repository of the calls.
    pub(super) fn repository(&self) -> &str {
        &self.address.repository
    }

    /// The bearer token for a call: the token of the settings, or a fresh token of the App's installation.
    async fn bearer(&self) -> Result<String, ApiError> {
        let app = match &self.login {
            Login::Token(token) => return Ok(token.to_string()),
            Login::App(app) => app,
        };
        let mut token = self.token.lock().await;
        let now = Timestamp::now();
        if let Some(fresh) = token.as_ref().filter(|token| token.is_fresh(now)) {
            return Ok(fresh.text.clone());
        }
        let claim = app.claim(now)?;
        let new = self.new_token(&claim).await.map_err(ApiError::of_login)?;
        let text = new.text.clone();
        *token = Some(new);
        Ok(text)
    }

    /// Requests a new token of the App's installation. The caller holds the lock of `token`, so that only one request runs at a
    /// time.
    async fn new_token(&self, claim: &str) -> Result<Token, ApiError> {
        let known = *self.installation.lock().await;
        let installation = if let Some(known) = known {
            known
        } else {
            let path = format!("/repos/{}/installation", self.address.repository);
            answer::number(&self.send(Method::GET, &path, None, claim, None).await?.read()?, "/id")?
        };
        let path = format!("/app/installations/{installation}/access_tokens");
        let body = wanted(&self.address.repository, self.purpose);
        let made = self.send(Method::POST, &path, Some(&body), claim, None).await?.read();
        // After a refusal the installation may no longer exist: an App that was installed again has another identifier.
        *self.installation.lock().await = made.is_ok().then_some(installation);
        Token::read(&made?)
    }

    /// A call as the App itself, not for a repository. Returns the document and the `Link` header with the next page. These calls
    /// have their own rate limit.
    pub(super) async fn call_as_app(&self, method: Method, path: &str) -> Result<(Value, Option<String>), ApiError> {
        let app = self.app().ok_or(ApiError::Unsupported { what: "calls that need a GitHub App" })?;
        let answered = self.send(method, path, None, &app.claim(Timestamp::now())?, None).await?;
        let link = answered.headers.get(LINK).and_then(|link| link.to_str().ok()).map(str::to_owned);
        Ok((answered.read()?, link))
    }

    /// Reads `path` as the App itself or with the token of the settings, and returns the response with the facts about the
    /// connection. The budget does not limit this call, because it also reads the limits.
    pub(super) async fn probe(&self, path: &str) -> Result<ProbeAnswer, ApiError> {
        let bearer = match &self.login {
            Login::Token(token) => token.to_string(),
            Login::App(app) => app.claim(Timestamp::now())?,
        };
        self.probe_as(&bearer, path).await
    }

    /// The same as the App's installation. The installation gets a token only if it has all required permissions.
    pub(super) async fn probe_as_installation(&self, path: &str) -> Result<ProbeAnswer, ApiError> {
        let bearer = self.bearer().await?;
        self.probe_as(&bearer, path).await
    }

    async fn probe_as(&self, bearer: &str, path: &str) -> Result<ProbeAnswer, ApiError> {
        let asked_at = Timestamp::now();
        let Answered { status, headers, body } = self.send(Method::GET, path, None, bearer, None).await?;
        Ok(ProbeAnswer::new(status, headers, &body, asked_at))
    }

    /// A call that counts against the login's limits. It is made within the limits or not at all.
    async fn ask(&self, method: &Method, path: &str, body: Option<&Value>, bearer: &str) -> Result<Value, ApiError> {
        let _permit = self.permit(method, path).await?;
        let known = if *method == Method::GET { self.answers.known(path) } else { None };
        let tag = known.as_ref().map(|known| &known.tag);
        let mut answered = self.send(method.clone(), path, body, bearer, tag).await?;
        self.budget.note(answered.status, &answered.headers);
        if let Some(left) = answer::calls_left(&answered.headers) {
            metrics::gauge!("slipway_forge_calls_left", "repository" => self.address.repository.clone()).set(left);
        }
        match known {
            Some(known) if answered.status == StatusCode::NOT_MODIFIED => {
                metrics::counter!("slipway_forge_calls_unchanged_total").increment(1);
                (answered.status, answered.body) = (StatusCode::OK, known.body);
            }
            _ if *method == Method::GET => {
                self.answers.note(path, answered.status, &answered.headers, &answered.body);
            }
            _ => {}
        }
        let read = answered.read();
        if let Err(ApiError::Throttled { pause }) = &read {
            metrics::counter!("slipway_forge_calls_refused_total", "by" => "forge").increment(1);
            self.budget.pause(*pause);
        }
        read
    }

    async fn permit(&self, method: &Method, path: &str) -> Result<Permit<'_>, ApiError> {
        let mut remaining_wait = SHORT_WAIT;
        loop {
            let pause = match self.budget.take(method, path).await {
                Ok(permit) => return Ok(permit),
                Err(pause) => pause,
            };
            let Some(left) = remaining_wait.checked_sub(pause) else {
                metrics::counter!("slipway_forge_calls_refused_total", "by" => "budget").increment(1);
                return Err(ApiError::Throttled { pause });
            };
            remaining_wait = left;
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a call. With `tag`, the call is conditional: GitHub responds with a body only if the response has another tag.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        bearer: &str,
        tag: Option<&HeaderValue>,
    ) -> Result<Answered, ApiError> {
        let help = "the token contains characters that are not allowed in a header";
        let mut login = HeaderValue::from_str(&format!("Bearer {bearer}")).map_err(|_| ApiError::Refused {
            of: RefusalOf::Login,
            reason: "the token cannot be sent".to_owned(),
            help,
        })?;
        login.set_sensitive(true);
        let request = Request::builder().method(method).uri(path);
        let request = request.header(AUTHORIZATION, login).header(USER_AGENT, AGENT).header(VERSION, "2022-11-28");
        let request = match tag {
            Some(tag) => request.header(IF_NONE_MATCH, tag),
            None => request,
        };
        let late = |_| ApiError::Unreachable { reason: format!("no response within {}", spoken(TIMEOUT)) };
        tokio::time::timeout(TIMEOUT, self.carry(request, body)).await.map_err(late)?
    }

    async fn carry(&self, request: Builder, body: Option<&Value>) -> Result<Answered, ApiError> {
        let octocrab = self.transport.connected().await.map_err(|error| unreachable(&error))?;
        let request = octocrab.build_request(request, body).map_err(|error| unreachable(&error))?;
        let (parts, body) = octocrab.execute(request).await.map_err(|error| unreachable(&error))?.into_parts();
        let body = Limited::new(body, answer::MAX_ANSWER_BYTES).collect().await;
        let body =
            body.map_err(|error| ApiError::Unreachable { reason: format!("the response ended early: {error}") })?;
        Ok(Answered { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }
}

/// The owner of the rate limit: the App's installation at the repository's owner, or the token.
fn whose(address: &Address, login: &Login) -> String {
    match login {
        Login::App(app) => {
            format!("App {} at {}", app.id(), address.repository.split('/').next().unwrap_or_default())
        }
        Login::Token(token) => {
            let mut hasher = DefaultHasher::new();
            token.hash(&mut hasher);
            format!("token {:016x}", hasher.finish())
        }
    }
}

/// The first line of octocrab's error is the reason. The other lines show where in octocrab's code it occurred.
fn unreachable(error: &octocrab::Error) -> ApiError {
    let reason = error.to_string();
    ApiError::Unreachable { reason: reason.lines().next().unwrap_or_default().chars().take(300).collect() }
}

#[async_trait]
impl Calls for Client {
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ApiError> {
        let bearer = self.bearer().await?;
        let refused = match self.ask(&method, path, body, &bearer).await {
            Err(error @ ApiError::Refused { .. }) if self.app().is_some() => error,
            answered => return answered,
        };
        // A token can become invalid before its expiry: it was revoked, or the clocks differ. GitHub did not perform a call that
        // it refused for this reason, so the call can be repeated.
        if !matches!(refused, ApiError::Refused { of: RefusalOf::Login, .. }) {
            return Err(refused);
        }
        self.token.lock().await.take_if(|token| token.text == bearer);
        let bearer = self.bearer().await?;
        self.ask(&method, path, body, &bearer).await
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("address", &self.address).field("login", &self.login).finish_non_exhaustive()
    }
}
