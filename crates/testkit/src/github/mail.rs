//! Webhooks as GitHub sends them.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::server::{Answer, refused};
use super::{Site, shapes};
use crate::api::{self, Api};
use crate::load::signature;

/// A webhook that was or will be sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its identifier, the same when it is sent again.
    pub guid: String,
    /// What it tells of.
    pub event: String,
    /// What it says.
    pub body: Value,
}

/// An attempt to send a webhook, as the App's page keeps it.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) id: u64,
    pub(super) delivery: Delivery,
    /// What was answered; a server that is not reached is a 502 there.
    pub(super) status: u16,
    pub(super) at: Timestamp,
}

/// Attempts on a page unless another number is asked for.
const PAGE: usize = 30;

/// `GET /app/hook/deliveries`: newest first, a cursor names the attempt that a page begins behind.
pub(super) async fn list(
    Shared(site): Shared<Arc<Site>>,
    Query(query): Query<HashMap<String, String>>,
) -> (HeaderMap, Json<Value>) {
    let state = site.lock();
    let behind = query.get("cursor").and_then(|cursor| cursor.strip_prefix("v1_")?.parse().ok()).unwrap_or(u64::MAX);
    let most = query.get("per_page").and_then(|most| most.parse().ok()).unwrap_or(PAGE).min(100);
    let mut older = state.attempts.iter().rev().filter(|attempt| attempt.id < behind);
    let page: Vec<&Attempt> = older.by_ref().take(most).collect();
    let mut headers = HeaderMap::new();
    if let (Some(last), Some(_)) = (page.last(), older.next()) {
        let link = format!("<https://api.github.example/app/hook/deliveries?cursor=v1_{}>; rel=\"next\"", last.id);
        headers.insert("link", link.parse().expect("a header"));
    }
    (headers, Json(page.into_iter().map(shapes::attempt).collect()))
}

/// `GET /app/hook/deliveries/{id}`.
pub(super) async fn show(Shared(site): Shared<Arc<Site>>, Path(id): Path<u64>) -> Answer {
    let state = site.lock();
    let found = state.attempts.iter().find(|attempt| attempt.id == id);
    let found = found.ok_or_else(|| refused(StatusCode::NOT_FOUND, "Not Found"))?;
    Ok((StatusCode::OK, Json(shapes::attempt_in_full(found))))
}

impl Delivery {
    /// The same event under another identifier, as a second hook of the repository would send it.
    #[must_use]
    pub fn by_another_hook(&self) -> Self {
        Self { guid: format!("{}-again", self.guid), ..self.clone() }
    }

    /// Sends it, signed.
    pub async fn send(&self, api: &Api, path: &str, secret: &str) -> Result<api::Answer> {
        let body = self.body.to_string().into_bytes();
        let signature = signature(secret, &body);
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", "GitHub-Hookshot/double"),
            ("x-github-event", &*self.event),
            ("x-github-delivery", &*self.guid),
            ("x-hub-signature-256", &*signature),
        ];
        api.send("POST", path, &headers, body).await
    }
}
