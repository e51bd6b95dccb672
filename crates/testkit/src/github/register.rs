//! Apps that are registered by a manifest: what GitHub's page does with one, and the code that comes of it.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::server::{Answer, refused};
use super::{APP_ID, GitHub, Site, shapes};

/// Which permission each event needs ("Webhook events and payloads").
const EVENTS: &[(&str, &str)] = &[
    ("check_run", "checks"),
    ("check_suite", "checks"),
    ("issue_comment", "issues"),
    ("merge_group", "merge_queues"),
    ("pull_request", "pull_requests"),
    ("push", "contents"),
];

/// An App that waits to be fetched by its code.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    code: String,
    manifest: Value,
}

impl GitHub {
    /// Takes a manifest as the page does that the form leads to, and answers the code that it sends back.
    pub fn register(&self, manifest: &str) -> Result<String> {
        let manifest: Value = serde_json::from_str(manifest)?;
        for name in ["name", "url", "redirect_url"] {
            ensure!(manifest[name].as_str().is_some_and(|text| !text.is_empty()), "`{name}` can't be blank");
        }
        for event in manifest["default_events"].as_array().into_iter().flatten() {
            let Some((name, permission)) = EVENTS.iter().find(|(name, _)| event == name) else {
                bail!("Default events unsupported: {event}");
            };
            let is_there = manifest["default_permissions"][permission].is_string();
            ensure!(is_there, "Default events are not supported by permissions: {name}");
        }
        let mut state = self.site.lock();
        let code = format!("{:040x}", state.new_id());
        state.registered.push(Registered { code: code.clone(), manifest });
        Ok(code)
    }
}

pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new().route("/app-manifests/{code}/conversions", post(convert))
}

/// A code can be exchanged once.
async fn convert(Shared(site): Shared<Arc<Site>>, Path(code): Path<String>) -> Answer {
    let mut state = site.lock();
    let Some(index) = state.registered.iter().position(|waiting| waiting.code == code) else {
        return Err(refused(StatusCode::NOT_FOUND, "Not Found"));
    };
    let Registered { manifest, .. } = state.registered.remove(index);
    let mut app = shapes::app();
    for (name, value) in [
        ("id", json!(APP_ID)),
        ("name", manifest["name"].clone()),
        ("external_url", manifest["url"].clone()),
        ("permissions", manifest["default_permissions"].clone()),
        ("events", manifest["default_events"].clone()),
        ("client_id", json!("Iv1.0123456789abcdef")),
        ("client_secret", json!("a secret that is not asked for")),
        ("webhook_secret", json!("a secret of the webhook")),
        ("pem", json!(state.setup.new_key)),
    ] {
        app[name] = value;
    }
    Ok((StatusCode::CREATED, Json(app)))
}
