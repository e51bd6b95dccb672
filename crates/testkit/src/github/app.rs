//! What the App and the robot are told of themselves: permissions, events, webhooks and limits.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Extension, Json, Router};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::guard::Caller;
use super::server::{Answer, refused};
use super::{APP_KEY, Site, shapes};

/// What the owner of the App and of the repository has set.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What the App asks for.
    pub requested: Value,
    /// What its installation was granted.
    pub granted: Value,
    /// What the App is told of.
    pub events: Vec<String>,
    /// The App's webhook: `url`, `content_type`, `secret`, `insecure_ssl`; null if there is none.
    pub webhook: Value,
    /// The webhooks of the repository.
    pub hooks: Vec<Value>,
    /// Whether the App is installed at all.
    pub is_installed: bool,
    /// Until when the robot's token holds, as GitHub writes it.
    pub token_until: Option<String>,
    /// The private key of an App that is registered.
    pub new_key: String,
    /// How far GitHub's clock is ahead of this machine's.
    pub clock: SignedDuration,
}

impl Setup {
    /// An App that has all that it needs, with a webhook that leads nowhere yet.
    pub(super) fn new() -> Self {
        let permissions = json!({
            "checks": "write", "contents": "write", "deployments": "write", "issues": "read", "merge_queues": "read",
            "metadata": "read", "pull_requests": "write",
        });
        let events = ["check_run", "check_suite", "issue_comment", "merge_group", "pull_request", "push"];
        Self {
            requested: permissions.clone(),
            granted: permissions,
            events: events.map(str::to_owned).into(),
            webhook: webhook("https://slipway.example/webhooks/digits"),
            hooks: Vec::new(),
            is_installed: true,
            token_until: None,
            new_key: APP_KEY.to_owned(),
            clock: SignedDuration::ZERO,
        }
    }

    /// Whether the installation was granted everything that a token is asked for.
    pub(super) fn grants(&self, asked: &Value) -> bool {
        let level = |word: &Value| match word.as_str() {
            Some("write") => 2,
            Some("read") => 1,
            _ => 0,
        };
        asked.as_object().into_iter().flatten().all(|(name, word)| level(word) <= level(&self.granted[name]))
    }
}

/// A webhook that leads to an address, as it should be.
pub fn webhook(url: &str) -> Value {
    json!({ "url": url, "content_type": "json", "secret": "********", "insecure_ssl": "0" })
}

pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/app", get(app))
        .route("/app/hook/config", get(hook_config))
        .route("/rate_limit", get(limits))
        .route("/repos/team/models", get(repository))
        .route("/repos/team/models/installation", get(installation))
        .route("/repos/team/models/hooks", get(hooks))
}

async fn app(Shared(site): Shared<Arc<Site>>) -> Json<Value> {
    let setup = &site.lock().setup;
    let mut app = shapes::app();
    app["permissions"] = setup.requested.clone();
    app["events"] = json!(setup.events);
    app["owner"]["type"] = json!("Organization");
    Json(app)
}

async fn hook_config(Shared(site): Shared<Arc<Site>>) -> Answer {
    match &site.lock().setup.webhook {
        Value::Null => Err(refused(StatusCode::NOT_FOUND, "Not Found")),
        webhook => Ok((StatusCode::OK, Json(webhook.clone()))),
    }
}

async fn installation(Shared(site): Shared<Arc<Site>>) -> Answer {
    let setup = &site.lock().setup;
    if !setup.is_installed {
        return Err(refused(StatusCode::NOT_FOUND, "Not Found"));
    }
    let mut installation = shapes::installation();
    installation["permissions"] = setup.granted.clone();
    installation["events"] = json!(setup.events);
    Ok((StatusCode::OK, Json(installation)))
}

async fn limits(Shared(site): Shared<Arc<Site>>) -> Answer {
    let state = site.lock();
    let Some(limits) = &state.guard.limits else {
        return Err(refused(StatusCode::NOT_FOUND, "Rate limiting is not enabled."));
    };
    let core = limits.core();
    let answer = json!({ "resources": { "core": core, "search": core }, "rate": core });
    Ok((StatusCode::OK, Json(answer)))
}

async fn repository() -> Json<Value> {
    Json(shapes::full_repository())
}

async fn hooks(Extension(caller): Extension<Caller>, Shared(site): Shared<Arc<Site>>) -> Answer {
    if caller != Caller::Robot {
        return Err(refused(StatusCode::FORBIDDEN, "Resource not accessible by integration"));
    }
    let hooks: Vec<Value> = site.lock().setup.hooks.iter().zip(1..).map(|(hook, id)| shapes::hook(id, hook)).collect();
    Ok((StatusCode::OK, Json(json!(hooks))))
}

/// What every answer says: the date, and of a robot's token until when it holds and what for.
pub(super) fn headers(setup: &Setup, caller: Option<Caller>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !setup.clock.is_zero() {
        let now = jiff::Timestamp::now() + setup.clock;
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).expect("a date");
        headers.insert("date", date.parse().expect("a header"));
    }
    if caller == Some(Caller::Robot) {
        headers.insert("x-oauth-scopes", "repo".parse().expect("a header"));
        if let Some(until) = &setup.token_until {
            headers.insert("github-authentication-token-expiration", until.parse().expect("a header"));
        }
    }
    headers
}
